"""A PostgreSQL server of a test's own, to stop, kill and fill up; it keeps what it committed, as a real one does."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TypedDict

from tests.support.databases import now, statement
from tests.support.redis import free_port

READY_SECONDS = 30.0
_BINARIES = ("usr/lib/postgresql/*/bin", "opt/homebrew/opt/postgresql*/bin", "usr/local/opt/postgresql*/bin")


class _Identity(TypedDict):
    user: int | None
    group: int | None
    extra_groups: list[int] | None


def programs() -> Path | None:
    """The newest folder with the programs of a server; None: there is none."""
    found = [path for pattern in _BINARIES for path in Path("/").glob(pattern) if (path / "initdb").exists()]
    if found:
        return max(found, key=lambda path: [int(n) for n in re.findall(r"\d+", str(path))])
    on_path = shutil.which("initdb")
    return None if on_path is None else Path(on_path).resolve().parent


def _identity() -> _Identity:
    """As whom to run it: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {"user": None, "group": None, "extra_groups": None}
    accounts = {account.pw_name: account for account in pwd.getpwall()}
    account = accounts.get("postgres") or accounts["nobody"]
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


class PrivatePostgres:
    """A server on a free port. *parent*: where its files go, if it matters (a small disk, say)."""

    def __init__(self, parent: Path | None = None) -> None:
        found = programs()
        assert found is not None
        self._programs = found
        # Not a folder of pytest: those are closed to the account that the server runs as.
        self.folder = Path(tempfile.mkdtemp(prefix="oneliner-pg-", dir=parent or "/tmp"))
        self._identity = _identity()
        if self._identity["user"] is not None and self._identity["group"] is not None:
            os.chown(self.folder, self._identity["user"], self._identity["group"])
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://postgres@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Make the empty cluster."""
        subprocess.run(
            [
                *(self._programs / "initdb", "-D", self.folder / "cluster", "-U", "postgres"),
                *("-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"),
            ],
            check=True,
            capture_output=True,
            cwd="/",
            **self._identity,
        )

    def start(self) -> None:
        """Begin to serve; back when it takes connections."""
        self.launch()
        deadline = time.monotonic() + READY_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def launch(self) -> None:
        """Begin to serve; back at once."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._programs / "postgres", "-D", self.folder / "cluster", "-p", str(self.port)),
                    *(
                        "-c",
                        "listen_addresses=127.0.0.1",
                        "-c",
                        "unix_socket_directories=",
                        "-c",
                        "max_connections=200",
                    ),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
                **self._identity,
            )

    def answers(self) -> bool:
        """Whether it takes connections now."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                pass
            now(statement(self.url, "SELECT 1"))
        except Exception:  # noqa: BLE001 - whatever it says while it starts, it does not take connections yet
            return False
        return True

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """End it: SIGINT is orderly, SIGQUIT is a crash that leaves nothing behind but its files."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(how)
            self._process.wait(READY_SECONDS)
            self._process = None

    def remove(self) -> None:
        """Leave nothing behind."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
