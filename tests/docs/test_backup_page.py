"""The commands of the page about backups, run as they stand there; for SQLite also the test of ``oneliner backup``."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import make_url
from tests.cli.command_kit import environment, serving
from tests.support.databases import POSTGRES_URL, dsn, now, postgres_tables, statement
from tests.support.invariants import check_rows

from oneliner.client import Client

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "backup.md").read_text(encoding="utf-8")
LITE, DUMP, RESTORE, AFTERWARDS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
ONELINER = f"{sys.executable} -m oneliner"


def typed(script: str, folder: Path, data_dir: Path, **variables: str) -> str:
    """What a shell says to *script* in *folder*."""
    text = re.sub(r"\boneliner (?=[a-z])", f"{ONELINER} ", script)
    done = subprocess.run(
        ["bash", "-euc", text],
        cwd=folder,
        env=environment(data_dir, **variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_commands_for_sqlite_work(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    backup, restore = LITE.splitlines()
    with serving(data_dir):
        typed('oneliner run "What is 17 times 23?"', tmp_path, data_dir)
        typed(backup, tmp_path, data_dir)
    typed(restore, tmp_path, data_dir)
    typed(AFTERWARDS, tmp_path, data_dir)


@pytest.fixture
def restored_url(postgres_url: str) -> Iterator[str]:
    """Where the page restores to: a database of the server's that there is only one of."""
    name = f"{make_url(postgres_url).database}_restored"
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    now(statement(POSTGRES_URL, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def test_a_dump_under_load_goes_on_after_the_servers_were_killed(
    tmp_path: Path, postgres_url: str, restored_url: str
) -> None:
    if shutil.which("pg_dump") is None and not os.environ.get("CI"):
        pytest.skip("no pg_dump")
    data_dir = tmp_path / "data"
    variables = {"DATABASE": dsn(postgres_url), "RESTORED": dsn(restored_url)}
    with serving(data_dir, ONELINER_DATABASE_URL=postgres_url) as served:
        token = typed("oneliner token --user ann", tmp_path, data_dir).strip()
        with Client(served.url, token) as client:
            for n in range(20):
                client.start_chat(message=f"tell me a long story, number {n}")
        typed(DUMP, tmp_path, data_dir, **variables)
        served.process.kill()
        served.process.wait()
    renamed = RESTORE.replace("oneliner_restored", str(make_url(restored_url).database))
    typed(renamed, tmp_path, data_dir, **variables)
    held = {run["id"] for run in now(postgres_tables(restored_url))["agent_runs"]}
    assert len(held) == 20

    async def until_ended() -> dict[str, str]:
        async with asyncio.timeout(90):
            while True:
                found = await statement(restored_url, "SELECT id, run_status FROM agent_runs")
                states = {str(row["id"]): str(row["run_status"]) for row in found}
                if set(states.values()) <= {"done"}:
                    return states
                await asyncio.sleep(0.05)

    with serving(data_dir, ONELINER_DATABASE_URL=restored_url, ONELINER_LEASE_SECONDS="3"):
        assert set(now(until_ended())) == held
    check_rows(now(postgres_tables(restored_url)))
