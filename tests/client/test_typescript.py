"""The client for TypeScript, built and run under Node.js at a real server."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from oneliner.settings import Settings
from oneliner.wiring import issue_token
from tests.cli.command_kit import serving
from tests.support.node import node

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients/typescript"


def test_the_client_does_what_its_tests_say(tmp_path: Path) -> None:
    run(node(), str(CLIENT / "node_modules/typescript/bin/tsc"), "-p", str(CLIENT))
    with serving(tmp_path / "data") as server:
        token = issue_token(Settings.load({}, data_dir=server.data_dir), "ann", ttl_seconds=600)
        run(node(), "--test", str(CLIENT / "test"), ONELINER_SERVER=server.url, ONELINER_TOKEN=token)


def run(*command: str, **variables: str) -> None:
    done = subprocess.run(command, env={**os.environ, **variables}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr
