"""A server inside this process, for a command that finds none running.

It lives on a thread with an event loop of its own: while the person at the terminal thinks, the runs go on.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn.loops.auto

from oneliner.terminal.listening import listening
from oneliner.terminal.serving import serve_until

if TYPE_CHECKING:
    import socket
    from collections.abc import Generator

    from oneliner.settings import Settings
    from oneliner.wiring import Application


@contextmanager
def own_server(settings: Settings) -> Generator[str]:
    """The address of a server on a free loopback port, which stops at the end. Raises Invalid: the settings do not
    work, or another server has the data folder."""
    with listening("127.0.0.1", 0) as listener:
        server = _Server(settings, listener)
        server.start()
        try:
            yield server.wait_until_ready()
        finally:
            server.stop()


class _Server:
    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings = settings
        self._listener = listener
        self._thread = threading.Thread(target=self._run, name="oneliner-server")
        self._settled = threading.Event()
        self._stopping: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._url = ""
        self._error: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def wait_until_ready(self) -> str:
        """The address, as soon as it answers. Raises what kept the server from starting."""
        self._settled.wait()
        if self._error is not None:
            raise self._error
        return self._url

    def stop(self) -> None:
        if self._stopping is not None:
            loop, stop = self._stopping
            # The loop is gone when the server ended by itself.
            if not loop.is_closed():
                loop.call_soon_threadsafe(stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvicorn.loops.auto.auto_loop_factory()) as runner:
                runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - whatever it is, the thread that waits for it must hear of it
            self._error = error
        finally:
            self._settled.set()

    async def _serve(self) -> None:
        stop = asyncio.Event()
        self._stopping = (asyncio.get_running_loop(), stop)
        await serve_until(stop, self._settings, self._listener, self._note_ready)

    async def _note_ready(self, application: Application, url: str) -> None:  # noqa: ARG002 - a callback's signature
        self._url = url
        self._settled.set()
