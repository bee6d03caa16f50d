"""Threads for synchronous tools.

A tool that hangs cannot be stopped from outside. So a thread keeps its slot until its function really ends: the number
of threads is bounded, whatever tools do. And the threads are daemons, which the process does not wait for at its end;
those of ``concurrent.futures`` would keep a stopping server alive for as long as a tool hangs.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING, TypeVar

from oneliner.app.tools import ToolFailed

if TYPE_CHECKING:
    from collections.abc import Callable

ResultT = TypeVar("ResultT")


class ToolThreads:
    """Runs at most *limit* functions at once, each in a thread of its own."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._slots = asyncio.Semaphore(limit)

    async def run(self, function: Callable[[], ResultT], on_start: Callable[[], None]) -> ResultT:
        """What *function* returns or raises. Waits for a slot, then calls *on_start*.

        Being cancelled gives the wait up, not the function: it runs on, and its slot is free when it ends. Raises
        ToolFailed: the function tried to end its thread or the process.
        """
        await self._slots.acquire()
        on_start()
        loop = asyncio.get_running_loop()
        outcome: asyncio.Future[ResultT] = loop.create_future()
        context = contextvars.copy_context()

        def settle(result: ResultT | None, error: Exception | None) -> None:
            self._slots.release()
            if outcome.cancelled():
                return
            if error is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(result)  # pyright: ignore[reportArgumentType] - without an error there is a result

        def work() -> None:
            result: ResultT | None = None
            failure: Exception | None = None
            try:
                result = context.run(function)
            except Exception as error:  # noqa: BLE001 - not handled here: it is carried over to the one who waits
                failure = error
            except BaseException as error:  # noqa: BLE001 - as above, but it must not end the loop of the one who waits
                failure = ToolFailed(f"the tool raised {type(error).__name__}")
            try:
                loop.call_soon_threadsafe(settle, result, failure)
            except RuntimeError:
                # The loop was closed while the tool ran on: nobody waits any more.
                return

        threading.Thread(target=work, name="oneliner-tool", daemon=True).start()
        return await outcome
