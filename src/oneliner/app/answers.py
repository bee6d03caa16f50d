"""What a blocked run asks, and what becomes of the answer.

A block is stored on the run as ``blocked``: ``kind``, what is asked, and ``schema``, a JSON Schema for the answer, so
that a page can build the form from it and nothing else. The answer turns into the results of the tool calls that wait
for it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from oneliner.app import control
from oneliner.app.tool_results import store_result
from oneliner.domain.errors import Invalid
from oneliner.domain.message import ToolCallState
from oneliner.domain.run import Reason
from oneliner.domain.text import clean_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.app.ports import Transaction
    from oneliner.domain.message import ToolCall
    from oneliner.domain.run import Run

QUESTION = "question"
OUTCOME_UNKNOWN = "tool_outcome_unknown"
RUN_AGAIN = "run_again"
TREAT_AS_DONE = "treat_as_done"
TREAT_AS_FAILED = "treat_as_failed"


def ask_question(call: ToolCall) -> tuple[Reason, Mapping[str, object]]:
    """The block for a waiting call: an ``ask_user`` of the agent, or one whose tool asks."""
    if call.asked:
        block = {"kind": QUESTION, "call_id": call.id, "tool": call.name}
        return Reason.NEEDS_ANSWER, {**block, "question": call.asked["question"], "schema": call.asked["schema"]}
    question, schema = control.question_of(control.arguments_of(control.ASK_USER, call.arguments))
    return Reason.NEEDS_ANSWER, {"kind": QUESTION, "call_id": call.id, "question": question, "schema": schema}


def ask_outcome(calls: Sequence[ToolCall]) -> tuple[Reason, Mapping[str, object]]:
    """The block for calls that were started and whose worker was lost before they ended."""
    return Reason.TOOL_OUTCOME_UNKNOWN, {
        "kind": OUTCOME_UNKNOWN,
        "calls": [{"id": c.id, "name": c.name, "arguments": c.arguments} for c in calls],
        "schema": {
            "type": "object",
            "properties": {
                "decision": {"type": "string", "enum": [RUN_AGAIN, TREAT_AS_DONE, TREAT_AS_FAILED]},
                "note": {"type": "string", "description": "what you know of its outcome"},
            },
            "required": ["decision"],
            "additionalProperties": False,
        },
    }


def apply_answer(tx: Transaction, run: Run, answer: object) -> None:
    """Write *answer* as the results of the calls that *run* is blocked on. Raises Invalid: it does not fit."""
    answer = clean_json(answer)
    schema = run.blocked.get("schema")
    if isinstance(schema, dict):
        control.check_against(schema, answer, "the answer")
    waiting = {c.id: c for c in tx.tool_calls.of_run(run.id)}
    if run.blocked.get("kind") == QUESTION:
        call = waiting.get(str(run.blocked.get("call_id")))
        if call is not None and call.asked:
            tx.tool_calls.ask(call.id, {**call.asked, "answer": answer})
        elif call is not None:
            store_result(tx, run, call, ToolCallState.DONE, json.dumps(answer, ensure_ascii=False))
    elif run.blocked.get("kind") == OUTCOME_UNKNOWN and isinstance(answer, dict):
        for call in waiting.values():
            if call.state is ToolCallState.UNKNOWN:
                _settle_unknown(tx, run, call, answer)
    else:
        raise Invalid("this run asks for nothing that an answer could settle")


def _settle_unknown(tx: Transaction, run: Run, call: ToolCall, answer: Mapping[str, object]) -> None:
    note = str(answer.get("note", ""))
    match answer["decision"]:
        case "run_again":
            tx.tool_calls.set_state(call.id, ToolCallState.WAITING, "", None)
        case "treat_as_done":
            said = f"(the outcome was lost; the user says it was done) {note}".strip()
            store_result(tx, run, call, ToolCallState.DONE, said)
        case _:
            said = f"(the outcome was lost; the user says it failed) {note}".strip()
            store_result(tx, run, call, ToolCallState.FAILED, said)
