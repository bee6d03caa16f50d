"""Every command in the docs runs: each page's blocks, one after another, in one shell, as its reader would type them.

Beside the real program the shell finds stand-ins for what a test cannot do (see ``stand_in``). Addresses, keys and ids that
only a reader knows are replaced by ones that exist. A page whose commands are run by something else is named, with that.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from tests.cli.command_kit import environment, serving
from tests.support.databases import dsn

from oneliner.client import Client
from oneliner.client.answers import HandoffRequest
from oneliner.domain.user import Authority
from oneliner.settings import Settings
from oneliner.wiring import issue_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.databases import PostgresServer

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "clients").glob("*/README.md")])
#: A database of its own, beside those of other tests.
REDIS_URL = urlsplit(os.environ.get("ONELINER_TEST_REDIS_URL", "redis://127.0.0.1:6379"))._replace(path="/9").geturl()
#: Pages whose commands are run by something else, and by what.
ELSEWHERE = {
    "CONTRIBUTING.md": "CI runs these scripts; a test that ran the tests would not end",
    "docs/deploying.md": "tests/deploy, in a folder that stands in for a host, and on a real Debian",
    "docs/backup.md": "test_backup_page, with the servers that have to be stopped in between",
}
STAND_INS = {
    "bin/oneliner": "oneliner",
    "bin/pip": "pip",
    "bin/curl": "curl",
    "bin/celery": "celery",
    "bin/jq": "jq",
    ".venv/bin/oneliner": "oneliner",
    ".venv/bin/python": "python",
    "scripts/start": "start",
    "scripts/test": "pip install oneliner",
}
HANDOFF: dict[str, Any] = {
    "source_screen": "dashboard",
    "source_action_key": "primary-action",
    "plan_request": {"goal": "a goal", "steps": ["Read"]},
}
TOOL = '''
from oneliner import tool


@tool(read_only=True)
async def look_up(name: str) -> str:
    """Look a name up."""
    return name
'''


def commands(page: Path) -> str:
    blocks = re.findall(r"^```(sh|console|bash)\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    # What follows a dollar sign is typed; the rest of such a block, but for lines that go on, is what it answers.
    return "\n".join(re.sub(r"^\$ ", "", text, flags=re.MULTILINE) for _, text in blocks)


WITH_COMMANDS = {str(page.relative_to(ROOT)): text for page in PAGES if (text := commands(page))}


@dataclass
class Reader:
    """Somebody with a running server, who types what a page says."""

    folder: Path
    url: str
    replaced: dict[str, str]
    variables: dict[str, str]

    def types(self, text: str) -> subprocess.CompletedProcess[str]:
        for said, meant in self.replaced.items():
            text = re.sub(said, meant, text)
        script = f"set -euo pipefail\nPATH={self.folder}/bin:$PATH\n{text}"
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def reader(tmp_path: Path, postgres_server: PostgresServer) -> Iterator[Reader]:
    folder = tmp_path / "checkout"
    data_dir = tmp_path / "data"
    lay_out(folder)
    with (
        serving(data_dir) as served,
        postgres_server.fresh() as shared,
        postgres_server.fresh(migrated=False) as empty,
        postgres_server.fresh(migrated=False) as other,
    ):
        settings = Settings.load({}, data_dir=data_dir)
        token = issue_token(settings, "local", authority=Authority.ADMIN, ttl_seconds=3600)
        with Client(served.url, token) as admin:
            begun = admin.start_chat(message="hello")
            admin.wait(begun["run_id"])
            webhook = admin.create_webhook(url="https://app.example.com/oneliner", project_id="p1")
            schedule = admin.create_schedule(cron="0 9 * * *", handoff=HandoffRequest(title="a task", **HANDOFF))
        with Client(served.url, issue_token(settings, "ada", ttl_seconds=3600)) as ada:
            handoff = ada.create_run(title="a task", **HANDOFF)
        copy = folder / "oneliner.db"
        with closing(sqlite3.connect(data_dir / "oneliner.db")) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        distributed = {
            "ONELINER_DATABASE_URL": dsn(shared),
            "ONELINER_REDIS_URL": REDIS_URL,
            "ONELINER_BROKER_URL": REDIS_URL,
            "ONELINER_JWT_SECRET": "0123456789abcdef" * 3,
        }
        world = {
            "curl": shutil.which("curl"),
            "jq": shutil.which("jq"),
            "ids": {"run": begun["run_id"], "session": begun["session_id"], "schedules": schedule["id"]},
            "distributed": distributed,
        }
        yield Reader(
            folder,
            served.url,
            {
                r"http://127\.0\.0\.1:8000|https://agent\.example\.com": served.url,
                r"postgresql\+asyncpg://oneliner:…@db\.example\.com/oneliner": dsn(shared),
                r"postgresql://oneliner@db\.example\.com/oneliner": dsn(empty),
                r"postgresql://…": dsn(other),
                r"redis://redis\.example\.com/\d": REDIS_URL,
                r"ONELINER_JWT_SECRET=…": f"ONELINER_JWT_SECRET={distributed['ONELINER_JWT_SECRET']}",
                r"/var/lib/oneliner/oneliner\.db": str(copy),
                r"/var/lib/oneliner\b": str(folder / "lib"),
                r"ONELINER_MODEL=…": "ONELINER_MODEL=openai/gpt-5-mini",
                r"RUN_ID=…": f"RUN_ID={handoff['id']}",
                r"=(sk-)?…": "=a-key",
            },
            environment(
                data_dir,
                ONELINER_PORT="0",
                DOCS_WORLD=json.dumps(world),
                TOKEN=token,
                SERVER=served.url,
                ID=begun["session_id"],
                SESSION_ID=begun["session_id"],
                WEBHOOK_ID=webhook["id"],
                ONELINER_SERVER=served.url,
                ONELINER_TOKEN=token,
            ),
        )


def example(page: str, language: str) -> str:
    """The first example in *language* of a page of the docs."""
    found = re.search(
        rf"^```{language}\n(.*?)^```", (ROOT / "docs" / page).read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    assert found is not None
    return found[1]


def lay_out(folder: Path) -> None:
    """A checkout with an installed program, some changes, and the files that the pages speak of."""
    for name, program in STAND_INS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("stand_in.py")} {program} "$@"\n')
        path.chmod(0o755)
    (folder / "myapp").mkdir()
    for name in ("tools.py", "accounts.py", "myapp/tools.py"):
        (folder / name).write_text(TOOL, "utf-8")
    (folder / "executors.toml").write_text(example("executors.md", "toml"), "utf-8")
    (folder / "staff.py").write_text(example("executors.md", "python"), "utf-8")
    (folder / "mcp.json").write_text('{"mcpServers": {}}', "utf-8")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "tools.py"], cwd=folder, check=True)
    (folder / "tools.py").write_text(f"{TOOL}# a change\n", "utf-8")


@pytest.mark.timeout(900)  # the page of the commands starts some thirty programs
@pytest.mark.parametrize("page", sorted(WITH_COMMANDS.keys() - ELSEWHERE.keys()))
def test_every_command_of_the_page_runs(page: str, reader: Reader) -> None:
    done = reader.types(WITH_COMMANDS[page])

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


def test_a_page_that_is_run_elsewhere_has_commands() -> None:
    assert ELSEWHERE.keys() <= WITH_COMMANDS.keys()
