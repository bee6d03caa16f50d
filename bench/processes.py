"""Processes under measurement: started on a processor of their own, and what the kernel says they used."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TICKS = os.sysconf("SC_CLK_TCK")


class Measured:
    """A process that prints its base URL as the first line that holds one; or one that says *ready* when it is, and has
    none. *cpu* is its processor, None any.
    """

    def __init__(
        self, command: list[str], *, cpu: int | None, env: dict[str, str] | None = None, ready: str = ""
    ) -> None:
        cpus = os.cpu_count() or 1
        self._process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if ready else None,
            text=True,
            env={**os.environ, **(env or {})},
        )
        if cpu is not None:
            # Before its first thread can have been started.
            os.sched_setaffinity(self._process.pid, {cpu % cpus})
        self.url = "" if ready else self._first_url()
        if ready and not any(ready in line for line in self._process.stdout or ()):
            raise SystemExit(f"the process ended before it said {ready!r}")

    def _first_url(self) -> str:
        for line in self._process.stdout or ():
            for word in line.split():
                if word.startswith("http://127.0.0.1"):
                    return word.split("/#")[0].rstrip("/")
        raise SystemExit("the process ended before it said where it listens")

    @property
    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    @property
    def memory_mb(self) -> float:
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running(
    command: list[str], *, cpu: int | None, env: dict[str, str] | None = None, ready: str = ""
) -> Iterator[Measured]:
    process = Measured([sys.executable, *command], cpu=cpu, env=env, ready=ready)
    try:
        yield process
    finally:
        process.stop()
