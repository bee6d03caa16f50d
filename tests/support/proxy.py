"""A TCP proxy in front of a server, through which a test cuts, freezes or watches what goes by."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Cut(Enum):
    """When a connection is cut that sends what is watched for."""

    BEFORE = "the server never gets it"
    AFTER = "the server gets it, and its answer is lost"


class Proxy:
    """Passes bytes between clients and the server at *host* and *port*."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._watched: tuple[bytes, Cut] | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self._refuses = False
        self.latency_seconds = 0.0
        self.port = 0
        self.cuts = 0

    def cut_at(self, text: bytes, cut: Cut) -> None:
        """Cut the next connection that sends *text*."""
        self._watched = (text, cut)

    def refuse(self) -> None:
        """Take no new connection."""
        self._refuses = True

    def accept(self) -> None:
        """Take connections again."""
        self._refuses = False

    def freeze(self) -> None:
        """Pass nothing on, and close nothing."""
        self._passing.clear()

    def thaw(self) -> None:
        """Pass on again."""
        self._passing.set()

    def cut_all(self) -> None:
        """Cut every connection."""
        for writer in list(self._open):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._refuses:
                raise ConnectionRefusedError
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, far_writer}
        try:
            await asyncio.gather(self._send(reader, far_writer, writer), self._return(far_reader, writer))
        finally:
            for each in (writer, far_writer):
                self._open.discard(each)
                each.transport.abort()

    async def _send(self, reader: asyncio.StreamReader, far: asyncio.StreamWriter, near: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await self._pause()
                cut = self._seen(data)
                if cut is Cut.AFTER:
                    # Gone before the answer can pass; the server still reads what was sent.
                    near.transport.abort()
                if cut is Cut.BEFORE:
                    near.transport.abort()
                    break
                far.write(data)
                await far.drain()
        with suppress(OSError):
            far.write_eof()

    async def _return(self, far: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await far.read(65_536):
                await self._pause()
                near.write(data)
                await near.drain()
        near.transport.abort()

    async def _pause(self) -> None:
        if self.latency_seconds:
            await asyncio.sleep(self.latency_seconds)
        await self._passing.wait()

    def _seen(self, data: bytes) -> Cut | None:
        if self._watched is None or self._watched[0] not in data:
            return None
        cut = self._watched[1]
        self._watched = None
        self.cuts += 1
        return cut


@asynccontextmanager
async def proxied(host: str, port: int) -> AsyncGenerator[Proxy]:
    """A running proxy to *host* and *port*."""
    proxy = Proxy(host, port)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.thaw()
        proxy.cut_all()
        await server.wait_closed()
