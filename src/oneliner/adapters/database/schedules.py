"""Schedules and their fires in the database."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from oneliner.adapters.database.encoding import from_json, to_json
from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import schedule_fires, schedules
from oneliner.domain.errors import NotFound
from oneliner.domain.schedule import Fire, FireOutcome, Schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.adapters.database.statement import Driver
    from oneliner.app.ports import Page, Scope

_s = schedules.c
_f = schedule_fires.c
_NAMES = tuple(c.name for c in schedules.c)
_FIRE_NAMES = tuple(c.name for c in schedule_fires.c)
_IS_KEY = _s.id == bindparam("key")
_ADD = Statement(insert(schedules), _NAMES)
_COUNT = Statement(select(func.count()).select_from(schedules).where(_s.user_id == bindparam("user")))
_SET = Statement(
    update(schedules)
    .where(_IS_KEY)
    .values(paused=bindparam("new_paused"), next_due_at=bindparam("new_due"), updated_at=bindparam("now"))
    .returning(*schedules.c)
)
_CHANGED = ("project_id", "title", "cron", "timezone", "handoff_json", "confirmed_ahead", "next_due_at")
_REPLACE = Statement(
    update(schedules)
    .where(_IS_KEY)
    .values(updated_at=bindparam("now"), **{name: bindparam(f"new_{name}") for name in _CHANGED})
    .returning(*schedules.c)
)
_DELETE = Statement(delete(schedules).where(_IS_KEY))
_DELETE_FIRES = Statement(delete(schedule_fires).where(_f.schedule_id == bindparam("key")))
_DUE = Statement(
    select(_s.id).where(_s.next_due_at <= bindparam("now")).order_by(_s.next_due_at).limit(bindparam("limit"))
)
_LOCK_DUE = Statement(select(*schedules.c).where(_IS_KEY, _s.next_due_at <= bindparam("now")).with_for_update())
_ADD_FIRE = Statement(insert(schedule_fires), _FIRE_NAMES)


@cache
def _select(keys: frozenset[str], *, lock: bool = False) -> Statement:
    query = select(*schedules.c)
    for key, column in (("key", _s.id), ("user_id", _s.user_id), ("project_id", _s.project_id)):
        if key in keys:
            query = query.where(column == bindparam(key))
    if "before" in keys:
        query = query.where(_s.id < bindparam("before"))
    if "limit" in keys:
        query = query.order_by(_s.id.desc()).limit(bindparam("limit"))
    return Statement(query.with_for_update() if lock else query)


@cache
def _fires(*, before: bool) -> Statement:
    query = select(*schedule_fires.c).where(_f.schedule_id == bindparam("key"))
    if before:
        query = query.where(_f.due_at < bindparam("before"))
    return Statement(query.order_by(_f.due_at.desc()).limit(bindparam("limit")))


def _schedule(row: Sequence[Any]) -> Schedule:
    values = dict(zip(_NAMES, row, strict=True))
    values["handoff"] = from_json(values.pop("handoff_json"))
    values["confirmed_ahead"] = bool(values["confirmed_ahead"])
    values["paused"] = bool(values["paused"])
    return Schedule(**values)


def _fire(row: Sequence[Any]) -> Fire:
    schedule_id, due_at, first_due_at, fired_at, outcome, run_id = row
    return Fire(schedule_id, due_at, first_due_at, fired_at, FireOutcome(outcome), run_id)


class SqlSchedules:
    """The store of schedules; see ``app.ports.ScheduleStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def add(self, schedule: Schedule) -> None:
        values: dict[str, object] = {name: getattr(schedule, name) for name in _NAMES if hasattr(schedule, name)}
        values |= {"confirmed_ahead": int(schedule.confirmed_ahead), "paused": int(schedule.paused)}
        _ADD.run(self._driver, **values, handoff_json=to_json(schedule.handoff))

    def get(self, schedule_id: str, scope: Scope, *, lock: bool = False) -> Schedule:
        values: dict[str, object] = {"key": schedule_id}
        if scope.user_id is not None:
            values["user_id"] = scope.user_id
        row = _select(frozenset(values), lock=lock).first(self._driver, **values)
        if row is None:
            raise NotFound("schedule", schedule_id)
        return _schedule(row)

    def page(self, scope: Scope, page: Page, project_id: str | None) -> list[Schedule]:
        values: dict[str, object] = {"limit": page.limit}
        if page.before is not None:
            values["before"] = page.before
        if scope.user_id is not None:
            values["user_id"] = scope.user_id
        if project_id is not None:
            values["project_id"] = project_id
        return [_schedule(r) for r in _select(frozenset(values)).rows(self._driver, **values)]

    def count(self, user_id: str) -> int:
        row = _COUNT.first(self._driver, user=user_id)
        return 0 if row is None else row[0]

    def set_next(self, schedule_id: str, *, paused: bool, next_due_at: int | None) -> Schedule:
        row = _SET.first(self._driver, key=schedule_id, new_paused=int(paused), new_due=next_due_at, now=self._now_ms)
        if row is None:
            raise NotFound("schedule", schedule_id)
        return _schedule(row)

    def replace(self, schedule: Schedule) -> Schedule:
        values = {f"new_{name}": getattr(schedule, name) for name in _CHANGED if hasattr(schedule, name)}
        values |= {"new_handoff_json": to_json(schedule.handoff), "new_confirmed_ahead": int(schedule.confirmed_ahead)}
        row = _REPLACE.first(self._driver, key=schedule.id, now=self._now_ms, **values)
        if row is None:
            raise NotFound("schedule", schedule.id)
        return _schedule(row)

    def delete(self, schedule_id: str) -> None:
        _DELETE_FIRES.run(self._driver, key=schedule_id)
        _DELETE.run(self._driver, key=schedule_id)

    def due(self, limit: int) -> list[str]:
        return [r[0] for r in _DUE.rows(self._driver, now=self._now_ms, limit=limit)]

    def lock_due(self, schedule_id: str) -> Schedule | None:
        row = _LOCK_DUE.first(self._driver, key=schedule_id, now=self._now_ms)
        return None if row is None else _schedule(row)

    def add_fire(self, fire: Fire) -> None:
        values = {name: getattr(fire, name) for name in _FIRE_NAMES}
        _ADD_FIRE.run(self._driver, **{**values, "outcome": str(fire.outcome)})

    def fires(self, schedule_id: str, limit: int, before_due: int | None) -> list[Fire]:
        values: dict[str, object] = {"key": schedule_id, "limit": limit}
        if before_due is not None:
            values["before"] = before_due
        rows = _fires(before=before_due is not None).rows(self._driver, **values)
        return [_fire(r) for r in rows]
