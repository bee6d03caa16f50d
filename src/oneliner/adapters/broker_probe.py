"""Whether the broker answers and workers take runs from it, asked over a connection of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from celery import Celery

CONNECT_SECONDS = 1.0
#: Workers answer within milliseconds; this is how long is waited for the slowest.
REPLY_SECONDS = 1.0


class BrokerProbe:
    """Looks at the broker of *app*, and with *queues* also for a worker at each of them."""

    names: tuple[str, ...]

    def __init__(self, app: Celery, queues: Collection[str] = ()) -> None:
        self._app = app
        self._queues = queues
        self.names = ("broker", "worker") if queues else ("broker",)

    async def look(self) -> Mapping[str, str]:
        """What is to be said of ``broker`` and, with queues, of ``worker``."""
        return await asyncio.to_thread(self._look)

    def _look(self) -> Mapping[str, str]:
        try:
            with self._app.connection_for_write() as connection:
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=CONNECT_SECONDS)
                taken = self._taken(connection) if self._queues else frozenset[str]()
        except Exception as error:  # noqa: BLE001 - each transport raises its own; whichever it is, the broker is not there
            return dict.fromkeys(self.names, f"the broker does not answer ({type(error).__name__})")
        if not self._queues:
            return {"broker": "ok"}
        left = sorted(set(self._queues) - taken)
        said = f"no worker takes runs from the queue {left[0]!r}" if left else "ok"
        return {"broker": "ok", "worker": said}

    def _taken(self, connection: Any) -> frozenset[str]:
        inspect = self._app.control.inspect(timeout=REPLY_SECONDS, connection=connection)
        answers: Mapping[str, list[Mapping[str, Any]]] = inspect.active_queues() or {}
        return frozenset(str(queue["name"]) for taken in answers.values() for queue in taken)
