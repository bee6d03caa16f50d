"""What a process feels of itself, noted every half second: how late its event loop is, and what waits in it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.adapters.telemetry.metrics import Metrics

PULSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Senses:
    """Where the figures come from; each only looks and costs next to nothing. *events_dropped* only grows."""

    sse_clients: Callable[[], int]
    database_waiting: Callable[[], int]
    bus_works: Callable[[], bool]
    events_dropped: Callable[[], int]


async def keep_feeling(metrics: Metrics, senses: Senses) -> None:
    """Note the figures, for ever."""
    loop = asyncio.get_running_loop()
    dropped = 0
    while True:
        due = loop.time() + PULSE_SECONDS
        metrics.sse_clients.set(senses.sse_clients())
        metrics.database_waiting.set(senses.database_waiting())
        metrics.bus_up.set(senses.bus_works())
        metrics.bus_dropped.inc(senses.events_dropped() - dropped)
        dropped = senses.events_dropped()
        await asyncio.sleep(PULSE_SECONDS)
        metrics.loop_lag.observe(max(loop.time() - due, 0.0))
