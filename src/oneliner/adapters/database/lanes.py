"""Lanes in the database. Each write touches the lane's row, which is the lock of the lane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, exists, select, text, update

from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import agent_runs, lanes
from oneliner.domain.run import RunStatus

if TYPE_CHECKING:
    from oneliner.adapters.database.statement import Driver

# Written out, because an upsert has another construct in each dialect and the same text in both.
_JOIN = Statement(
    text(
        "INSERT INTO lanes (key, active_run_id, turn) VALUES (:lane, :run, 1) ON CONFLICT (key) DO UPDATE SET"
        " active_run_id = CASE WHEN lanes.active_run_id = '' THEN excluded.active_run_id ELSE lanes.active_run_id END,"
        " turn = lanes.turn + 1 RETURNING active_run_id"
    )
)
_LOCK = Statement(
    text(
        "INSERT INTO lanes (key, active_run_id, turn) VALUES (:lane, '', 1)"
        " ON CONFLICT (key) DO UPDATE SET turn = lanes.turn + 1 RETURNING active_run_id"
    )
)
_SET = Statement(update(lanes).where(lanes.c.key == bindparam("lane")).values(active_run_id=bindparam("run")))
_STUCK = Statement(
    select(agent_runs.c.lane)
    .where(
        agent_runs.c.run_status == str(RunStatus.QUEUED),
        ~exists().where(lanes.c.key == agent_runs.c.lane, lanes.c.active_run_id != ""),
    )
    .distinct()
    .limit(bindparam("limit"))
)


class SqlLanes:
    """The lane store; see ``app.ports.LaneStore``."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def join(self, lane: str, run_id: str) -> str:
        row = _JOIN.first(self._driver, lane=lane, run=run_id)
        return "" if row is None else row[0]

    def lock(self, lane: str) -> str | None:
        row = _LOCK.first(self._driver, lane=lane)
        return None if row is None else row[0] or None

    def set_active(self, lane: str, run_id: str | None) -> None:
        _SET.run(self._driver, lane=lane, run=run_id or "")

    def stuck(self, limit: int) -> list[str]:
        return [r[0] for r in _STUCK.rows(self._driver, limit=limit)]
