"""Tool calls in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update

from oneliner.adapters.database.encoding import from_json, to_json
from oneliner.adapters.database.statement import Statement, one_of
from oneliner.adapters.database.tables import tool_calls
from oneliner.domain.message import FINISHED, Approval, Reach, ToolCall, ToolCallState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.adapters.database.statement import Driver

_NAMES = tuple(c.name for c in tool_calls.c)
_FIELDS = tuple(name.removesuffix("_json") for name in _NAMES)
_ADD = Statement(insert(tool_calls), _NAMES)
_OF_RUN = Statement(select(*tool_calls.c).where(tool_calls.c.run_id == bindparam("run")).order_by(tool_calls.c.id))
_UNFINISHED = set(ToolCallState) - FINISHED
_MOVE = Statement(
    update(tool_calls)
    .where(tool_calls.c.id == bindparam("key"), one_of(tool_calls.c.state, _UNFINISHED))
    .values(state=bindparam("new_state"), result=bindparam("new_result"), finished_at=bindparam("at"))
)
_START = Statement(
    update(tool_calls)
    .where(tool_calls.c.id == bindparam("key"), one_of(tool_calls.c.state, _UNFINISHED))
    .values(state=bindparam("new_state"), attempts=tool_calls.c.attempts + 1, started_at=bindparam("at"))
)
_ASK = Statement(
    update(tool_calls)
    .where(tool_calls.c.id == bindparam("key"), one_of(tool_calls.c.state, _UNFINISHED))
    .values(state=bindparam("new_state"), asked_json=bindparam("new_asked"))
)


_IS_WAITING = (tool_calls.c.id == bindparam("key"), tool_calls.c.state == str(ToolCallState.WAITING))
_APPROVE = Statement(update(tool_calls).where(*_IS_WAITING).values(approval_json=bindparam("new_approval")))
_EDIT = Statement(
    update(tool_calls)
    .where(*_IS_WAITING)
    .values(approval_json=bindparam("new_approval"), arguments=bindparam("new_arguments"), checked="")
)


def _approval(text: str) -> Approval | None:
    if text == "{}":
        return None
    data = from_json(text)
    return Approval(data["hash"], data["by"], data["at"], Reach(data["reach"]), frozenset(data["keys"]))


def _approval_to_json(approval: Approval | None) -> str:
    if approval is None:
        return "{}"
    return to_json(
        {
            "hash": approval.arguments_hash,
            "by": approval.by,
            "at": approval.at,
            "reach": str(approval.reach),
            "keys": sorted(approval.keys),
        }
    )


def _call(row: Sequence[Any]) -> ToolCall:
    values = dict(zip(_FIELDS, row, strict=True))
    values["state"] = ToolCallState(values["state"])
    values["repeatable"] = bool(values["repeatable"])
    values["reads"] = bool(values["reads"])
    values["approval"] = _approval(values["approval"])
    values["asked"] = from_json(values["asked"])
    return ToolCall(**values)


class SqlToolCalls:
    """The tool call store; see ``app.ports.ToolCallStore``."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    def add(self, call: ToolCall) -> None:
        values = {name: getattr(call, field) for name, field in zip(_NAMES, _FIELDS, strict=True)}
        values |= {"state": str(call.state), "repeatable": int(call.repeatable), "reads": int(call.reads)}
        values["approval_json"] = _approval_to_json(call.approval)
        values["asked_json"] = to_json(call.asked)
        _ADD.run(self._driver, **values)

    def of_run(self, run_id: str) -> list[ToolCall]:
        return [_call(r) for r in _OF_RUN.rows(self._driver, run=run_id)]

    def approve(self, call_id: str, approval: Approval, arguments: str | None) -> bool:
        told = _approval_to_json(approval)
        if arguments is None:
            return _APPROVE.count(self._driver, key=call_id, new_approval=told) > 0
        return _EDIT.count(self._driver, key=call_id, new_approval=told, new_arguments=arguments) > 0

    def start(self, call_id: str, now_ms: int) -> bool:
        values = {"key": call_id, "new_state": str(ToolCallState.STARTED), "at": now_ms}
        return _START.count(self._driver, **values) > 0

    def ask(self, call_id: str, asked: Mapping[str, object]) -> None:
        _ASK.run(self._driver, key=call_id, new_state=str(ToolCallState.WAITING), new_asked=to_json(asked))

    def set_state(self, call_id: str, state: ToolCallState, result: str, finished_at: int | None) -> bool:
        changed = _MOVE.count(self._driver, key=call_id, new_state=str(state), new_result=result, at=finished_at)
        return changed > 0
