"""The queue inside one process: wake-ups become tasks, at most so many at once.

What waits here is only hints; a process that dies loses them, and the sweep finds their runs in the database.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class LocalQueue:
    """See ``app.ports.Queue``. *execute* looks at one run; *stop* makes it look up; at most *concurrency* at once."""

    def __init__(
        self, execute: Callable[[str], Awaitable[None]], stop: Callable[[str], None], *, concurrency: int
    ) -> None:
        self._execute = execute
        self._stop = stop
        self._concurrency = concurrency
        self._waiting: dict[str, None] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._closed = False

    def wake(self, run_id: str) -> None:
        """Have *run_id* looked at as soon as there is room."""
        if self._closed:
            return
        if run_id in self._running:
            # It may be ending just now; one more look afterwards costs little and loses nothing.
            self._again.add(run_id)
            return
        self._waiting[run_id] = None
        self._fill()

    def interrupt(self, run_id: str) -> None:
        """Have whoever executes *run_id* look at it now."""
        self._waiting.pop(run_id, None)
        self._stop(run_id)

    async def drain(self) -> None:
        """Take nothing new; come back when everything under way has ended."""
        self._closed = True
        self._waiting.clear()
        self._again.clear()
        if self._running:
            await asyncio.wait(list(self._running.values()))

    def _fill(self) -> None:
        while self._waiting and len(self._running) < self._concurrency:
            run_id = next(iter(self._waiting))
            del self._waiting[run_id]
            task = asyncio.get_running_loop().create_task(self._look(run_id))
            self._running[run_id] = task

    async def _look(self, run_id: str) -> None:
        try:
            await self._execute(run_id)
        finally:
            del self._running[run_id]
            if run_id in self._again and not self._closed:
                self._again.discard(run_id)
                self._waiting[run_id] = None
            self._fill()
