"""Taking the content out of sessions, with their books left as they are.

:data:`CONTENT` says for each table what people or models wrote, and what stands there when it is gone. Whoever adds such
a column adds it here; ids, types, times, tokens, models, costs and the rules a run was under are books.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, exists, select, update

from oneliner.adapters.database.statement import Statement, one_of
from oneliner.adapters.database.tables import agent_run_events, agent_runs, messages, sessions, tool_calls
from oneliner.domain.message import MessageState
from oneliner.domain.run import ENDED, RunStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Table

    from oneliner.adapters.database.statement import Driver

_OF_SESSION = bindparam("session")
_ITS_RUNS = select(agent_runs.c.id).where(agent_runs.c.session_id == _OF_SESSION).scalar_subquery()
#: In the order of the locks: runs, what belongs to them, the session. The trigger on the events wants the mark of the
#: run to be there first.
CONTENT: Mapping[Table, Mapping[str, str]] = {
    agent_runs: {
        "title": "",
        "summary": "",
        "plan_json": "{}",
        "result_json": "{}",
        "blocked_reason": "",
        "blocked_json": "{}",
    },
    agent_run_events: {"summary": "", "details_json": "{}"},
    tool_calls: {"arguments": "{}", "checked": "", "result": ""},
    messages: {"content": "", "tool_calls_json": "[]", "details_json": "{}"},
    sessions: {"title": ""},
}
_WHERE: Mapping[Table, ColumnElement[bool]] = {
    agent_runs: agent_runs.c.session_id == _OF_SESSION,
    agent_run_events: agent_run_events.c.run_id.in_(_ITS_RUNS),
    tool_calls: tool_calls.c.run_id.in_(_ITS_RUNS),
    messages: messages.c.session_id == _OF_SESSION,
    sessions: sessions.c.id == _OF_SESSION,
}
_EMPTY = tuple(
    Statement(
        update(table)
        .where(_WHERE[table])
        .values({**empty, "purged_at": bindparam("now")} if "purged_at" in table.c else empty)
    )
    for table, empty in CONTENT.items()
)
# Somebody may still write to what has not ended, and to a message whose bill is still open.
_AT_REST = (
    sessions.c.purged_at.is_(None),
    ~exists().where(agent_runs.c.session_id == sessions.c.id, one_of(agent_runs.c.run_status, set(RunStatus) - ENDED)),
    ~exists().where(messages.c.session_id == sessions.c.id, messages.c.state == str(MessageState.STREAMING)),
)
_DELETED = (sessions.c.deleted_at.is_not(None), sessions.c.deleted_at <= bindparam("before"))
_DUE = Statement(
    select(sessions.c.id)
    .where(*_DELETED, *_AT_REST, sessions.c.id > bindparam("after"))
    .order_by(sessions.c.id)
    .limit(bindparam("limit"))
)
_IS_DUE = Statement(select(sessions.c.id).where(*_DELETED, *_AT_REST, sessions.c.id == _OF_SESSION))


class SqlPurging:
    """The store of purges; see ``app.ports.PurgeStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def due(self, deleted_before_ms: int, after: str, limit: int) -> list[str]:
        return [r[0] for r in _DUE.rows(self._driver, before=deleted_before_ms, after=after, limit=limit)]

    def is_due(self, session_id: str, deleted_before_ms: int) -> bool:
        return _IS_DUE.first(self._driver, before=deleted_before_ms, session=session_id) is not None

    def empty(self, session_id: str) -> None:
        for statement in _EMPTY:
            statement.run(self._driver, session=session_id, now=self._now_ms)
