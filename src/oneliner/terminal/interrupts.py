"""Ctrl-C while something is followed: a question to the person, not the end of the program."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Mapping
    from types import FrameType, TracebackType


class Interrupts:
    """Within this context Ctrl-C is kept for :meth:`wait`, except while a person is asked: there it breaks off the
    asking, as everywhere."""

    def __init__(self) -> None:
        self._came = asyncio.Event()
        self._before: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._before = signal.signal(signal.SIGINT, self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def asking(self) -> Generator[None]:
        """A context in which Ctrl-C raises KeyboardInterrupt."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, self._take)

    async def wait(self) -> None:
        """Wait for Ctrl-C, and forget it."""
        await self._came.wait()
        self._came.clear()

    def _take(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - what a signal handler is given
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._came.set)


class Frames:
    """The frames of a stream one by one, where Ctrl-C may come between; the frame that was being waited for then is not
    lost."""

    def __init__(self, frames: AsyncIterator[Mapping[str, Any]], interrupts: Interrupts) -> None:
        self._frames = frames
        self._interrupts = interrupts
        self._pending: asyncio.Future[Mapping[str, Any] | None] | None = None

    async def next(self) -> Mapping[str, Any] | None:
        """The next frame; None after the last. Raises InterruptedError: Ctrl-C came first."""
        if self._pending is None:
            self._pending = asyncio.ensure_future(self._advance())
        interrupted = asyncio.ensure_future(self._interrupts.wait())
        await asyncio.wait({self._pending, interrupted}, return_when=asyncio.FIRST_COMPLETED)
        if interrupted.done():
            raise InterruptedError
        interrupted.cancel()
        pending, self._pending = self._pending, None
        return await pending

    async def close(self) -> None:
        """Stop waiting."""
        if self._pending is not None:
            self._pending.cancel()
            with suppress(asyncio.CancelledError):
                await self._pending

    async def _advance(self) -> Mapping[str, Any] | None:
        return await anext(self._frames, None)
