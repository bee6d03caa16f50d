from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cli.command_kit import serving

from oneliner.settings import Settings
from oneliner.wiring import issue_token

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.command_kit import Served

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "clients.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("docs") / "data") as server:
        yield server


@pytest.mark.parametrize(("block", "printed"), [*zip(BLOCKS, ["391", "done", "run.completed"], strict=True)])
def test_the_examples_run(block: str, printed: str, served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    token = issue_token(Settings.load({}, data_dir=served.data_dir), "reader", ttl_seconds=600)

    exec(block.replace("http://127.0.0.1:8000", served.url), {"token": token})  # noqa: S102 - the page's own code

    assert printed in capsys.readouterr().out
