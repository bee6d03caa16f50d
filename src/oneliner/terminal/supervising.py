"""Several processes of this product as one command: started in order, started again when they die, stopped together.

The first program starts alone: it brings the database up to date, and when it cannot start, the command ends with its
exit code. A program that dies later is started again, at once the first time and ever later while it goes on dying.
Programs live in process groups of their own, so that a Ctrl-C in the terminal reaches this process alone, which then
stops them in their order.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Protocol

from oneliner.terminal.supervised import VARIABLE, variable_for

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Generator, Mapping, Sequence

    Facts = Sequence[tuple[str, str]]

#: The exit code of a command that was told twice to stop.
ENDED_AT_ONCE = 130
_LONGEST_PAUSE_SECONDS = 30.0
#: One that lived so long did not die of how it was started.
_SETTLED_SECONDS = 10.0
_LONGEST_LINE = 1 << 20


@dataclass(frozen=True)
class Program:
    """A process to keep running: ``oneliner`` with *arguments*. All of a *stage* are stopped together, the highest
    stage first."""

    name: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str]
    listener: socket.socket | None = None
    stage: int = 0


@contextmanager
def shared_figures() -> Generator[Mapping[str, str]]:
    """The environment in which servers behind one port add up what they count, whichever of them is asked for it."""
    with TemporaryDirectory(prefix="oneliner-figures-") as folder:
        yield {"PROMETHEUS_MULTIPROC_DIR": folder}


class Audience(Protocol):
    """Who is told what happens."""

    #: Whether the lines that programs write come to :meth:`line`; otherwise they go where this process's own go.
    takes_lines: bool

    def ready(self, facts: Facts) -> None:
        """The first program takes work; *facts* are what it says of itself."""
        ...

    def line(self, name: str, text: str) -> None:
        """The program *name* wrote a line."""
        ...

    def died(self, name: str, how: str, again_in_seconds: float) -> None:
        """The program *name* ended, and is started again."""
        ...

    def stopping(self) -> None:
        """All programs are being stopped."""
        ...

    def ended(self, *, stopped: bool) -> None:
        """All programs have ended: because they were *stopped*, or because the first one could not start."""
        ...


@dataclass(eq=False)
class _Running:
    process: Process
    line: socket.socket
    readers: list[asyncio.Task[None]] = field(default_factory=list["asyncio.Task[None]"])


class Supervision:
    """Keeps *programs* running until a signal says to stop."""

    def __init__(self, programs: Sequence[Program], audience: Audience) -> None:
        self._programs = programs
        self._audience = audience
        self._running: dict[str, _Running] = {}
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """The exit code of the command: that of the first program when it could not start, else 0."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._take)
        first = self._programs[0]
        running = await self._start(first, speaks=True)
        facts = await self._ready(running)
        if facts is None and not self._stop.is_set():
            code = await self._ended(first, running)
            self._audience.ended(stopped=False)
            return code
        keepers = [asyncio.create_task(self._keep(first, running))]
        if facts is not None:
            self._audience.ready(facts)
            keepers += [asyncio.create_task(self._keep(program, None)) for program in self._programs[1:]]
        await self._stop.wait()
        self._audience.stopping()
        await self._stop_all()
        await asyncio.gather(*keepers)
        self._audience.ended(stopped=True)
        return 0

    def _take(self) -> None:
        if self._stop.is_set():
            # Whoever insists gets it: what is stored stays, and leases run out by themselves.
            for running in self._running.values():
                running.process.kill()
            os._exit(ENDED_AT_ONCE)
        self._stop.set()

    async def _keep(self, program: Program, running: _Running | None) -> None:
        """Start *program* again and again, until all are to stop."""
        pause_seconds = 0.0
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            began = loop.time()
            try:
                running = running or await self._start(program, speaks=False)
            except OSError as error:
                how = f"could not be started: {error.strerror}"
            else:
                how = _how(await self._ended(program, running))
            running = None
            if self._stop.is_set():
                return
            pause_seconds = 0.0 if loop.time() - began > _SETTLED_SECONDS else pause_seconds
            self._audience.died(program.name, how, pause_seconds)
            await self._sleep(pause_seconds)
            pause_seconds = min(_LONGEST_PAUSE_SECONDS, 2 * pause_seconds or 1.0)

    async def _start(self, program: Program, *, speaks: bool) -> _Running:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - the standard library takes it so
        inherited = [theirs.fileno(), *([program.listener.fileno()] if program.listener else [])]
        pipe = asyncio.subprocess.PIPE if self._audience.takes_lines else None
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-P", "-m", "oneliner", *program.arguments),
                env={**program.environment, VARIABLE: variable_for(theirs, program.listener, speaks=speaks)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=pipe,
                stderr=pipe,
                pass_fds=inherited,
                process_group=0,
                limit=_LONGEST_LINE,
            )
        running = self._running[program.name] = _Running(process, ours)
        streams = [stream for stream in (process.stdout, process.stderr) if stream is not None]
        running.readers = [asyncio.create_task(self._pass_on(program.name, stream)) for stream in streams]
        if self._stop.is_set():
            process.terminate()
        return running

    async def _ready(self, running: _Running) -> Facts | None:
        """What the program says of itself when it takes work; None when it ended, or all are to stop, before that."""
        telling = asyncio.create_task(_line_of(running.line))
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({telling, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        said = telling.result() if telling.done() else b""
        telling.cancel()
        return [(label, text) for label, text in json.loads(said)] if said.endswith(b"\n") else None

    async def _ended(self, program: Program, running: _Running) -> int:
        """The exit code of *program*, when it has ended and its last line was passed on."""
        code = await running.process.wait()
        if running.readers:
            await asyncio.wait(running.readers)
        running.line.close()
        if self._running.get(program.name) is running:
            del self._running[program.name]
        return code

    async def _stop_all(self) -> None:
        for stage in sorted({program.stage for program in self._programs}, reverse=True):
            names = [program.name for program in self._programs if program.stage == stage]
            stopping = [self._running[name].process for name in names if name in self._running]
            for process in stopping:
                if process.returncode is None:
                    process.terminate()
            await asyncio.gather(*[process.wait() for process in stopping])

    async def _pass_on(self, name: str, stream: asyncio.StreamReader) -> None:
        while line := await stream.readline():
            self._audience.line(name, line.decode(errors="replace").rstrip("\n"))

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()


async def _line_of(line: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    said = b""
    while not said.endswith(b"\n"):
        piece = await loop.sock_recv(line, 65_536)
        if not piece:
            break
        said += piece
    return said


def _how(code: int) -> str:
    """How a process ended, in words."""
    return f"was ended by a signal ({signal.strsignal(-code)})" if code < 0 else f"ended with exit code {code}"
