"""A server with its socket, from the first byte it can take to the last it owes.

To stop is a sequence: claim no more runs, let those under way come to a checkpoint, end the streams, close the socket.
The port stays open while runs finish, so that whoever watches sees them finish.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from oneliner.domain.errors import Invalid
from oneliner.wiring import open_application

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from oneliner.settings import Settings
    from oneliner.wiring import Application

#: For answers that are still being written when the streams have ended.
_LAST_ANSWERS_SECONDS = 2
#: New objects between two looks at the youngest ones; a streamed answer makes and drops hundreds.
_COLLECT_AFTER = 20_000
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - what to show for it, not a choice


@contextmanager
def listening(host: str, port: int) -> Generator[socket.socket]:
    """A bound socket, closed at the end. Raises Invalid: there is no such address, or the port is not to be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise Invalid(f"--host {host!r} is no address of this machine: {error.strerror}", setting="host") from error
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            raise Invalid(_why_not_bound(error, host, port), setting="port") from error
        yield listener


def address_of(listener: socket.socket) -> str:
    """The base URL under which this machine reaches *listener*."""
    bound, port = listener.getsockname()[:2]
    host = _ANY.get(str(bound), str(bound))
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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


def _why_not_bound(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} on {host} is taken; choose another with --port, or --port 0 for a free one"
        case errno.EACCES:
            return f"port {port} needs rights this process does not have; choose one above 1023 with --port"
        case errno.EADDRNOTAVAIL:
            return f"--host {host!r} is no address of this machine"
        case _:
            return f"cannot listen on {host} port {port}: {error.strerror}"
