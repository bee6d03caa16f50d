"""What tells workers and readers: the bus, and where runs go, to this process itself or to the broker."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from oneliner.adapters.routed_queue import RoutedQueue
from oneliner.domain.executor import MAIN_EXECUTOR
from oneliner.wiring.extras import extra

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from contextlib import AsyncExitStack

    from oneliner.adapters.local_bus import LocalBus
    from oneliner.adapters.local_queue import LocalQueue
    from oneliner.app.ports import Database, Queue
    from oneliner.settings import Settings


def bus_for(
    settings: Settings, stack: AsyncExitStack, readers: LocalBus, interrupt: Callable[[str], None], *, serves: bool
) -> Any:
    """The bus: Redis where the settings name one, else this process's own *readers*. *interrupt* stops a run here."""
    if not settings.bus_url:
        return readers
    executes = not serves or not settings.broker_url
    bus = extra("oneliner.adapters.redis_bus.bus", "distributed").RedisBus(
        settings.bus_url, readers, follows=serves, on_interrupt=interrupt if executes else None
    )
    stack.push_async_callback(bus.close)
    bus.start()
    return bus


def queue_for(
    settings: Settings,
    stack: AsyncExitStack,
    executor: LocalQueue,
    bus: Any,
    database: Database,
    takes_from: Collection[str],
) -> Queue:
    """Where runs go: to this process itself, or to the broker, of whose queues this process *takes_from* some."""

    def interrupt(run_id: str) -> None:
        executor.interrupt(run_id)
        if settings.bus_url:
            bus.interrupt(run_id)

    if not settings.broker_url:
        return _Alone(executor, interrupt)
    celery = extra("oneliner.adapters.celery_queue", "distributed")
    loop = asyncio.get_running_loop()

    def fall_back(run_id: str) -> None:
        loop.call_soon_threadsafe(executor.wake, run_id)

    queue = celery.CeleryQueue(
        celery.celery_app(settings.broker_url, queue=settings.queue),
        interrupt=interrupt,
        fall_back=fall_back,
        its_queues=takes_from,
    )
    stack.push_async_callback(asyncio.to_thread, queue.close)
    if not settings.routes:
        return queue
    routed = RoutedQueue(queue, database, settings.routes, otherwise=settings.queue, main_executor=MAIN_EXECUTOR)
    stack.push_async_callback(routed.close)
    return routed


class _Alone:
    """The queue of a process that executes its runs itself; *interrupt* reaches other such processes too."""

    def __init__(self, executor: LocalQueue, interrupt: Callable[[str], None]) -> None:
        self._executor = executor
        self._interrupt = interrupt

    def wake(self, run_id: str) -> None:
        self._executor.wake(run_id)

    def interrupt(self, run_id: str) -> None:
        self._interrupt(run_id)
