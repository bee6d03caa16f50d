"""Finding the executors of a deployment: in a file, in modules, and both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import oneliner
from oneliner.adapters.executors.loading import load
from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from pathlib import Path

MODULE = '''
from oneliner import Executor, ExecutorContext, executor

researcher = Executor(name="researcher", tools=("look",))
alias = researcher

@executor(name="worker", tools=["pay"], max_steps=2)
async def work(context: ExecutorContext) -> str:
    """Does the work.

    And more.
    """
    return context.task
'''


@pytest.fixture
def module(tmp_path: Path) -> Path:
    path = tmp_path / "staff.py"
    path.write_text(MODULE)
    return path


def test_both_the_file_and_modules_are_read(tmp_path: Path, module: Path) -> None:
    file = tmp_path / "executors.toml"
    file.write_text("[executors.payer]\n")
    roster, functions = load(file, [str(module)])
    assert [one.name for one in roster] == ["main", "payer", "researcher", "worker"]
    assert (roster.functions, set(functions)) == ({"worker"}, {"worker"})
    worker = roster.find("worker")
    assert (worker.description, worker.tools, worker.max_steps) == ("Does the work.", ("pay",), 2)


def test_without_any_there_is_the_main_agent() -> None:
    roster, functions = load(None, [])
    assert ([one.name for one in roster], functions) == (["main"], {})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[executors.a", "no TOML"),
        (b"[executors.a]\nx = 1", "no field 'x'"),
        (b"\xff", "no TOML"),
        (b"#" * 1_000_001, "larger"),
    ],
    ids=["cut", "field", "bytes", "large"],
)
def test_a_file_that_is_none_is_refused_by_its_name(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "executors.toml"
    file.write_bytes(content)
    with pytest.raises(Invalid, match=rf"executors\.toml.*{said}"):
        load(file, [])


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="cannot be read"):
        load(tmp_path / "missing.toml", [])


def test_a_module_without_executors_and_a_name_that_is_taken_are_refused(tmp_path: Path, module: Path) -> None:
    empty = tmp_path / "empty.py"
    empty.write_text("x = 1\n")
    with pytest.raises(Invalid, match="has no executors"):
        load(None, [str(empty)])
    file = tmp_path / "executors.toml"
    file.write_text("[executors.worker]\n")
    with pytest.raises(Invalid, match="two executors are called 'worker'"):
        load(file, [str(module)])


def test_the_mark_goes_on_async_functions_with_a_name() -> None:
    with pytest.raises(TypeError, match="async function"):

        @oneliner.executor()
        def plain(context: oneliner.ExecutorContext) -> str:
            return context.task

    with pytest.raises(Invalid, match="no name"):

        @oneliner.executor(name="No Name")
        async def work(context: oneliner.ExecutorContext) -> str:
            return context.task
