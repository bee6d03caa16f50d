"""Run events in the database: append-only, gapless per run, with one cursor per user."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select

from oneliner.adapters.database.encoding import from_json, to_json
from oneliner.adapters.database.statement import Statement, one_of
from oneliner.adapters.database.tables import agent_run_events as events
from oneliner.adapters.database.tables import users
from oneliner.domain.event import RunEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oneliner.adapters.database.statement import Driver
    from oneliner.domain.event import Draft, EventType
    from oneliner.domain.run import Run

_NAMES = tuple(c.name for c in events.c)
_ADD = Statement(insert(events), _NAMES)
_AFTER = Statement(
    select(*events.c)
    .where(events.c.run_id == bindparam("run"), events.c.seq > bindparam("after"))
    .order_by(events.c.seq)
    .limit(bindparam("limit"))
)
_CURSOR = Statement(select(users.c.event_cursor).where(users.c.id == bindparam("user")))


@cache
def _of_user(*, in_project: bool) -> Statement:
    query = select(*events.c).where(events.c.user_id == bindparam("user"), events.c.owner_seq > bindparam("after"))
    if in_project:
        query = query.where(events.c.project_id == bindparam("project"))
    return Statement(query.order_by(events.c.owner_seq).limit(bindparam("limit")))


# Many sets of types can be asked for; the page asks for a few.
@lru_cache(maxsize=64)
def _some(types: frozenset[EventType] | None, *, newest: bool) -> Statement:
    query = select(*events.c).where(events.c.run_id == bindparam("run"), events.c.seq > bindparam("after"))
    if types is not None:
        query = query.where(one_of(events.c.event_type, types))
    return Statement(query.order_by(events.c.seq.desc() if newest else events.c.seq).limit(bindparam("limit")))


def _event(row: Sequence[Any]) -> RunEvent:
    id_, run_id, seq, session_id, user_id, project_id, owner_seq, event_type, summary, details, created_at = row
    return RunEvent(
        id_,
        run_id,
        session_id,
        user_id,
        project_id,
        seq,
        owner_seq,
        event_type,
        summary,
        from_json(details),
        created_at,
    )


class SqlEvents:
    """The event store; see ``app.ports.EventStore``."""

    def __init__(self, driver: Driver, now_ms: int, new_id: Callable[[], str]) -> None:
        self._driver = driver
        self._now_ms = now_ms
        self._new_id = new_id

    def append(self, run: Run, last_owner_seq: int, drafts: Sequence[Draft]) -> list[RunEvent]:
        first = run.last_seq - len(drafts) + 1
        first_owner = last_owner_seq - len(drafts) + 1
        written = [
            RunEvent(
                id=self._new_id(),
                run_id=run.id,
                session_id=run.session_id,
                user_id=run.user_id,
                project_id=run.project_id,
                seq=first + n,
                owner_seq=first_owner + n,
                event_type=str(draft.event_type),
                summary=draft.summary,
                details=draft.details,
                created_at=self._now_ms,
            )
            for n, draft in enumerate(drafts)
        ]
        _ADD.run_many(
            self._driver,
            [
                {
                    "id": e.id,
                    "run_id": e.run_id,
                    "session_id": e.session_id,
                    "user_id": e.user_id,
                    "project_id": e.project_id,
                    "seq": e.seq,
                    "owner_seq": e.owner_seq,
                    "event_type": e.event_type,
                    "summary": e.summary,
                    "details_json": to_json(e.details),
                    "created_at": e.created_at,
                }
                for e in written
            ],
        )
        return written

    def after(self, run_id: str, seq: int, limit: int) -> list[RunEvent]:
        return [_event(r) for r in _AFTER.rows(self._driver, run=run_id, after=seq, limit=limit)]

    def some(
        self, run_id: str, types: frozenset[EventType] | None, seq: int, limit: int, *, newest: bool
    ) -> list[RunEvent]:
        rows = _some(types, newest=newest).rows(self._driver, run=run_id, after=seq, limit=limit)
        return [_event(r) for r in (reversed(rows) if newest else rows)]

    def of_user(self, user_id: str, owner_seq: int, project_id: str | None, limit: int) -> list[RunEvent]:
        statement = _of_user(in_project=project_id is not None)
        rows = statement.rows(self._driver, user=user_id, after=owner_seq, project=project_id, limit=limit)
        return [_event(r) for r in rows]

    def cursor_of(self, user_id: str) -> int:
        row = _CURSOR.first(self._driver, user=user_id)
        return 0 if row is None else row[0]
