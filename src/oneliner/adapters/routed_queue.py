"""A queue that asks the database where each run belongs before it sends it there.

Every wake-up passes through here, those of the sweep too, so what was lost is sent again to where it belongs. All that
waits is looked up in one transaction. Without routes this queue is not in use, and a wake-up costs no look.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Protocol

from oneliner.app.journal import EVERYTHING
from oneliner.domain.errors import NotFound, Unavailable
from oneliner.domain.route import queue_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.app.ports import Database, Transaction
    from oneliner.domain.route import Route

log = logging.getLogger("oneliner.queue")


class NamedQueues(Protocol):
    """A broker with several queues."""

    def wake(self, run_id: str, queue: str | None = None) -> None:
        """Have a worker of *queue*, or of the deployment's, look at *run_id* soon."""
        ...

    def interrupt(self, run_id: str) -> None:
        """Have whoever executes *run_id* look at it now."""
        ...


class RoutedQueue:
    """See ``app.ports.Queue``. *otherwise* is the queue of a run that no route fits, *main_executor* the executor of one
    that has not begun. To be made and used on an event loop.
    """

    def __init__(
        self, queues: NamedQueues, database: Database, routes: Sequence[Route], *, otherwise: str, main_executor: str
    ) -> None:
        self._queues = queues
        self._database = database
        self._routes = routes
        self._otherwise = otherwise
        self._main_executor = main_executor
        self._waiting: dict[str, None] = {}
        self._sending: asyncio.Task[None] | None = None

    def wake(self, run_id: str) -> None:
        """Have some worker that *run_id* belongs to look at it soon."""
        self._waiting[run_id] = None
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send())

    def interrupt(self, run_id: str) -> None:
        """Have whoever executes *run_id* look at it now."""
        self._queues.interrupt(run_id)

    async def close(self) -> None:
        """Back when everything that waited was sent on."""
        if self._sending is not None:
            await asyncio.wait([self._sending])

    async def _send(self) -> None:
        try:
            while self._waiting:
                run_ids = list(self._waiting)
                self._waiting.clear()
                try:
                    found = await self._database.read(partial(self._find, run_ids=run_ids))
                except Unavailable as error:
                    # Not to another queue: its workers may not have what these runs need. The sweep sends them again.
                    log.warning("queue.not_routed", extra={"count": len(run_ids), "error": error.message})
                    continue
                for run_id, queue in found.items():
                    self._queues.wake(run_id, queue)
        finally:
            self._sending = None

    def _find(self, tx: Transaction, run_ids: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for run_id in run_ids:
            try:
                run = tx.runs.get(run_id, EVERYTHING)
            except NotFound:
                continue
            found[run_id] = queue_for(
                self._routes,
                project_id=run.project_id,
                executor=run.executor or self._main_executor,
                otherwise=self._otherwise,
            )
        return found
