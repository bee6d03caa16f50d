"""Messages in the database: the conversation, and the bill."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, exists, insert, literal_column, or_, select, update

from oneliner.adapters.database.encoding import from_json, to_json
from oneliner.adapters.database.statement import Statement, one_of
from oneliner.adapters.database.tables import agent_runs, messages
from oneliner.domain.message import AskedCall, Message, MessageState, Purpose, Role
from oneliner.domain.run import RunStatus
from oneliner.domain.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.adapters.database.statement import Driver
    from oneliner.app.ports import Page

_COLUMNS = tuple(c for c in messages.c if c.name != "deleted_at")
_NAMES = tuple(c.name for c in _COLUMNS)
_ADD = Statement(insert(messages), _NAMES)
_SETTLE = Statement(
    update(messages)
    .where(messages.c.id == bindparam("key"), messages.c.state == str(MessageState.STREAMING))
    .values(
        state=bindparam("new_state"),
        **{
            name: bindparam(f"new_{name}")
            for name in (
                "content",
                "tool_calls_json",
                "input_tokens",
                "output_tokens",
                "cached_tokens",
                "estimated",
                "cost_nanos",
                "priced",
                "price_source",
                "details_json",
            )
        },
    )
)
_STREAMING = Statement(
    select(*_COLUMNS)
    .where(messages.c.run_id == bindparam("run"), messages.c.state == str(MessageState.STREAMING))
    .order_by(messages.c.position)
)
_ORPHANED = Statement(
    select(*_COLUMNS)
    .where(
        messages.c.state == str(MessageState.STREAMING),
        ~exists().where(
            agent_runs.c.id == messages.c.run_id,
            one_of(agent_runs.c.run_status, (RunStatus.RUNNING, RunStatus.DRAFTING, RunStatus.QUEUED)),
        ),
    )
    .limit(bindparam("limit"))
)
_SAID = (messages.c.state == str(MessageState.COMPLETE), messages.c.purpose == str(Purpose.ANSWER))
_OF_RUN = Statement(
    select(*_COLUMNS)
    .where(messages.c.run_id == bindparam("run"), messages.c.scope == bindparam("scope_is"), *_SAID)
    .order_by(messages.c.position)
)
_OTHER = messages.alias()
_OF_TASK = Statement(
    select(*_COLUMNS)
    .where(
        messages.c.run_id == bindparam("run"),
        or_(
            messages.c.scope == bindparam("scope_is"),
            and_(
                messages.c.role == str(Role.USER),
                messages.c.position
                > select(_OTHER.c.position).where(_OTHER.c.id == bindparam("asked_in")).scalar_subquery(),
            ),
        ),
        *_SAID,
    )
    .order_by(messages.c.position)
)
_IN_SCOPE = Statement(
    select(*_COLUMNS)
    .where(
        messages.c.run_id == bindparam("run"),
        messages.c.scope == bindparam("scope_is"),
        messages.c.state == str(MessageState.COMPLETE),
    )
    .order_by(messages.c.position)
)
_AT_PLACE = Statement(
    select(*_COLUMNS).where(
        messages.c.run_id == bindparam("run"),
        messages.c.scope == bindparam("scope_is"),
        messages.c.state == str(MessageState.COMPLETE),
        or_(messages.c.place == bindparam("place_is"), messages.c.tool_call_id == bindparam("place_is")),
    )
)
_ANSWERS = Statement(
    select(*_COLUMNS)
    .where(
        messages.c.run_id == bindparam("run"), messages.c.role == str(Role.ASSISTANT), messages.c.model != "", *_SAID
    )
    .order_by(messages.c.position)
)
_BEFORE_RUN = Statement(
    select(*_COLUMNS)
    .where(
        messages.c.session_id == bindparam("session"),
        messages.c.run_id < bindparam("run"),
        messages.c.scope == "",
        *_SAID,
    )
    .order_by(messages.c.position.desc())
    .limit(bindparam("limit"))
)
_NEWEST_OF_RUN = Statement(
    select(*_COLUMNS)
    .where(messages.c.run_id == bindparam("run"), messages.c.scope == "", *_SAID)
    .order_by(messages.c.position.desc())
    .limit(bindparam("limit"))
)
_FIRST_OF_RUN = Statement(
    select(*_COLUMNS)
    .where(messages.c.run_id == bindparam("run"), messages.c.scope == "", *_SAID)
    .order_by(messages.c.position)
    .limit(1)
)
_SUMMARIES = Statement(
    select(*_COLUMNS)
    .where(
        messages.c.session_id == bindparam("session"),
        # Spelt out, as the index of the summaries has it.
        messages.c.purpose == literal_column(f"'{Purpose.SUMMARY}'"),
        messages.c.state == str(MessageState.COMPLETE),
    )
    .order_by(messages.c.position.desc())
    .limit(bindparam("limit"))
)
_AT = Statement(
    select(*_COLUMNS).where(
        messages.c.session_id == bindparam("session"), messages.c.position == bindparam("position"), *_SAID
    )
)
_AFTER = Statement(
    select(*_COLUMNS)
    .where(
        messages.c.session_id == bindparam("session"),
        messages.c.position > bindparam("after"),
        messages.c.deleted_at.is_(None),
    )
    .order_by(messages.c.position)
    .limit(bindparam("limit"))
)


@cache
def _page(*, before: bool, with_deleted: bool) -> Statement:
    query = select(*_COLUMNS).where(
        messages.c.session_id == bindparam("session"), messages.c.purpose != str(Purpose.NOTE)
    )
    if not with_deleted:
        query = query.where(messages.c.deleted_at.is_(None))
    if before:
        query = query.where(messages.c.position < bindparam("before"))
    return Statement(query.order_by(messages.c.position.desc()).limit(bindparam("limit")))


@cache
def _page_of_run(*, before: bool) -> Statement:
    query = select(*_COLUMNS).where(
        messages.c.run_id == bindparam("run"),
        messages.c.purpose != str(Purpose.NOTE),
        messages.c.deleted_at.is_(None),
    )
    if before:
        query = query.where(messages.c.position < bindparam("before"))
    return Statement(query.order_by(messages.c.position.desc()).limit(bindparam("limit")))


def _message(row: Sequence[Any]) -> Message:
    (id_, session_id, run_id, user_id, project_id, position, role, state, purpose, content, calls, tool_call_id) = row[
        :12
    ]
    (
        model,
        executor,
        tokens_in,
        tokens_out,
        cached,
        estimated,
        cost,
        priced,
        price_source,
        reserved,
        details,
        created_at,
        scope,
        place,
    ) = row[12:]
    return Message(
        id=id_,
        session_id=session_id,
        run_id=run_id,
        user_id=user_id,
        project_id=project_id,
        position=position,
        role=Role(role),
        state=MessageState(state),
        purpose=Purpose(purpose),
        content=content,
        tool_calls=_calls_of(calls),
        tool_call_id=tool_call_id,
        model=model,
        executor=executor,
        usage=Usage(tokens_in, tokens_out, cached, bool(estimated)),
        cost_nanos=cost,
        priced=bool(priced),
        price_source=price_source,
        reserved_nanos=reserved,
        created_at=created_at,
        details=from_json(details),
        scope=scope,
        place=place,
    )


def _calls_of(stored: str) -> tuple[AskedCall, ...]:
    return () if stored == "[]" else tuple(AskedCall(*fields) for fields in from_json(stored))


def _calls_json(calls: Sequence[AskedCall]) -> str:
    return to_json([[c.call_id, c.name, c.arguments] for c in calls]) if calls else "[]"


class SqlMessages:
    """The message store; see ``app.ports.MessageStore``."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def add(self, message: Message) -> None:
        _ADD.run(
            self._driver,
            id=message.id,
            session_id=message.session_id,
            run_id=message.run_id,
            user_id=message.user_id,
            project_id=message.project_id,
            position=message.position,
            role=str(message.role),
            state=str(message.state),
            purpose=str(message.purpose),
            content=message.content,
            tool_calls_json=_calls_json(message.tool_calls),
            tool_call_id=message.tool_call_id,
            model=message.model,
            executor=message.executor,
            input_tokens=message.usage.input_tokens,
            output_tokens=message.usage.output_tokens,
            cached_tokens=message.usage.cached_tokens,
            estimated=int(message.usage.estimated),
            cost_nanos=message.cost_nanos,
            priced=int(message.priced),
            price_source=message.price_source,
            reserved_nanos=message.reserved_nanos,
            details_json=to_json(message.details),
            created_at=message.created_at,
            scope=message.scope,
            place=message.place,
        )

    def settle(
        self,
        message_id: str,
        state: MessageState,
        content: str,
        tool_calls: Sequence[AskedCall],
        usage: Usage,
        cost_nanos: int | None,
        price_source: str,
        details: Mapping[str, object],
    ) -> bool:
        changed = _SETTLE.count(
            self._driver,
            key=message_id,
            new_state=str(state),
            new_content=content,
            new_tool_calls_json=_calls_json(tool_calls),
            new_input_tokens=usage.input_tokens,
            new_output_tokens=usage.output_tokens,
            new_cached_tokens=usage.cached_tokens,
            new_estimated=int(usage.estimated),
            new_cost_nanos=cost_nanos,
            new_priced=int(cost_nanos is not None),
            new_price_source=price_source,
            new_details_json=to_json(details),
        )
        return changed > 0

    def streaming(self, run_id: str) -> list[Message]:
        return [_message(r) for r in _STREAMING.rows(self._driver, run=run_id)]

    def orphaned(self, limit: int) -> list[Message]:
        return [_message(r) for r in _ORPHANED.rows(self._driver, limit=limit)]

    def page(self, session_id: str, page: Page, *, with_deleted: bool = False) -> list[Message]:
        values: dict[str, object] = {"session": session_id, "limit": page.limit}
        if page.before is not None:
            values["before"] = int(page.before)
        statement = _page(before=page.before is not None, with_deleted=with_deleted)
        return [_message(r) for r in statement.rows(self._driver, **values)]

    def page_of_run(self, run_id: str, page: Page) -> list[Message]:
        values: dict[str, object] = {"run": run_id, "limit": page.limit}
        if page.before is not None:
            values["before"] = int(page.before)
        return [_message(r) for r in _page_of_run(before=page.before is not None).rows(self._driver, **values)]

    def after(self, session_id: str, position: int, limit: int) -> list[Message]:
        return [_message(r) for r in _AFTER.rows(self._driver, session=session_id, after=position, limit=limit)]

    def of_run(self, run_id: str) -> list[Message]:
        return [_message(r) for r in _OF_RUN.rows(self._driver, run=run_id, scope_is="")]

    def of_task(self, run_id: str, scope: str, asked_in: str) -> list[Message]:
        return [_message(r) for r in _OF_TASK.rows(self._driver, run=run_id, scope_is=scope, asked_in=asked_in)]

    def in_scope(self, run_id: str, scope: str) -> list[Message]:
        return [_message(r) for r in _IN_SCOPE.rows(self._driver, run=run_id, scope_is=scope)]

    def at_place(self, run_id: str, scope: str, place: str) -> Message | None:
        rows = _AT_PLACE.rows(self._driver, run=run_id, scope_is=scope, place_is=place)
        return _message(rows[0]) if rows else None

    def answers(self, run_id: str) -> list[Message]:
        return [_message(r) for r in _ANSWERS.rows(self._driver, run=run_id)]

    def before_run(self, session_id: str, run_id: str, limit: int) -> list[Message]:
        rows = _BEFORE_RUN.rows(self._driver, session=session_id, run=run_id, limit=limit)
        return sorted((_message(r) for r in rows), key=lambda m: (m.run_id, m.position))

    def newest_of_run(self, run_id: str, limit: int) -> list[Message]:
        return [_message(r) for r in _NEWEST_OF_RUN.rows(self._driver, run=run_id, limit=limit)][::-1]

    def first_of_run(self, run_id: str) -> Message | None:
        row = _FIRST_OF_RUN.first(self._driver, run=run_id)
        return None if row is None else _message(row)

    def summaries(self, session_id: str, limit: int) -> list[Message]:
        return [_message(r) for r in _SUMMARIES.rows(self._driver, session=session_id, limit=limit)]

    def at(self, session_id: str, position: int) -> Message | None:
        row = _AT.first(self._driver, session=session_id, position=position)
        return None if row is None else _message(row)
