"""Approvals: tool calls that a rule wants a person to look at first, and what he said.

A call that is asked for stays ``waiting``; the run blocks with all of them as one list, and each shows what it would do
with which arguments, and which rule asked. A yes is stored with the call and holds for those arguments alone; for the
run or for ever it holds for calls of that tool which the same rules ask for. It is judged again when the call is about
to begin: what was denied meanwhile stays denied. So a call runs once or not at all, whoever dies in between.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.app import control, governance
from oneliner.app.tool_results import preview, store_result
from oneliner.domain.errors import Conflict, Invalid
from oneliner.domain.event import Draft, EventType
from oneliner.domain.message import Approval, Reach, ToolCallState
from oneliner.domain.permits import denied, judge
from oneliner.domain.policy import standing
from oneliner.domain.run import Reason
from oneliner.domain.times import rfc3339
from oneliner.domain.tool_rules import ToolUse, Verdict, arguments_hash
from oneliner.domain.tool_rules_json import saying_to_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oneliner.app.model import ToolSpec
    from oneliner.app.ports import Transaction
    from oneliner.domain.message import ToolCall
    from oneliner.domain.policy import EffectivePolicy
    from oneliner.domain.run import Run
    from oneliner.domain.tool_rules import Ruling

APPROVAL = "approval"
REFUSE = "refuse"
DECISIONS: Mapping[str, Reach | None] = {
    "allow_once": Reach.ONCE,
    "allow_run": Reach.RUN,
    "allow_always": Reach.ALWAYS,
    REFUSE: None,
}
MAX_ARGUMENT_CHARS = 200_000

_REASON: Mapping[str, object] = {"type": "string", "maxLength": 2_000, "description": "told to the agent"}
SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {
        "decision": {"type": "string", "enum": list(DECISIONS), "description": "for all of the calls"},
        "reason": _REASON,
        "decisions": {
            "type": "array",
            "description": "for each call, in place of `decision`",
            "items": {
                "type": "object",
                "properties": {
                    "call_id": {"type": "string"},
                    "decision": {"type": "string", "enum": list(DECISIONS)},
                    "reason": _REASON,
                    "arguments": {"type": "object", "description": "in place of those asked for"},
                    "arguments_hash": {"type": "string", "description": "of the arguments that were seen"},
                },
                "required": ["call_id", "decision"],
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """A call that needs a person's yes, and why."""

    call: ToolCall
    ruling: Ruling


def use_of(call: ToolCall, executor: str) -> ToolUse:
    """*call* as the rules see it."""
    return ToolUse(call.name, json.loads(call.judged), call.reads, executor)


def approved_hash(policy: EffectivePolicy, call: ToolCall, use: ToolUse, ruling: Ruling, calls: list[ToolCall]) -> str:
    """The hash of the arguments with which *call*, that *ruling* asks for, is approved; empty when it is not.

    *calls* are those of its run, whose approvals may reach this one.
    """
    written = arguments_hash(use.arguments)
    if call.approval is not None and call.approval.arguments_hash == written:
        return written
    for_the_run = {
        key
        for other in calls
        if other.name == call.name and other.approval is not None and other.approval.reach is not Reach.ONCE
        for key in other.approval.keys
    }
    missing = ruling.asking - for_the_run
    is_standing = all(standing(call.name, key) in policy.approvals.value for key in missing)
    return written if is_standing else ""


def ask_approval(
    waiting: Sequence[Waiting], tools: Iterable[ToolSpec], expires_at_ms: int | None
) -> tuple[Reason, Mapping[str, object]]:
    """The block for calls that wait for a person."""
    schemas = {spec.name: spec.parameters for spec in tools}
    return Reason.NEEDS_APPROVAL, {
        "kind": APPROVAL,
        "calls": [_asked(w, schemas.get(w.call.name, {})) for w in waiting],
        "expires_at": None if expires_at_ms is None else rfc3339(expires_at_ms),
        "schema": SCHEMA,
    }


def decide(tx: Transaction, by: str, run: Run, answer: object) -> tuple[list[Draft], Mapping[str, object]]:
    """Write what a person said to the calls that *run* waits with; the events it makes, and details for the move's.

    Raises Invalid: a call without a decision, or arguments that do not fit; PolicyDenied: the edited arguments are
    forbidden; Conflict: the time is up, or other arguments were seen than are asked for.
    """
    control.check_against(SCHEMA, answer, "the answer")
    if run.resumes_at is not None and run.resumes_at <= tx.now_ms:
        raise Conflict("the time for this approval is up, and the run goes on without it")
    shown = {str(c["id"]): c for c in _objects(run.blocked.get("calls"))}
    said = _decisions(answer, shown)
    calls = {c.id: c for c in tx.tool_calls.of_run(run.id) if c.state is ToolCallState.WAITING}
    policy = governance.in_force(tx, run)
    drafts: list[Draft] = []
    told: list[Mapping[str, object]] = []
    for call_id, one in said.items():
        call = calls.get(call_id)
        if call is None:
            raise Conflict(f"call {call_id!r} does not wait any more")
        asked = shown[call_id]
        _check_seen(one, asked)
        reason = str(one.get("reason", ""))
        about: dict[str, object] = {"tool_call_id": call.id, "name": call.name, "decision": one["decision"]}
        reach = DECISIONS[str(one["decision"])]
        if reach is None:
            drafts.append(_refuse(tx, run, call, by, reason))
        else:
            about |= _approve(tx, by, run, policy, call, asked, reach, one.get("arguments"))
        told.append({**about, "reason": reason})
    return drafts, {"decisions": told}


def expire(tx: Transaction, run: Run) -> list[Draft]:
    """Refuse the calls that *run* has waited with until its time was up; the events it makes."""
    asked = {str(c["id"]) for c in _objects(run.blocked.get("calls"))}
    waiting = [c for c in tx.tool_calls.of_run(run.id) if c.id in asked and c.state is ToolCallState.WAITING]
    return [_deny(tx, run, call, "nobody approved this call in time; it was not carried out") for call in waiting]


def _asked(waiting: Waiting, schema: Mapping[str, object]) -> Mapping[str, object]:
    call = waiting.call
    arguments: Mapping[str, object] = json.loads(call.judged)
    touches = "reads" if call.reads else "changes_once" if call.repeatable else "changes"
    return {
        "id": call.id,
        "name": call.name,
        "arguments": arguments,
        "arguments_hash": arguments_hash(arguments),
        "schema": schema,
        "touches": touches,
        "asked_by": [{**saying_to_json(s), "key": s.key} for s in waiting.ruling.sayings if s.verdict is Verdict.ASK],
    }


def _objects(value: object) -> list[Mapping[str, object]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _decisions(answer: object, shown: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    """What was said to each call. Raises Invalid: a call is decided twice, or not at all."""
    given: Mapping[str, object] = answer if isinstance(answer, dict) else {}
    if "decision" in given and "decisions" not in given:
        return dict.fromkeys(shown, given)
    each = _objects(given.get("decisions"))
    said = {str(one["call_id"]): one for one in each}
    if "decision" in given or len(said) != len(each) or set(said) != set(shown):
        ids = ", ".join(sorted(shown))
        raise Invalid(f"say what is to become of each call once: {ids}", field="decisions")
    return said


def _check_seen(one: Mapping[str, object], asked: Mapping[str, object]) -> None:
    seen = one.get("arguments_hash")
    if seen is not None and seen != asked["arguments_hash"]:
        raise Conflict("these are not the arguments that were seen; look at the call again")


def _refuse(tx: Transaction, run: Run, call: ToolCall, by: str, reason: str) -> Draft:
    why = "the user refused this call" + (f": {reason}" if reason else "")
    return _deny(tx, run, call, why, by=by, reason=reason)


def _deny(tx: Transaction, run: Run, call: ToolCall, why: str, **about: object) -> Draft:
    store_result(tx, run, call, ToolCallState.DENIED, why)
    told = {"tool_call_id": call.id, "name": call.name, "arguments": call.arguments, "result": preview(why)}
    return Draft(EventType.TOOL_DENIED, {**told, **about})


def _approve(
    tx: Transaction,
    by: str,
    run: Run,
    policy: EffectivePolicy,
    call: ToolCall,
    asked: Mapping[str, object],
    reach: Reach,
    edited: object,
) -> Mapping[str, object]:
    arguments = json.loads(call.judged) if edited is None else _checked(edited, asked)
    ruling = judge(policy, ToolUse(call.name, arguments, call.reads, run.active_executor_key))
    if ruling.verdict is Verdict.DENY:
        raise denied(ruling, call.name)
    # Those that were shown: a rule that asks since then has not been answered.
    keys = frozenset(str(s["key"]) for s in _objects(asked["asked_by"]))
    approval = Approval(arguments_hash(arguments), by, tx.now_ms, reach, keys)
    text = None if edited is None else json.dumps(arguments, ensure_ascii=False)
    if not tx.tool_calls.approve(call.id, approval, text):
        raise Conflict(f"call {call.id!r} does not wait any more")
    if reach is Reach.ALWAYS:
        governance.approve_always(tx, run.user_id, call.name, keys, by)
    changed = {} if edited is None else {"arguments": arguments}
    return {"arguments_hash": approval.arguments_hash, "edited": edited is not None, **changed}


def _checked(edited: object, asked: Mapping[str, object]) -> Mapping[str, object]:
    if not isinstance(edited, dict) or len(json.dumps(edited)) > MAX_ARGUMENT_CHARS:
        raise Invalid(f"arguments are an object of at most {MAX_ARGUMENT_CHARS} characters", field="arguments")
    schema = asked.get("schema")
    if isinstance(schema, dict):
        control.check_against(schema, edited, "the arguments")
    return edited
