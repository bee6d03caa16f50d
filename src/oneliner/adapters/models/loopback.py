"""A small web server on this machine's loopback address, for models that are served from here.

Owns the socket and the tasks that serve it. A client that goes away cancels its handler, as a provider stops working
for a connection that was closed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from oneliner.adapters.models.served import Piece

LOOPBACK = "127.0.0.1"
MAX_BODY_BYTES = 64 * 1024 * 1024
_BACKLOG = 1024
_SHUTDOWN_SECONDS = 0.05
# A client that reads as fast as we write never makes a write wait; the other streams need their turn all the same.
_PIECES_PER_TURN = 32


class LoopbackSite:
    """The routes given, served at ``base_url`` between ``start()`` and ``stop()``."""

    def __init__(self, routes: Iterable[web.AbstractRouteDef], *, port: int = 0) -> None:
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.add_routes(routes)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_SECONDS
        )
        self._port = port

    async def start(self) -> None:
        """Listen. Raises OSError: the port is taken."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, LOOPBACK, self._port, backlog=_BACKLOG).start()
        except OSError:
            await self._runner.cleanup()
            raise

    async def stop(self) -> None:
        """Close the socket and every connection, also in the middle of an answer."""
        await self._runner.cleanup()

    @property
    def base_url(self) -> str:
        """Where an OpenAI client is pointed at, for example ``http://127.0.0.1:40123/v1``. Only while it listens."""
        return f"http://{LOOPBACK}:{self._runner.addresses[0][1]}/v1"


async def paced(pieces: Iterable[Piece], delay_seconds: float) -> AsyncIterator[Piece]:
    """*pieces*, each *delay_seconds* after the one before, measured from the first so that no delay adds up."""
    clock = asyncio.get_running_loop()
    due = clock.time()
    for number, piece in enumerate(pieces, 1):
        due += delay_seconds
        if delay_seconds:
            await asyncio.sleep(max(0.0, due - clock.time()))
        elif number % _PIECES_PER_TURN == 0:
            await asyncio.sleep(0)
        yield piece


def event_stream() -> web.StreamResponse:
    """A response for server-sent events, not yet prepared."""
    return web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
