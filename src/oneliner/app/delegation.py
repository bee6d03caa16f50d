"""Delegated work: a call of ``delegate`` that has begun and not ended is a piece of work of its own.

Its conversation is the messages and tool calls that carry the call's id as their scope, its task the call's arguments, and
its last answer becomes the call's result. So whoever takes over a run finds in the rows who is at work, and nothing else
has to be kept. The permit for the call is asked for anew each time: whom the rules deny meanwhile, nobody works for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from oneliner.app import approvals
from oneliner.app.control import DELEGATE
from oneliner.app.runs import DELEGATING_VERSION
from oneliner.app.steps import Assignment, Work
from oneliner.app.tool_results import preview
from oneliner.domain.errors import Invalid
from oneliner.domain.event import EventType
from oneliner.domain.message import ToolCallState
from oneliner.domain.permits import Arguments, check_call, judge

if TYPE_CHECKING:
    from oneliner.app.checkpoint import Checkpoint
    from oneliner.domain.message import ToolCall


def is_delegated(call: ToolCall) -> bool:
    """Whether *call* hands work to another executor."""
    return call.name == DELEGATE


def under_way(calls: list[ToolCall], above: Work) -> ToolCall | None:
    """The call of *calls* by which *above* has delegated something that has not ended; there is one at most."""
    return next(
        (c for c in calls if c.scope == above.scope and is_delegated(c) and c.state is ToolCallState.STARTED), None
    )


def work_of(checkpoint: Checkpoint, above: Work, call: ToolCall, calls: list[ToolCall]) -> Work:
    """The work that *call* delegates in the work *above*; *calls* are those of the run.

    Raises PolicyDenied: the rules do not allow it (any more); Invalid: *above* may ask nobody of that name.
    """
    asking = above.terms.executor
    said: dict[str, object] = json.loads(call.judged)
    use = approvals.use_of(call, asking)
    approved = approvals.approved_hash(checkpoint.policy, call, use, judge(checkpoint.policy, use), calls)
    permit = check_call(
        checkpoint.policy,
        tool=DELEGATE,
        reads=call.reads,
        executor=asking,
        arguments=Arguments(said, said),
        approved_hash=approved,
    )
    assignment = Assignment(call, permit)
    known = checkpoint.staff.roster.asked_by(asking, above.line[:-1])
    if all(one.name != assignment.executor for one in known):
        names = ", ".join(one.name for one in known) or "nobody"
        raise Invalid(f"{asking} cannot ask {assignment.executor!r} here; it can ask: {names}")
    terms = checkpoint.on_terms(checkpoint.staff.terms(assignment.executor, above.line))
    return Work(terms, call.id, assignment, above)


def begin(checkpoint: Checkpoint, work: Work, assignment: Assignment) -> None:
    """Store that *work* begins, and let it be what goes on."""
    call = assignment.call
    checkpoint.start_call(call)
    checkpoint.tell(
        EventType.EXECUTOR_STARTED,
        tool_call_id=call.id,
        executor=assignment.executor,
        asked_by=checkpoint.work.terms.executor,
        task=preview(assignment.task),
        active_executor_key=assignment.executor,
    )
    # From before its first row on: code that knows of no delegation would take them for the run's own conversation.
    checkpoint.needs_version(DELEGATING_VERSION)
    checkpoint.go_to(work)


def end(checkpoint: Checkpoint, call: ToolCall, above: Work, state: ToolCallState, content: str) -> None:
    """End the work that *call* has delegated with *content* as its result; *above* goes on."""
    checkpoint.go_to(above)
    checkpoint.took_result(call, state, content)
    checkpoint.tell(
        EventType.EXECUTOR_FINISHED,
        tool_call_id=call.id,
        executor=str(json.loads(call.judged)["executor"]),
        state=str(state),
        active_executor_key=above.terms.executor,
    )
