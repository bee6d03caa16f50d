"""Storing what came of a tool call: the call's end, the message the model reads, and the room it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.domain.message import Message, Role, ToolCallState
from oneliner.domain.usage import Totals

if TYPE_CHECKING:
    from oneliner.app.ports import Transaction
    from oneliner.domain.message import ToolCall
    from oneliner.domain.run import Run

PREVIEW_CHARS = 500


def store_result(tx: Transaction, run: Run, call: ToolCall, state: ToolCallState, content: str) -> bool:
    """End *call* with *content* for the model; False, and nothing stored, when it had ended before."""
    if not tx.tool_calls.set_state(call.id, state, preview(content), tx.now_ms):
        return False
    at = tx.sessions.grow(run.session_id, 1, Totals())
    tx.messages.add(
        Message(
            id=tx.new_id(),
            session_id=run.session_id,
            run_id=run.id,
            user_id=run.user_id,
            project_id=run.project_id,
            position=at,
            role=Role.TOOL,
            content=content,
            tool_call_id=call.call_id,
            executor=run.active_executor_key,
            created_at=tx.now_ms,
            details={"tool": call.name, "state": str(state)},
            scope=call.scope,
        )
    )
    return True


def preview(content: str) -> str:
    """The beginning of *content*, for events and lists."""
    return content if len(content) <= PREVIEW_CHARS else content[: PREVIEW_CHARS - 1] + "…"
