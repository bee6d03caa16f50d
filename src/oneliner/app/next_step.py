"""What an execution does next, by what is stored: ask a model, carry out tools, let a function go on, or nothing.

It is the deepest work that goes on: the task that was delegated and has not ended, else the run itself. Whatever begins
here has been put to the rules first, and whatever waits for a person blocks the run, however deep it stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.app import answers, approvals, bills, budgets, context, control, delegation, history, runs
from oneliner.app.approvals import Waiting
from oneliner.app.budgets import Exceeded
from oneliner.app.exchanges import estimate_turns
from oneliner.app.model import Turn
from oneliner.app.steps import Ask, Carry, Perform, Stop, Summarise
from oneliner.domain.errors import Invalid, PolicyDenied
from oneliner.domain.event import EventType
from oneliner.domain.executor import limited
from oneliner.domain.message import Purpose, Role, ToolCallState
from oneliner.domain.permits import check_model, denied, judge
from oneliner.domain.run import Reason
from oneliner.domain.tool_rules import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.app.checkpoint import Checkpoint
    from oneliner.app.history import Fold
    from oneliner.app.model import ToolSpec
    from oneliner.app.steps import Assignment, Next, Work
    from oneliner.domain.budget import Held
    from oneliner.domain.message import Message, ToolCall
    from oneliner.domain.permits import ModelPermit
    from oneliner.domain.policy import EffectivePolicy

_OPEN = frozenset({ToolCallState.WAITING, ToolCallState.STARTED})


def go_on(checkpoint: Checkpoint) -> Next:
    """What comes next: calls that wait to be carried out, the function whose work it is, or the model."""
    calls = checkpoint.tx.tool_calls.of_run(checkpoint.run.id)
    unknown = [c for c in calls if c.state is ToolCallState.STARTED and not c.repeatable]
    if unknown:
        return _lose(checkpoint, unknown)
    try:
        work = checkpoint.root()
    except Invalid as error:
        return checkpoint.fail(Reason.EXECUTOR_UNKNOWN, error=error.message)
    refusal = _refusal_of_run(checkpoint, work)
    if refusal is not None:
        return checkpoint.fail(Reason.POLICY_DENIED, error=refusal.message, **refusal.params)
    while (call := delegation.under_way(calls, work)) is not None:
        try:
            work = delegation.work_of(checkpoint, work, call, calls)
        except (PolicyDenied, Invalid) as error:
            delegation.end(checkpoint, call, work, _state_for(error), error.message)
            return _proceed(checkpoint)
    checkpoint.go_to(work)
    return _proceed(checkpoint, calls)


def _proceed(checkpoint: Checkpoint, calls: Sequence[ToolCall] | None = None) -> Next:
    """What comes next in the work that goes on, of which nothing is delegated at the moment; *calls* are those of the
    run, where they are known.
    """
    work = checkpoint.work
    if work.terms.function is None:
        of_run = checkpoint.tx.tool_calls.of_run(checkpoint.run.id) if calls is None else calls
        waiting = [c for c in of_run if c.scope == work.scope and c.state in _OPEN]
        if waiting:
            return carry(checkpoint, waiting)
    return _back_to_work(checkpoint)


def _back_to_work(checkpoint: Checkpoint) -> Next:
    """Let the function of the work go on, or its model be asked."""
    if checkpoint.work.terms.function is None:
        return ask(checkpoint)
    checkpoint.save()
    return Perform(checkpoint.work)


def ask(checkpoint: Checkpoint, reminder: str = "", *, instead: bool = False) -> Next:
    """Begin the next call of the model; end the work when the rules do not allow one more. *instead*: it takes the place
    of one that cost nothing, and does not count again.
    """
    work = checkpoint.work
    policy = limited(checkpoint.policy, work.terms.specialist)
    said = checkpoint.said() if work.assignment is not None else ()
    begun = _begin_asking(checkpoint, policy, said, instead=instead)
    if not isinstance(begun, _Allowed):
        return begun
    if work.assignment is not None:
        turns = _task_turns(work, work.assignment, said, policy)
        return _ask(checkpoint, begun, turns, work.terms.tools, reminder=reminder)
    checkpoint.begin_step()
    return _ask_in_session(checkpoint, begun, reminder)


def ask_for_function(
    checkpoint: Checkpoint, place: str, turns: Sequence[Turn], tools: Sequence[ToolSpec], *, instead: bool = False
) -> Next:
    """Begin a call of the model that the function of the work asks for at *place*, in its own words."""
    policy = limited(checkpoint.policy, checkpoint.work.terms.specialist)
    said = checkpoint.tx.messages.in_scope(checkpoint.run.id, checkpoint.work.scope)
    begun = _begin_asking(checkpoint, policy, [m for m in said if m.purpose is Purpose.ANSWER], instead=instead)
    return _ask(checkpoint, begun, turns, tools, place=place) if isinstance(begun, _Allowed) else begun


def ask_again(checkpoint: Checkpoint, asked: Ask, *, instead: bool = False) -> Next:
    """Begin another call of the model in the place of *asked*, which brought no answer."""
    if asked.place:
        return ask_for_function(checkpoint, asked.place, asked.turns, asked.tools, instead=instead)
    return ask(checkpoint, asked.reminder, instead=instead)


def carry(checkpoint: Checkpoint, calls: Sequence[ToolCall]) -> Next:
    """Store the intent to carry out those of *calls* that the rules allow, and refuse those they deny. Delegated work
    goes one after another, behind the tools. When none is left to carry out, block: on all that wait for an approval,
    else on the first question to the user.
    """
    questions = [c for c in calls if c.name == control.ASK_USER.name or c.waits_for_answer]
    to_run, waiting, approved = _judged(checkpoint, [c for c in calls if c not in questions])
    tools = [c for c in to_run if not delegation.is_delegated(c)]
    if tools:
        for call in tools:
            checkpoint.start_call(call)
        checkpoint.save()
        return Carry(tools, checkpoint.policy, approved, checkpoint.work)
    for call in to_run:
        begun = _delegate(checkpoint, call)
        if begun is not None:
            return begun
    if waiting:
        return _ask_approval(checkpoint, waiting)
    if questions:
        return checkpoint.block(*answers.ask_question(questions[0]))
    return _back_to_work(checkpoint)


def give_up(checkpoint: Checkpoint, reason: Reason, **details: object) -> Next:
    """End the work that goes on, for something that only it suffers from: a task that was delegated has failed, and who
    asked for it is told why; a run fails.
    """
    assignment = checkpoint.work.assignment
    if assignment is None:
        return checkpoint.fail(reason, **details)
    text = f"{assignment.executor} could not do it: {details.get('error', reason)}"
    return hand_over(checkpoint, ToolCallState.FAILED, text)


def hand_over(checkpoint: Checkpoint, state: ToolCallState, content: str) -> Next:
    """End a task that was delegated with *content*, for whoever asked for it, who goes on."""
    work = checkpoint.work
    if work.assignment is None or work.above is None:
        raise TypeError("only what was delegated can be handed over")
    delegation.end(checkpoint, work.assignment.call, work.above, state, content)
    return _proceed(checkpoint)


def room_for_calls(checkpoint: Checkpoint) -> tuple[int | None, str]:
    """How many more tool calls may be made (None: any number), and what is said to one too many."""
    limit = checkpoint.policy.max_tool_calls.value
    specialist = checkpoint.work.terms.specialist
    own = None if specialist is None else specialist.max_tool_calls
    if limit is None and own is None:
        return None, ""
    calls = checkpoint.tx.tool_calls.of_run(checkpoint.run.id)
    of_run = None if limit is None else limit - len(calls)
    of_it = None if own is None else own - sum(c.scope == checkpoint.work.scope for c in calls)
    if of_it is not None and (of_run is None or of_it < of_run):
        return of_it, f"denied: {checkpoint.work.terms.executor} may make {own} tool calls, and has made them"
    return of_run, f"denied: a run may make {limit} tool calls, and this one has made them"


def begin_draft(checkpoint: Checkpoint, work: Work, turns: Sequence[Turn], tools: Sequence[ToolSpec]) -> Ask | Stop:
    """Begin a call of the model that drafts the plan; fail the run when the rules forbid it."""
    checkpoint.go_to(work)
    policy = limited(checkpoint.policy, work.terms.specialist)
    try:
        permit = check_model(policy, work.terms.model)
    except PolicyDenied as error:
        return checkpoint.fail(Reason.POLICY_DENIED, error=error.message, **error.params)
    estimated = estimate_turns(turns) + context.estimate_tools(tools)
    held = _reserve(checkpoint, policy, estimated)
    if isinstance(held, Exceeded):
        # A draft asks nobody: the run fails, and whoever retries it, perhaps with more money, drafts again.
        return checkpoint.fail(Reason.BUDGET_EXCEEDED, error=held.text, asked=held.asked)
    message = _begin_message(checkpoint, Purpose.PLAN, estimated, held, "")
    checkpoint.save()
    return Ask(permit, message.id, message.position, turns, policy, estimated, work, tools, held=held)


@dataclass(frozen=True, slots=True)
class _Allowed:
    """One more call of the model is allowed, on top of *taken* that count."""

    permit: ModelPermit
    policy: EffectivePolicy
    taken: int


def _begin_asking(
    checkpoint: Checkpoint, policy: EffectivePolicy, said: Sequence[Message], *, instead: bool
) -> _Allowed | Next:
    """Whether one more call of the model is allowed, or what comes of it that none is."""
    terms = checkpoint.work.terms
    try:
        permit = check_model(policy, terms.model)
    except PolicyDenied as error:
        return give_up(checkpoint, Reason.POLICY_DENIED, error=error.message, **error.params)
    limit = policy.max_steps.value
    taken = checkpoint.run.steps_taken - instead
    if limit is not None and taken >= limit:
        text = f"the run has made {taken} model calls and may make {limit}"
        return checkpoint.fail(Reason.STEP_LIMIT, error=text, limit=limit)
    own = terms.specialist.max_steps if terms.specialist else None
    by_it = sum(m.role is Role.ASSISTANT for m in said) if checkpoint.work.scope else taken
    if own is not None and by_it >= own:
        text = f"{terms.executor} has made {by_it} model calls and may make {own}"
        return give_up(checkpoint, Reason.STEP_LIMIT, error=text, limit=own)
    return _Allowed(permit, policy, taken)


def _ask(
    checkpoint: Checkpoint,
    allowed: _Allowed,
    turns: Sequence[Turn],
    tools: Sequence[ToolSpec],
    estimated: int | None = None,
    *,
    reminder: str = "",
    place: str = "",
) -> Next:
    """Begin the call; *estimated* is about how many tokens it sends, where that is known."""
    work, policy = checkpoint.work, allowed.policy
    if estimated is None:
        tokens = work.terms.tools_tokens if tools is work.terms.tools else context.estimate_tools(tools)
        estimated = estimate_turns(turns) + tokens
    held = _reserve(checkpoint, policy, estimated)
    if isinstance(held, Exceeded):
        return checkpoint.block(Reason.BUDGET_EXCEEDED, held.asked, resumes_at=held.resumes_at)
    message = _begin_message(checkpoint, Purpose.ANSWER, estimated, held, place)
    checkpoint.save(steps_taken=allowed.taken + 1)
    return Ask(
        allowed.permit, message.id, message.position, turns, policy, estimated, work, tools, reminder, held, place
    )


def _delegate(checkpoint: Checkpoint, call: ToolCall) -> Next | None:
    """Begin the work that *call* delegates; None when that is not possible, and the call has its answer."""
    calls = checkpoint.tx.tool_calls.of_run(checkpoint.run.id)
    try:
        work = delegation.work_of(checkpoint, checkpoint.work, call, calls)
    except (PolicyDenied, Invalid) as error:
        checkpoint.refused_call(call, _state_for(error), error.message)
        return None
    if work.assignment is not None:
        delegation.begin(checkpoint, work, work.assignment)
    return _proceed(checkpoint)


def _state_for(error: PolicyDenied | Invalid) -> ToolCallState:
    return ToolCallState.DENIED if isinstance(error, PolicyDenied) else ToolCallState.FAILED


def _refusal_of_run(checkpoint: Checkpoint, work: Work) -> PolicyDenied | None:
    """Why the run's executor, which a person has chosen, may not be asked by the rules; None when it may."""
    if work.terms.specialist is None:
        return None
    ruling = judge(checkpoint.policy, runs.chosen_use(work.terms.executor))
    return denied(ruling, control.DELEGATE) if ruling.verdict is Verdict.DENY else None


def _judged(
    checkpoint: Checkpoint, calls: Sequence[ToolCall]
) -> tuple[list[ToolCall], list[Waiting], Mapping[str, str]]:
    """Those of *calls* that may be carried out, those that wait for a person, and with which arguments he has approved
    some of the former. The others are answered with the rule that denies them.
    """
    to_run: list[ToolCall] = []
    waiting: list[Waiting] = []
    approved: dict[str, str] = {}
    of_run: list[ToolCall] | None = None
    for call in calls:
        use = approvals.use_of(call, checkpoint.work.terms.executor)
        ruling = judge(checkpoint.policy, use)
        if ruling.verdict is Verdict.DENY:
            error = denied(ruling, call.name)
            checkpoint.refused_call(call, ToolCallState.DENIED, error.message, layer=error.params["layer"])
            continue
        if ruling.verdict is Verdict.ASK:
            of_run = checkpoint.tx.tool_calls.of_run(checkpoint.run.id) if of_run is None else of_run
            written = approvals.approved_hash(checkpoint.policy, call, use, ruling, of_run)
            if not written:
                waiting.append(Waiting(call, ruling))
                continue
            approved[call.id] = written
        to_run.append(call)
    return to_run, waiting, approved


def _ask_approval(checkpoint: Checkpoint, waiting: Sequence[Waiting]) -> Stop:
    seconds = checkpoint.policy.approval_seconds.value
    expires_at_ms = None if seconds is None else checkpoint.tx.now_ms + seconds * 1000
    asked = approvals.ask_approval(waiting, checkpoint.work.terms.tools, expires_at_ms)
    return checkpoint.block(*asked, resumes_at=expires_at_ms)


def _reserve(checkpoint: Checkpoint, policy: EffectivePolicy, estimated_input: int) -> Held | Exceeded | None:
    terms = checkpoint.work.terms
    return budgets.reserve(checkpoint.tx, checkpoint.run, policy, terms.model, terms.price, estimated_input)


def _begin_message(
    checkpoint: Checkpoint, purpose: Purpose, estimated_input: int, held: Held | None, place: str
) -> Message:
    terms = checkpoint.work.terms
    return bills.begin(
        checkpoint.tx,
        checkpoint.run,
        executor=terms.executor,
        model=terms.model,
        price=terms.price,
        purpose=purpose,
        estimated_input=estimated_input,
        held=held,
        scope=checkpoint.work.scope,
        place=place,
    )


def _ask_in_session(checkpoint: Checkpoint, allowed: _Allowed, reminder: str) -> Next:
    """Ask the model of the run itself, or have the older part of a long session summarised first."""
    terms, run, policy = checkpoint.work.terms, checkpoint.run, allowed.policy
    system = context.system_turn(run, checkpoint.plan, policy, terms.specialist)
    reminding = [Turn("user", reminder)] if reminder else []
    standing = terms.tools_tokens + estimate_turns([system, *reminding])
    said = history.read(checkpoint.tx, run, terms.context_tokens - standing)
    limit = policy.max_steps.value
    if said.fold is not None and checkpoint.summarises and (limit is None or allowed.taken + 2 <= limit):
        summarise = _begin_summary(checkpoint, allowed, said.fold, reminder)
        if summarise is not None:
            return summarise
    tools = terms.offered(recall=said.is_short)
    return _ask(
        checkpoint, allowed, [system, *said.turns, *reminding], tools, standing + said.tokens, reminder=reminder
    )


def _begin_summary(checkpoint: Checkpoint, allowed: _Allowed, fold: Fold, reminder: str) -> Summarise | None:
    """Begin the call that summarises; None when a budget has no room for it: what can be left out is not what a run
    should stop at.
    """
    estimated = estimate_turns(fold.turns)
    held = _reserve(checkpoint, allowed.policy, estimated)
    if isinstance(held, Exceeded):
        return None
    message = _begin_message(checkpoint, Purpose.SUMMARY, estimated, held, "")
    checkpoint.save(steps_taken=allowed.taken + 1)
    return Summarise(allowed.permit, message.id, fold, allowed.policy, checkpoint.work, reminder, held)


def _task_turns(work: Work, assignment: Assignment, said: Sequence[Message], policy: EffectivePolicy) -> Sequence[Turn]:
    """What a specialist is shown of a task that was delegated to it."""
    begin = [context.specialist_turn(work.terms.specialist, policy), Turn("user", assignment.task)]
    room = work.terms.context_tokens - work.terms.tools_tokens - estimate_turns(begin)
    return [*begin, *history.of_task(said, room)]


def _lose(checkpoint: Checkpoint, calls: Sequence[ToolCall]) -> Stop:
    """Block on calls that may or may not have had their effect; only a person can know."""
    for call in calls:
        checkpoint.tx.tool_calls.set_state(call.id, ToolCallState.UNKNOWN, "", None)
        checkpoint.tell(EventType.TOOL_UNKNOWN, tool_call_id=call.id, name=call.name, arguments=call.arguments)
    return checkpoint.block(*answers.ask_outcome(calls))
