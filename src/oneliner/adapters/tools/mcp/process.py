"""A command that is spoken to over its standard input and output, one JSON-RPC message a line.

It runs in a process group of its own, with little of our environment, and the whole group ends with the connection: a
server that starts programs does not leave them behind. What it writes is bounded: a line that is too long ends it.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import anyio
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.client._transport import TransportStreams

#: What is kept of a command's own words, for whoever has to find out why it does not answer.
KEPT_STDERR_BYTES = 2_000
MAX_LINE_BYTES = 32_000_000
# How long a command has after its input was closed, and again after it was told to end.
_GRACE_SECONDS = 2.0


class Command:
    """A command to be started. *on_end* is called when it closes its output; :attr:`stderr` is what it said last."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], cwd: str, on_end: Callable[[], None]
    ) -> None:
        self._command = command
        self._environment = {**get_default_environment(), **environment}
        self._cwd = cwd or None
        self._on_end = on_end
        self._said = b""

    @property
    def stderr(self) -> str:
        """The last that it wrote to standard error."""
        return self._said.decode(errors="replace").strip()

    @asynccontextmanager
    async def streams(self) -> AsyncGenerator[TransportStreams]:
        """The running command, as a pair of streams of messages. Raises OSError: it cannot be started."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment,
            cwd=self._cwd,
            limit=MAX_LINE_BYTES,
            start_new_session=True,
        )
        into, reading = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        writing, out_of = anyio.create_memory_object_stream[SessionMessage](0)
        tasks = [
            asyncio.ensure_future(work)
            for work in (self._read(process, into), _write(process, out_of), self._listen(process))
        ]
        try:
            yield reading, writing
        finally:
            await asyncio.shield(_end(process))
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for stream in (into, reading, writing, out_of):
                stream.close()

    async def _read(
        self, process: asyncio.subprocess.Process, into: MemoryObjectSendStream[SessionMessage | Exception]
    ) -> None:
        assert process.stdout is not None
        with into, suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            try:
                while line := await process.stdout.readline():
                    await into.send(_parsed(line))
            except ValueError:
                await into.send(Invalid(f"it sent a line of more than {MAX_LINE_BYTES} bytes"))
        self._on_end()

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while piece := await process.stderr.read(KEPT_STDERR_BYTES):
            self._said = (self._said + piece)[-KEPT_STDERR_BYTES:]


def _parsed(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError:
        # Not what it was: that may hold anything.
        return Invalid("it sent a line that is no message")


async def _write(process: asyncio.subprocess.Process, out_of: MemoryObjectReceiveStream[SessionMessage]) -> None:
    assert process.stdin is not None
    with suppress(ConnectionError):
        async for message in out_of:
            text = message.message.model_dump_json(by_alias=True, exclude_unset=True)
            process.stdin.write(text.encode() + b"\n")
            await process.stdin.drain()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Close its input, wait, and end whatever is left of its group."""
    assert process.stdin is not None
    process.stdin.close()
    for sign in (signal.SIGTERM, signal.SIGKILL):
        with suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_SECONDS):
                await process.wait()
        # Also when it ended by itself: what it started has its group, and nobody else.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, sign)
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_SECONDS):
            await process.wait()
