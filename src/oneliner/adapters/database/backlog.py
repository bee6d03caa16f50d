"""What waits, counted for whoever watches the deployment. Each statement reads one partial index and at most so many
rows of it, so that a million runs cost what a thousand do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, func, literal_column, select, text

from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import WAITING, agent_runs, lanes
from oneliner.app.ports import Backlog
from oneliner.domain.run import RunStatus

if TYPE_CHECKING:
    from sqlalchemy.sql.selectable import FromClause

    from oneliner.adapters.database.statement import Driver

runs = agent_runs


def _some(condition: Any, *columns: Any) -> FromClause:
    return select(*columns).select_from(runs).where(condition).limit(bindparam("limit")).subquery()


def _is(status: RunStatus) -> Any:
    # Written out: only then does SQLite see that a partial index holds what is looked for.
    return text(f"run_status = '{status}'")


def _count(status: RunStatus) -> Statement:
    return Statement(select(func.count()).select_from(_some(_is(status), literal_column("1"))))


_RUNNING = _count(RunStatus.RUNNING)
_DRAFTING = _count(RunStatus.DRAFTING)
_waiting = _some(text(WAITING), runs.c.run_status, runs.c.reason)
_FOR_PEOPLE = Statement(
    select(_waiting.c.run_status, _waiting.c.reason, func.count()).group_by(_waiting.c.run_status, _waiting.c.reason)
)
_queued = _some(_is(RunStatus.QUEUED), runs.c.lane, runs.c.queued_at)
_by_lane = (
    select(func.count().label("runs"), func.min(_queued.c.queued_at).label("since")).group_by(_queued.c.lane).subquery()
)
_QUEUED = Statement(
    select(
        func.coalesce(func.sum(_by_lane.c.runs), 0),
        func.count(),
        func.coalesce(func.max(_by_lane.c.runs), 0),
        func.min(_by_lane.c.since),
    )
)
_candidates = _some(_is(RunStatus.QUEUED), runs.c.id, runs.c.lane, runs.c.queued_at)
_READY = Statement(
    select(func.min(_candidates.c.queued_at)).select_from(
        _candidates.join(lanes, and_(lanes.c.key == _candidates.c.lane, lanes.c.active_run_id == _candidates.c.id))
    )
)


class SqlBacklog:
    """The backlog store; see ``app.ports.BacklogStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def look(self, limit: int) -> Backlog:
        driver = self._driver
        counts = {(row[0], row[1]): int(row[2]) for row in _FOR_PEOPLE.rows(driver, limit=limit)}
        for status, statement in ((RunStatus.RUNNING, _RUNNING), (RunStatus.DRAFTING, _DRAFTING)):
            counts[str(status), ""] = int((statement.first(driver, limit=limit) or (0,))[0])
        queued, lanes_, longest, since = _QUEUED.first(driver, limit=limit) or (0, 0, 0, None)
        counts[str(RunStatus.QUEUED), ""] = int(queued)
        (ready,) = _READY.first(driver, limit=limit) or (None,)
        return Backlog(counts, since, ready, int(lanes_), int(longest), self._now_ms)
