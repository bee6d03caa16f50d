"""What every process that knows runs is made of."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.adapters.executors import loading as executor_loading
from oneliner.adapters.local_bus import LocalBus
from oneliner.adapters.local_queue import LocalQueue
from oneliner.adapters.telemetry.metrics import Metrics
from oneliner.adapters.telemetry.pulse import keep_feeling
from oneliner.app.execution import Surroundings
from oneliner.app.readiness import Readiness
from oneliner.app.watching import WatchedModels, WatchedTools
from oneliner.app.worker import Worker
from oneliner.wiring.databases import open_database
from oneliner.wiring.models import open_models
from oneliner.wiring.observation import page_for, parts_to_look_at, senses_of, telemetry_for
from oneliner.wiring.tasks import keep_doing
from oneliner.wiring.tools import open_tools
from oneliner.wiring.traffic import bus_for, queue_for

if TYPE_CHECKING:
    from collections.abc import Collection
    from contextlib import AsyncExitStack

    from oneliner.adapters.models.registry import ConfiguredModels
    from oneliner.adapters.telemetry.exposition import Exposition
    from oneliner.adapters.tools.mcp.servers import McpTools
    from oneliner.app.ports import Bus, Database, Effects, Queue
    from oneliner.app.telemetry import Telemetry
    from oneliner.app.tools import Tools
    from oneliner.domain.executor import Roster
    from oneliner.settings import Settings


@dataclass(frozen=True, slots=True)
class Parts:
    """What every process that knows runs is made of. ``queue`` hands runs on; ``executor`` is this process's own; the
    ``bell`` rings when this process has written something for webhooks; ``page`` is what collectors of figures read.
    """

    database: Database
    bus: Bus
    readers: LocalBus
    models: ConfiguredModels
    tools: Tools
    roster: Roster
    mcp: McpTools
    worker: Worker
    queue: Queue
    executor: LocalQueue
    bell: asyncio.Event
    telemetry: Telemetry
    page: Exposition
    readiness: Readiness

    async def drain(self, grace_seconds: float) -> None:
        """Claim nothing more, let runs finish within the grace time, and hand the rest back."""
        await self.worker.shut_down(grace_seconds)
        await self.executor.drain()


async def open_parts(settings: Settings, stack: AsyncExitStack, *, serves: bool, takes_from: Collection[str]) -> Parts:
    """The parts of a process that *serves* requests, or executes what it *takes_from* some queues of the broker; closed
    with *stack*. Raises Invalid: the settings do not work.
    """
    readers = LocalBus()
    executor: LocalQueue
    queue: Queue
    bell = asyncio.Event()
    metrics = Metrics()
    telemetry = telemetry_for(settings, stack, metrics)

    def stop_here(run_id: str) -> None:
        executor.interrupt(run_id)

    bus = bus_for(settings, stack, readers, stop_here, serves=serves)

    def leave(effects: Effects) -> None:
        for run_id in effects.interrupts:
            queue.interrupt(run_id)
        if effects.events:
            bus.publish_events(effects.events)
            telemetry.happened(effects.events)
        if effects.has_deliveries:
            bell.set()
        for run_id in effects.wakes:
            queue.wake(run_id)

    database = open_database(settings, leave)
    stack.push_async_callback(database.close)
    models = await open_models(settings, stack)
    tools, mcp = await open_tools(settings, stack, database)
    roster, functions = executor_loading.load(settings.executors_file, settings.executors)
    around = Surroundings(
        database,
        bus,
        WatchedModels(models, telemetry),
        WatchedTools(tools, telemetry),
        telemetry,
        context_tokens=settings.context_tokens,
        roster=roster,
        functions=functions,
    )
    worker = Worker(
        around,
        worker_id=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        lease_seconds=settings.lease_seconds,
        sweep_seconds=settings.sweep_seconds,
    )
    executor = LocalQueue(worker.execute, worker.interrupt, concurrency=settings.concurrency)
    queue = queue_for(settings, stack, executor, bus, database, takes_from)
    keep_doing(stack, keep_feeling(metrics, senses_of(readers, database, bus)))
    page = page_for(settings, metrics, database, serves=serves)
    readiness = Readiness(parts_to_look_at(settings, database, bus, serves=serves))
    stack.push_async_callback(readiness.close)
    return Parts(
        database, bus, readers, models, tools, roster, mcp, worker, queue, executor, bell, telemetry, page, readiness
    )
