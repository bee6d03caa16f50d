from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest
from tests.cli.command_kit import Served, environment, serving

from oneliner import cli

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True)
class Called:
    """What came of a command."""

    code: object
    out: str
    err: str


class Call(Protocol):
    def __call__(self, *arguments: str, data_dir: Path, **variables: str) -> Called: ...


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server with the demo model, for the tests that do not stop or change it."""
    with serving(tmp_path_factory.mktemp("served") / "data") as running:
        yield running


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Calls a command in this process, which saves the second that a process of its own takes to start."""

    def call(*arguments: str, data_dir: Path, **variables: str) -> Called:
        with monkeypatch.context() as patch:
            for name in list(os.environ):
                patch.delenv(name)
            for name, value in environment(data_dir, **variables).items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["oneliner", *arguments])
            with pytest.raises(SystemExit) as ended:
                cli.main()
        said = capsys.readouterr()
        return Called(ended.value.code, said.out, said.err)

    return call
