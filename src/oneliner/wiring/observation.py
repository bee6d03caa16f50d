"""Who watches a process, and what it looks at to say whether it is ready."""

from __future__ import annotations

import asyncio
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oneliner.adapters.database.schema_version import Schema
from oneliner.adapters.telemetry.exposition import Exposition
from oneliner.adapters.telemetry.pulse import Senses
from oneliner.app.readiness import OK, Part, database_part
from oneliner.app.telemetry import Several, Telemetry
from oneliner.domain.errors import Unavailable
from oneliner.wiring.databases import schema
from oneliner.wiring.extras import extra

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack

    from oneliner.adapters.local_bus import LocalBus
    from oneliner.adapters.telemetry.metrics import Metrics
    from oneliner.app.ports import Database
    from oneliner.settings import Settings

#: Where servers behind one port share their figures; their supervisor sets it.
SHARED_FIGURES = "PROMETHEUS_MULTIPROC_DIR"


def telemetry_for(settings: Settings, stack: AsyncExitStack, metrics: Metrics) -> Telemetry:
    """Who watches this process: counters always, traces where there is a collector for them."""
    if not settings.otlp_url:
        return metrics
    traces = extra("oneliner.adapters.telemetry.traces", "otel").open_traces(
        settings.otlp_url, metrics.spans, version=version("oneliner"), with_content=settings.trace_content == "on"
    )
    stack.push_async_callback(asyncio.to_thread, traces.close)
    return Several([traces, metrics])


def page_for(settings: Settings, metrics: Metrics, database: Database, *, serves: bool) -> Exposition:
    """The figures as their collectors read them; of all servers behind one port, where they share a folder."""
    shared = os.environ.get(SHARED_FIGURES, "")
    return Exposition(
        metrics,
        database,
        version=version("oneliner"),
        token=settings.metrics_token,
        shared=Path(shared) if serves and shared else None,
    )


def senses_of(readers: LocalBus, database: Any, bus: Any) -> Senses:
    """What is felt for the figures every few seconds."""
    return Senses(
        sse_clients=lambda: readers.reader_count,
        database_waiting=lambda: database.waiting,
        bus_works=lambda: bus.is_working,
        events_dropped=lambda: bus.dropped_events,
    )


def parts_to_look_at(settings: Settings, database: Database, bus: Any, *, serves: bool) -> list[Part]:
    """What a process needs to do its job. A server without its bus does it, but for text while it is written."""

    async def migrations() -> Mapping[str, str]:
        try:
            found = await asyncio.to_thread(schema, settings)
        except Unavailable:
            return {"migrations": OK}  # unknown, and `database` tells why
        return {"migrations": OK if found in (Schema.UP_TO_DATE, Schema.NEWER) else f"the database {found.value}"}

    async def listens() -> Mapping[str, str]:
        return {"bus": OK if bus.is_working else "Redis does not answer: no text while it is written"}

    parts = [
        database_part(database),
        Part(("migrations",), migrations, fresh_seconds=15.0, usable_seconds=30.0),
    ]
    if settings.bus_url:
        parts.append(Part(("bus",), listens, is_needed=False))
    if settings.broker_url:
        queue = extra("oneliner.adapters.celery_queue", "distributed")
        probe = extra("oneliner.adapters.broker_probe", "distributed").BrokerProbe(
            queue.celery_app(settings.broker_url, queue=settings.queue),
            {settings.queue, *(route.queue for route in settings.routes)} if serves else (),
        )
        parts.append(Part(probe.names, probe.look, fresh_seconds=5.0, usable_seconds=15.0))
    return parts
