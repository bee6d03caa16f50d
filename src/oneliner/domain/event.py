"""Run events: the durable lines of a run's history.

The types are one closed set; readers pass an unknown type through, so that an old reader survives a newer server.
A run's events carry a gapless ``seq`` from 1. Text deltas are not events: they are live only and never the truth.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class EventType(StrEnum):
    """Every type a run event can have."""

    RUN_CREATED = "run.created"
    RUN_PLANNED = "run.planned"
    RUN_PLAN_EDITED = "run.plan_edited"
    RUN_REVISION_REQUESTED = "run.revision_requested"
    RUN_CONFIRMED = "run.confirmed"
    RUN_QUEUED = "run.queued"
    RUN_STARTED = "run.started"
    RUN_BLOCKED = "run.blocked"
    RUN_RESUMED = "run.resumed"
    RUN_COMPLETED = "run.completed"
    RUN_FAILED = "run.failed"
    RUN_RETRIED = "run.retried"
    RUN_RECOVERED = "run.recovered"
    RUN_CANCELLED = "run.cancelled"
    STEP_STARTED = "step.started"
    STEP_COMPLETED = "step.completed"
    STEP_SKIPPED = "step.skipped"
    MESSAGE_COMPLETED = "message.completed"
    MESSAGE_INTERRUPTED = "message.interrupted"
    MESSAGE_RETRYING = "message.retrying"
    MESSAGE_FALLBACK = "message.fallback"
    MESSAGE_STEERED = "message.steered"
    CONTEXT_COMPACTED = "context.compacted"
    TOOL_STARTED = "tool.started"
    TOOL_COMPLETED = "tool.completed"
    TOOL_FAILED = "tool.failed"
    TOOL_UNKNOWN = "tool.unknown"
    TOOL_DENIED = "tool.denied"
    EXECUTOR_STARTED = "executor.started"
    EXECUTOR_SAID = "executor.said"
    EXECUTOR_FINISHED = "executor.finished"


@dataclass(frozen=True, slots=True)
class Draft:
    """An event before it is written: what happened, without its place in the run's history."""

    event_type: EventType
    details: Mapping[str, object] = field(default_factory=dict[str, object])
    summary: str = ""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """An event as stored. ``owner_seq`` is its place among all events of the run's user; ``created_at`` in ms."""

    id: str
    run_id: str
    session_id: str
    user_id: str
    project_id: str
    seq: int
    owner_seq: int
    event_type: str
    summary: str
    details: Mapping[str, object]
    created_at: int
