"""A server with its socket, from the first byte it can take to the last it owes.

To stop is a sequence: claim no more runs, let those under way come to a checkpoint, end the streams, close the socket.
The port stays open while runs finish, so that whoever watches sees them finish.
"""

from __future__ import annotations

import asyncio
import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from oneliner.terminal.listening import address_of
from oneliner.wiring import open_application

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Generator

    from oneliner.settings import Settings
    from oneliner.wiring import Application

#: For answers that are still being written when the streams have ended.
_LAST_ANSWERS_SECONDS = 2
#: New objects between two looks at the youngest ones; a streamed answer makes and drops hundreds.
_COLLECT_AFTER = 20_000


async def serve_until(
    stop: asyncio.Event,
    settings: Settings,
    listener: socket.socket,
    on_ready: Callable[[Application, str], Awaitable[None]],
    on_stopping: Callable[[], None] = lambda: None,
) -> None:
    """Serve on *listener* until *stop* is set, then stop as the module says.

    *on_ready* is told when requests are taken. Raises Invalid: the settings do not work.
    """
    async with open_application(settings) as application:
        server = _Server(_config(application))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        stopped = asyncio.create_task(stop.wait())
        try:
            await server.started_listening.wait()
            url = address_of(listener)
            application.announce(url)
            _settle_memory()
            await on_ready(application, url)
            await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
            on_stopping()
            await application.drain()
        finally:
            stopped.cancel()
            application.close_streams()
            server.should_exit = True
            await serving


def _settle_memory() -> None:
    """Leave what was made at the start out of every later collection.

    It is most of what there is and lives as long as the process, so looking through it again and again finds nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 50)


class _Server(uvicorn.Server):
    """Leaves the signals to us: a signal begins to stop the runs, not the socket."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.started_listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.started_listening.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def _config(application: Application) -> uvicorn.Config:
    return uvicorn.Config(
        application.asgi,
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
    )
