"""Taking the content out of sessions, with their books left as they are.

:data:`CONTENT` says for each table what people or models wrote, and what stands there when it is gone. Whoever adds such
a column adds it here; ids, types, times, tokens, models, costs and the rules a run was under are books.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, delete, exists, literal, or_, select, text, update

from oneliner.adapters.database.statement import Statement, one_of
from oneliner.adapters.database.tables import (
    agent_run_events,
    agent_runs,
    document_terms,
    document_versions,
    documents,
    idempotency_keys,
    messages,
    policy_history,
    policy_layers,
    run_documents,
    saved_views,
    sessions,
    sign_in_codes,
    tool_calls,
    users,
)
from oneliner.domain.message import MessageState
from oneliner.domain.policy import LayerName
from oneliner.domain.run import ENDED, RunStatus
from oneliner.domain.user import UserStatus

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
    tool_calls: {"arguments": "{}", "checked": "", "result": "", "approval_json": "{}", "asked_json": "{}"},
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
_ERASED = select(users.c.id).where(users.c.status == str(UserStatus.ERASED))
_THEIR_OVERRIDES = select(literal("user:") + users.c.id).where(users.c.status == str(UserStatus.ERASED))
_THEIR_DOCUMENTS = select(documents.c.id).where(documents.c.user_id.in_(_ERASED))


def _is_theirs(layers: Table) -> ColumnElement[bool]:
    return or_(
        and_(layers.c.layer == str(LayerName.USER), layers.c.scope_key.in_(_ERASED)),
        and_(layers.c.layer == str(LayerName.ADMIN_OVERRIDE), layers.c.scope_key.in_(_THEIR_OVERRIDES)),
    )


_DROP_TERMS = Statement(delete(document_terms).where(document_terms.c.document_id.in_(_THEIR_DOCUMENTS)))
# SQLite's full-text index only notes what is deleted; the words are in it until its parts are merged.
_MERGE_TERMS = Statement(text("INSERT INTO document_search (document_search) VALUES ('optimize')"))
#: What belongs to a user and to no session, as it is deleted: what refers to something before it.
_DROP = tuple(
    Statement(delete(table).where(is_theirs))
    for table, is_theirs in (
        (run_documents, run_documents.c.document_id.in_(_THEIR_DOCUMENTS)),
        (document_versions, document_versions.c.document_id.in_(_THEIR_DOCUMENTS)),
        (documents, documents.c.user_id.in_(_ERASED)),
        (policy_history, _is_theirs(policy_history)),
        (policy_layers, _is_theirs(policy_layers)),
        (saved_views, saved_views.c.user_id.in_(_ERASED)),
        (idempotency_keys, idempotency_keys.c.user_id.in_(_ERASED)),
        (sign_in_codes, sign_in_codes.c.user_id.in_(_ERASED)),
    )
)


@cache
def _of_erased(*, of_one: bool) -> Statement:
    query = select(sessions.c.id).where(
        sessions.c.user_id.in_(_ERASED), sessions.c.purged_at.is_(None), sessions.c.id > bindparam("after")
    )
    if of_one:
        query = query.where(sessions.c.user_id == bindparam("user"))
    return Statement(query.order_by(sessions.c.id).limit(bindparam("limit")))


class SqlPurging:
    """The store of purges; see ``app.ports.PurgeStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def due(self, deleted_before_ms: int, after: str, limit: int) -> list[str]:
        return [r[0] for r in _DUE.rows(self._driver, before=deleted_before_ms, after=after, limit=limit)]

    def is_due(self, session_id: str, deleted_before_ms: int) -> bool:
        return _IS_DUE.first(self._driver, before=deleted_before_ms, session=session_id) is not None

    def of_erased(self, after: str, limit: int, user_id: str | None = None) -> list[str]:
        statement = _of_erased(of_one=user_id is not None)
        return [r[0] for r in statement.rows(self._driver, after=after, limit=limit, user=user_id)]

    def drop_belongings(self) -> None:
        if _DROP_TERMS.count(self._driver) and self._driver.dialect.name == "sqlite":
            _MERGE_TERMS.run(self._driver)
        for statement in _DROP:
            statement.run(self._driver)

    def empty(self, session_id: str) -> None:
        for statement in _EMPTY:
            statement.run(self._driver, session=session_id, now=self._now_ms)
