"""The page's pure modules under Node's own test runner, as they are delivered."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from oneliner.web.static_files import FOLDER, deliverable
from tests.support.node import node

HERE = Path(__file__).parent
MODULES = sorted(HERE.glob("*.test.mjs"))


@pytest.fixture(scope="session")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every module as browsers are sent it."""
    folder = tmp_path_factory.mktemp("static")
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")
    for path in FOLDER.rglob("*.js"):
        target = folder / path.relative_to(FOLDER)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(deliverable(path).body)
    return folder


def test_every_module_is_still_one_when_it_is_delivered(delivered: Path) -> None:
    for path in sorted(delivered.rglob("*.js")):
        done = subprocess.run([node(), "--check", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_the_page_module_does_what_its_tests_say(delivered: Path, module: Path) -> None:
    places = {**os.environ, "ONELINER_PAGE_FILES": (delivered / "oneliner").as_uri() + "/"}
    done = subprocess.run([node(), "--test", str(module)], capture_output=True, text=True, check=False, env=places)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr
