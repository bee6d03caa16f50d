"""What the ports hand about: whose rows, which part of a list, which lines of a bill, and what leaves after a commit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneliner.domain.audit import Action, Target
    from oneliner.domain.event import RunEvent
    from oneliner.domain.run import RunStatus
    from oneliner.domain.usage import Totals


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows may be seen: *user_id*'s, or everybody's when it is None. Deleted rows only where asked for."""

    user_id: str | None
    with_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: at most *limit* rows that come after the row *before* (an id), newest first."""

    limit: int = 20
    before: str | None = None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs: each field that is not None narrows. *text* is looked for in title and summary."""

    project_id: str | None = None
    session_id: str | None = None
    statuses: frozenset[RunStatus] | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which lines of the audit log: each field that is not None narrows. Times in ms, *until_ms* excluded."""

    actor: str | None = None
    action: Action | None = None
    target: Target | None = None
    target_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's fenced right to write to a run; only the newest ``fence`` of a run may write."""

    run_id: str
    fence: int


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which calls of models are on a bill: those begun between two times (ms); each field that is not None narrows."""

    since_ms: int
    until_ms: int
    user_id: str | None = None
    project_id: str | None = None
    session_id: str | None = None
    model: str | None = None
    executor: str | None = None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One line of a bill: *key* is the day, project, session, model and so on. *tool_calls* is counted by tool alone."""

    key: str
    message_count: int
    totals: Totals
    tool_calls: int | None = None


@dataclass(slots=True)
class Effects:
    """What leaves after a commit: runs to look at, executions to stop, and events to tell, also to webhooks."""

    wakes: list[str] = field(default_factory=list[str])
    interrupts: list[str] = field(default_factory=list[str])
    events: list[RunEvent] = field(default_factory=list["RunEvent"])
    has_deliveries: bool = False


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits and what is at work in the whole deployment. Times are ms since 1970 UTC, None where nothing waits.

    ``runs`` counts those that have not ended by status and reason. ``ready_since`` is since when the first of those waits
    that only a worker is missing for; ``queued_since`` since when the first of all does, also behind others of its lane.
    Nothing is counted beyond a limit, so that looking costs the same whatever there is.
    """

    runs: Mapping[tuple[str, str], int]
    queued_since: int | None
    ready_since: int | None
    waiting_lanes: int
    longest_lane: int
    now_ms: int
