"""Real processes of ``oneliner``, in a clean environment, with pipes or with a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

COMMAND = (sys.executable, "-m", "oneliner")
READY = "Ctrl-C stops it."
WAIT_SECONDS = 60
PATIENCE_SECONDS = 10
_CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\r")


def environment(data_dir: Path, **more: str) -> dict[str, str]:
    """Nothing of the developer's own settings or keys."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    own = {"HOME": str(data_dir.parent), "ONELINER_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"}
    return {**kept, **own, "COLUMNS": "120", "LINES": "40", "TERM": "xterm", **more}


def oneliner(
    *arguments: str, data_dir: Path, said: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """A command, carried out to its end without a terminal."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(data_dir, **variables),
        input=said,
        stdin=subprocess.DEVNULL if said is None else None,
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )


@dataclass(frozen=True)
class Served:
    """A running ``oneliner serve``."""

    process: subprocess.Popen[str]
    out: IO[str]
    printed: str
    data_dir: Path

    @property
    def url(self) -> str:
        return self.fact("Address")

    def fact(self, label: str) -> str:
        found = re.search(rf"^ +{label} +(\S+)", self.printed, re.MULTILINE)
        assert found, self.printed
        return found[1]


@contextmanager
def serving(data_dir: Path, *arguments: str, command: tuple[str, ...] = COMMAND, **variables: str) -> Generator[Served]:
    """A server on a free port, that is killed at the end if it still runs."""
    with _started(data_dir, [*command, "serve", "--port", "0", *arguments], variables, None) as served:
        yield served


@contextmanager
def serving_logged(data_dir: Path, log: Path, variables: Mapping[str, str]) -> Generator[Served]:
    """The same, with its log lines in the file *log*."""
    with (
        log.open("w", encoding="utf-8") as lines_to,
        _started(data_dir, [*COMMAND, "serve", "--port", "0"], variables, lines_to) as served,
    ):
        yield served


@contextmanager
def _started(
    data_dir: Path, command: Sequence[str], variables: Mapping[str, str], lines_to: IO[str] | None
) -> Generator[Served]:
    with subprocess.Popen(
        command,
        env=environment(data_dir, **variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=lines_to,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line)
                if READY in line:
                    break
            assert READY in lines[-1], "".join(lines)
            yield Served(process, process.stdout, "".join(lines), data_dir)
        finally:
            process.kill()


class Terminal:
    """A command on a pseudo terminal. What was seen is consumed by :meth:`until`."""

    def __init__(self, *arguments: str, data_dir: Path, **variables: str) -> None:
        self._arguments = arguments
        self._environment: Mapping[str, str] = environment(data_dir, **variables)
        self._seen = b""
        self.screen = ""

    def __enter__(self) -> Self:
        self._own, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [*COMMAND, *self._arguments],
            env=self._environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._own)

    def until(self, text: str) -> None:
        """Wait for *text* on the screen, after all that was waited for before."""
        assert self._comes(text, WAIT_SECONDS), f"{text!r} did not come; the screen says: {self.screen}"

    def interrupt_until(self, text: str) -> None:
        """Press Ctrl-C for *text*, and again when it does not come: a signal that falls between the printing of a prompt
        and the reading of its answer is lost in the reading library, and a person would press again too.
        """
        for _ in range(6):
            self.process.send_signal(signal.SIGINT)
            if self._comes(text, PATIENCE_SECONDS):
                return
        raise AssertionError(f"{text!r} did not come; the screen says: {self.screen}")

    def _comes(self, text: str, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while (at := self.screen.find(text)) < 0:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            if not select.select([self._own], [], [], left)[0]:
                continue
            assert self._read(), f"{text!r} did not come before the end; the screen said: {self.screen}"
        self.screen = self.screen[at + len(text) :]
        return True

    def type(self, text: str) -> None:
        """Type *text* and Enter."""
        os.write(self._own, f"{text}\n".encode())

    def ended(self) -> int:
        """Read to the end; the exit code."""
        while self._read():
            pass
        return self.process.wait(WAIT_SECONDS)

    def _read(self) -> bool:
        try:
            chunk = os.read(self._own, 65_536)
        except OSError:  # Linux says so when the other side is closed; macOS gives an empty read
            return False
        self._seen += chunk
        whole = _CONTROL.sub(b"", self._seen)
        # An escape sequence or character may be cut at the end of what came; it stays until the rest is there.
        cut = max(whole.rfind(b"\x1b"), len(whole) - 4) if b"\x1b" in whole[-16:] else len(whole)
        self.screen += whole[:cut].decode("utf-8", "ignore")
        self._seen = whole[cut:]
        return bool(chunk)
