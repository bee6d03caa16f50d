"""The data folder of an embedded server, and the right to be the one that uses it.

While a server holds the lock, no other one runs on the same database, so every lease found there at the start belongs
to a process that is dead: its runs go on at once instead of after their leases have run out.
"""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING

from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SERVER_FILE = "server.json"


def prepared(path: Path) -> Path:
    """*path*, created for its owner alone when it is not there. Raises Invalid: it cannot be."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Invalid(f"the data folder {str(path)!r} cannot be made: {error.strerror}", setting="data_dir") from error
    if not os.access(path, os.W_OK):
        raise Invalid(f"the data folder {str(path)!r} cannot be written to", setting="data_dir")
    return path


class DataDirLock:
    """The right to serve from a data folder; the operating system ends it with the process, however that dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise Invalid(
                f"another server runs on {str(path)!r}: {running_server(path) or 'its address is not known yet'}. "
                "Stop it, or choose another --data-dir",
                setting="data_dir",
            ) from error

    def announce(self, url: str) -> None:
        """Write down where the server answers, for the commands that look for it."""
        whole = self._path / f"{SERVER_FILE}.new"
        whole.write_text(json.dumps({"url": url, "pid": os.getpid()}))
        whole.replace(self._path / SERVER_FILE)

    def release(self) -> None:
        """Let another server have it."""
        (self._path / SERVER_FILE).unlink(missing_ok=True)
        os.close(self._file)


def running_server(path: Path) -> str | None:
    """Where the server on a data folder answers, or None when none says so."""
    try:
        said: Mapping[str, object] = json.loads((path / SERVER_FILE).read_text())
        os.kill(int(str(said["pid"])), 0)
    except (OSError, ValueError, KeyError):
        return None
    return str(said["url"])
