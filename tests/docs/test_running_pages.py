"""What the pages for users say can be typed, and the codes they name exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cli.command_kit import environment, serving

from oneliner.adapters.tools.loading import load_module
from oneliner.domain.run import Reason, RunStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.command_kit import Served

DOCS = Path(__file__).resolve().parents[2] / "docs"
QUICK_STARTS = [DOCS / "quickstart.md", DOCS / "zh/quickstart.md"]
RUNBOOKS = [DOCS / "runbook.md", DOCS / "zh/runbook.md"]


def name_of(path: Path) -> str:
    return str(path.relative_to(DOCS))


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("docs") / "data") as server:
        yield server


@pytest.mark.parametrize("page", QUICK_STARTS, ids=name_of)
def test_the_requests_of_the_quick_start_work(page: Path, served: Served) -> None:
    _, ask, listen, *_ = blocks(page, "sh")
    script = f"set -eu\n{ask}\n{listen.replace('curl', 'curl --max-time 3')}"
    script = script.replace("http://127.0.0.1:8000", served.url)
    script = script.replace(".venv/bin/oneliner", f"{sys.executable} -m oneliner")

    done = subprocess.run(
        ["bash", "-c", script], env=environment(served.data_dir), capture_output=True, text=True, check=False
    )

    # The stream has no end; 28 is curl's word for the end of its time.
    assert done.returncode == 28, done.stderr
    assert '"run_status":"queued"' in done.stdout.replace(" ", "")
    assert "run.completed" in done.stdout


@pytest.mark.parametrize("page", QUICK_STARTS, ids=name_of)
def test_the_tool_of_the_quick_start_is_one(page: Path, tmp_path: Path) -> None:
    (code,) = blocks(page, "python")
    (tmp_path / "accounts.py").write_text(code, "utf-8")

    (tool,) = load_module(str(tmp_path / "accounts.py"))

    assert tool.__name__ == "account_status"


@pytest.mark.parametrize("page", RUNBOOKS, ids=name_of)
def test_the_reasons_and_states_in_the_runbook_exist(page: Path) -> None:
    symptoms = re.findall(r"^\| (.*?) \|", page.read_text("utf-8"), re.MULTILINE)
    words = {w for line in symptoms if "`failed`" in line or "`blocked`" in line for w in re.findall(r"`(\w+)`", line)}

    assert len(words) > 6
    assert words <= {*map(str, Reason), *map(str, RunStatus), "reason"}
