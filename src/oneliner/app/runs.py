"""What people do with runs. Each function is one transaction's worth of work."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from oneliner.app import approvals, audit, budgets, governance, journal, lanes, sessions
from oneliner.app.answers import apply_answer
from oneliner.app.control import DELEGATE
from oneliner.app.ports import Scope
from oneliner.domain import policy
from oneliner.domain.audit import SERVER, Action
from oneliner.domain.errors import IllegalMove, Invalid, NotFound, PlanChanged
from oneliner.domain.event import Draft, EventType
from oneliner.domain.executor import MAIN_EXECUTOR
from oneliner.domain.message import Message, Role
from oneliner.domain.permits import denied, judge
from oneliner.domain.plan import awaiting_draft, edited, new_plan, plan_to_json
from oneliner.domain.run import (
    BEGINNINGS,
    EDIT_PLAN,
    PLAN_EDITABLE,
    Reason,
    Run,
    RunStatus,
    Trigger,
    advance,
    chat_lane,
    handoff_lane,
    retry_trigger,
)
from oneliner.domain.text import clean_json
from oneliner.domain.tool_rules import ToolUse, Verdict
from oneliner.domain.usage import Totals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.app.ports import Transaction
    from oneliner.domain.plan import Plan
    from oneliner.domain.policy import GovernanceSnapshot
    from oneliner.domain.session import Session
    from oneliner.domain.user import Caller

MAX_MESSAGE_CHARS = 200_000

#: The version of the run protocol this code speaks. A run made by newer code is left alone by older workers.
VERSION = 2
_OF_DECISION = ("tool_call_id", "name", "decision", "arguments_hash", "edited")
#: What a run needs that has no executor but the main agent, and the first version that knows of others.
FIRST_VERSION, DELEGATING_VERSION = 1, 2


@dataclass(frozen=True, slots=True)
class Handoff:
    """What a page hands over. *steps* may be empty; with *draft* the agent drafts the plan before asking. Calls of tools
    that fit a pattern of *ask_before* wait for an approval, whatever the rules say.
    """

    title: str
    source_screen: str
    source_action_key: str
    summary: str = ""
    intent_key: str = ""
    platform: str = ""
    platform_scope: str = "single_platform"
    project_id: str = ""
    goal: str = ""
    steps: Sequence[str] = field(default_factory=tuple[str, ...])
    draft: bool = False
    ask_before: Sequence[str] = field(default_factory=tuple[str, ...])
    session_id: str | None = None
    executor: str = MAIN_EXECUTOR


@dataclass(frozen=True, slots=True)
class Started:
    """A run that was just created, and whether its session was created with it; or, *steered*, one that was at work
    and got the message.
    """

    run: Run
    created_session: bool
    steered: bool = False


def scope_of(caller: Caller) -> Scope:
    """What *caller* may see: administrators everything, everybody else what is his."""
    return Scope(None if caller.is_admin else caller.user_id)


def start_chat(
    tx: Transaction,
    caller: Caller,
    text: str,
    session_id: str | None,
    project_id: str = "",
    executor: str = MAIN_EXECUTOR,
) -> Started:
    """A run of *executor* that answers *text*, in the given session or a new one.

    Raises NotFound: no such session of the caller; Invalid: nothing said, or too much; PolicyDenied: the rules do not
    let that executor be asked.
    """
    text = checked_message(text)
    session, created = sessions.resolve(tx, caller, session_id, project_id, text)
    snapshot = governance.snapshot(tx, session.user_id, session.project_id, "")
    confirm = policy.needs_confirmation(snapshot.effective_policy, is_handoff=False)
    check_executor(tx, session.user_id, session.project_id, "", executor)
    run = _new_run(
        tx,
        session,
        snapshot,
        status=RunStatus.NEEDS_CONFIRMATION if confirm else RunStatus.QUEUED,
        source_type="chat",
        title=session.title if created else sessions.title_from(text),
        plan=new_plan("", ()),
        lane=chat_lane(session.id),
        executor=executor,
    )
    _store(tx, run, text, joins=not created)
    return Started(run, created)


def hand_off(tx: Transaction, caller: Caller, handoff: Handoff) -> Started:
    """A run that waits for its confirmation, or whose plan is drafted first.

    Raises NotFound: no such session of the caller; Forbidden: the token may not use the project; Invalid: no goal and
    no steps to draft from, or a plan out of bounds; PolicyDenied: the rules do not let its executor be asked.
    """
    caller.check_project(handoff.project_id)
    plan = new_plan(handoff.goal or handoff.summary or handoff.title, tuple(handoff.steps), awaits_draft=handoff.draft)
    session, created = sessions.resolve(tx, caller, handoff.session_id, handoff.project_id, handoff.title)
    check_executor(tx, session.user_id, handoff.project_id, handoff.platform, handoff.executor)
    snapshot = governance.snapshot(tx, session.user_id, handoff.project_id, handoff.platform, tuple(handoff.ask_before))
    run = _new_run(
        tx,
        session,
        snapshot,
        status=RunStatus.DRAFTING if handoff.draft else RunStatus.NEEDS_CONFIRMATION,
        source_type="handoff",
        title=handoff.title,
        plan=plan,
        lane=handoff_lane(session.user_id, handoff.project_id),
        executor=handoff.executor,
        handoff=handoff,
    )
    said = "\n\n".join(p for p in dict.fromkeys((handoff.title, handoff.summary, plan.goal)) if p)
    _store(tx, run, said, joins=not created)
    return Started(run, created)


def confirm(tx: Transaction, caller: Caller, run_id: str, plan_rev: int | None, reason: str, **told: object) -> Run:
    """Let a run go, for the plan with revision *plan_rev*; the audit log tells *told* as well.

    Raises NotFound; IllegalMove: it waits for no confirmation; PlanChanged: the plan has another revision by now.
    """
    run = tx.runs.get(run_id, scope_of(caller))
    lanes.enter(tx, run.lane, run.id)
    details = {"by": caller.user_id, "reason": reason, "plan_rev": plan_rev}
    moved = journal.move(tx, run.id, Trigger.CONFIRM, details=details)
    # Judged after the move, which holds the row: no edit can come in between any more.
    _check_rev(moved.plan, plan_rev)
    audit.record_of_run(tx, caller.user_id, Action.RUN_CONFIRMED, run, plan_rev=moved.plan.rev, **told)
    return moved


def cancel(tx: Transaction, caller: Caller, run_id: str, reason: str) -> Run:
    """Stop a run for good, wherever it is. Raises NotFound; IllegalMove: it has ended."""
    run = tx.runs.get(run_id, scope_of(caller))
    return cancel_as(tx, run, Reason.USER_CANCELLED, caller.user_id, reason)


def cancel_as(tx: Transaction, run: Run, reason: Reason, by: str, said: str = "") -> Run:
    """Cancel *run* for a typed reason and let the next one of its lane go; *by* is empty for the server, and *said* is
    what whoever cancels gives as his own reason.
    """
    active = lanes.hold(tx, run.lane)
    moved = journal.move(
        tx,
        run.id,
        Trigger.CANCEL,
        details={"by": by, "reason": said, "code": str(reason)},
        changes={"reason": reason, "needs_user_input": False, "blocked_reason": "", "blocked": {}},
    )
    lanes.leave(tx, run.lane, run.id, active)
    tx.effects.interrupts.append(run.id)
    audit.record_of_run(tx, by, Action.RUN_CANCELLED, run, code=str(reason))
    return moved


def resume(tx: Transaction, caller: Caller, run_id: str, answer: object, reason: str) -> Run:
    """Answer what a blocked run asks, and let it go on.

    Raises NotFound; IllegalMove: it is not blocked; Invalid: the answer does not fit what was asked; Forbidden: it asks
    for money that is not the caller's to give; PolicyDenied: it approves what the rules deny; Conflict: it comes too
    late for an approval, or for other arguments than are asked for.
    """
    run = tx.runs.get(run_id, scope_of(caller))
    lanes.enter(tx, run.lane, run.id)
    # Again, now that its lane is held: this is the question that the answer is for.
    run = tx.runs.get(run_id, scope_of(caller), lock=True)
    advance(run.run_status, Trigger.RESUME)
    asked = str(run.blocked.get("kind", ""))
    details: dict[str, object] = {"by": caller.user_id, "reason": reason, "answered": asked}
    denials: Sequence[Draft] = ()
    if asked == budgets.BUDGET:
        details |= budgets.grant(tx, caller, run, run.blocked, answer)
    elif asked == approvals.APPROVAL:
        denials, decided = approvals.decide(tx, caller.user_id, run, clean_json(answer))
        details |= decided
    else:
        apply_answer(tx, run, answer)
    audit.record_of_run(tx, caller.user_id, Action.RUN_ANSWERED, run, asked=asked, **_figures(details))
    return resume_as(tx, run, details, denials)


def resume_due(tx: Transaction, run: Run) -> Run:
    """Let a blocked *run* go on whose time is up; its lane is entered already."""
    kind = str(run.blocked.get("kind", ""))
    denials = approvals.expire(tx, run) if kind == approvals.APPROVAL else ()
    if denials:
        calls = [{name: d.details[name] for name in ("tool_call_id", "name")} for d in denials]
        audit.record_of_run(tx, SERVER, Action.APPROVAL_EXPIRED, run, calls=calls)
    return resume_as(tx, run, {"by": "", "reason": "", "answered": kind}, denials)


def resume_as(tx: Transaction, run: Run, details: Mapping[str, object], before: Sequence[Draft] = ()) -> Run:
    """Let a blocked *run* go on, with the events *before* told first; its lane is entered already."""
    changes = {"reason": Reason.NONE, "needs_user_input": False, "blocked_reason": "", "blocked": {}, "fallen_back": {}}
    return journal.move(tx, run.id, Trigger.RESUME, details=details, before=before, changes=changes)


def retry(tx: Transaction, caller: Caller, run_id: str, reason: str, more: str | None = None) -> Run:
    """Try a failed run again from its last checkpoint; with *more* (USD) for the budget that its draft has met.

    Raises NotFound; IllegalMove: it has not failed; Invalid: it has met no budget, or this is no amount; Forbidden: it is
    not the caller's to give.
    """
    run = tx.runs.get(run_id, scope_of(caller), lock=more is not None)
    advance(run.run_status, retry_trigger(run.plan))
    details: dict[str, object] = {"by": caller.user_id, "reason": reason}
    if more is not None:
        asked = run.result.get("asked")
        if run.reason is not Reason.BUDGET_EXCEEDED or not isinstance(asked, dict):
            raise Invalid("this run has not failed for want of money", field="more")
        details |= budgets.grant(tx, caller, run, asked, {"more": more})
    changes: dict[str, object] = {
        "reason": Reason.NONE,
        "attempt": 0,
        "steps_taken": 0,
        "result": {},
        "fallen_back": {},
    }
    trigger = retry_trigger(run.plan)
    if trigger is Trigger.RETRY:
        lanes.enter(tx, run.lane, run.id)
    moved = journal.move(tx, run.id, trigger, details=details, changes=changes)
    audit.record_of_run(tx, caller.user_id, Action.RUN_RETRIED, run, code=str(run.reason), **_figures(details))
    if trigger is Trigger.REDRAFT:
        tx.effects.wakes.append(run.id)
    return moved


def revise(tx: Transaction, caller: Caller, run_id: str, instruction: str, plan_rev: int | None) -> Run:
    """Ask the agent for another plan, in words. Raises NotFound, IllegalMove, PlanChanged; Invalid: no words."""
    instruction = checked_message(instruction)
    run = tx.runs.get(run_id, scope_of(caller), lock=True)
    advance(run.run_status, Trigger.REVISE)
    _check_rev(run.plan, plan_rev)
    plan = awaiting_draft(run.plan, instruction)
    moved = journal.move(
        tx,
        run.id,
        Trigger.REVISE,
        details={"by": caller.user_id, "instruction": instruction, "plan_rev": plan.rev},
        changes={"plan": plan, "attempt": 0},
    )
    tx.effects.wakes.append(run.id)
    audit.record_of_run(tx, caller.user_id, Action.RUN_REVISION_REQUESTED, run, plan_rev=run.plan.rev)
    return moved


def edit_plan(
    tx: Transaction,
    caller: Caller,
    run_id: str,
    plan_rev: int,
    goal: str | None,
    steps: Sequence[tuple[str | None, str]] | None,
) -> Run:
    """Change the plan before it is confirmed. Raises NotFound; IllegalMove: it is not waiting for a confirmation;
    PlanChanged: *plan_rev* is not its revision; Invalid: a bad step.
    """
    run = tx.runs.get(run_id, scope_of(caller), lock=True)
    if run.run_status not in PLAN_EDITABLE:
        raise IllegalMove(status=run.run_status, trigger=EDIT_PLAN)
    _check_rev(run.plan, plan_rev)
    plan = edited(run.plan, goal=goal, steps=steps)
    touched = tx.runs.touch(run.id, 1, None, {"plan": plan})
    if touched is None:
        raise NotFound("run", run_id)
    edit = {"by": caller.user_id, "plan": plan_to_json(plan)}
    journal.write(tx, touched, [Draft(EventType.RUN_PLAN_EDITED, edit)])
    audit.record_of_run(tx, caller.user_id, Action.RUN_PLAN_EDITED, run, plan_rev=plan.rev)
    return touched


def _figures(details: Mapping[str, object]) -> dict[str, object]:
    """Of what an event tells of an answer, what the audit log may hold: codes, ids and figures."""
    told = {name: details[name] for name in ("budget", "more") if name in details}
    decisions = details.get("decisions")
    if isinstance(decisions, list):
        told["decisions"] = [{name: one[name] for name in _OF_DECISION if name in one} for one in decisions]
    return told


def _check_rev(plan: Plan, seen_rev: int | None) -> None:
    if seen_rev is not None and plan.rev != seen_rev:
        raise PlanChanged(
            f"the plan has revision {plan.rev}, not {seen_rev}; look at it again", plan=plan_to_json(plan)
        )


def checked_message(text: str) -> str:
    """*text* as it is kept. Raises Invalid: nothing said, or too much."""
    text = text.strip()
    if not text:
        raise Invalid("the message is empty; write what the agent should do", field="message")
    if len(text) > MAX_MESSAGE_CHARS:
        raise Invalid(
            f"the message has {len(text)} characters, at most {MAX_MESSAGE_CHARS} are allowed", field="message"
        )
    return text


def check_executor(tx: Transaction, user_id: str, project_id: str, platform: str, executor: str) -> None:
    """Raises PolicyDenied: the rules deny asking *executor*, whoever does."""
    if executor == MAIN_EXECUTOR:
        return
    snapshot = governance.snapshot(tx, user_id, project_id, platform)
    ruling = judge(snapshot.effective_policy, chosen_use(executor))
    if ruling.verdict is Verdict.DENY:
        raise denied(ruling, DELEGATE)


def chosen_use(executor: str) -> ToolUse:
    """A person's choice of *executor* for a run, as the rules for ``delegate`` see it. Where they ask, he has answered."""
    return ToolUse(DELEGATE, {"executor": executor}, reads=True, executor="")


def _new_run(
    tx: Transaction,
    session: Session,
    snapshot: GovernanceSnapshot,
    *,
    status: RunStatus,
    source_type: str,
    title: str,
    plan: Plan,
    lane: str,
    executor: str,
    handoff: Handoff | None = None,
) -> Run:
    return Run(
        id=tx.new_id(),
        session_id=session.id,
        user_id=session.user_id,
        project_id=handoff.project_id if handoff else session.project_id,
        source_type=source_type,
        source_screen=handoff.source_screen if handoff else "chat",
        source_action_key=handoff.source_action_key if handoff else "message",
        title=title,
        summary=handoff.summary if handoff else "",
        intent_key=handoff.intent_key if handoff else "",
        platform=handoff.platform if handoff else "",
        platform_scope=handoff.platform_scope if handoff else "single_platform",
        delivery_mode="hybrid",
        run_status=status,
        reason=Reason.NONE,
        scheduling_mode="queued",
        active_executor_key="",
        plan=plan,
        result={},
        needs_user_input=False,
        blocked_reason="",
        blocked={},
        governance=snapshot,
        lane=lane,
        fence=0,
        attempt=0,
        steps_taken=0,
        last_seq=len(BEGINNINGS[status]),
        queued_at=tx.now_ms if status is RunStatus.QUEUED else None,
        resumes_at=None,
        totals=Totals(),
        created_at=tx.now_ms,
        updated_at=tx.now_ms,
        started_at=None,
        finished_at=None,
        deleted_at=None,
        min_version=FIRST_VERSION if executor == MAIN_EXECUTOR else DELEGATING_VERSION,
        executor=executor,
        fallen_back={},
        traceparent=tx.traceparent,
    )


def _store(tx: Transaction, run: Run, text: str, *, joins: bool) -> None:
    """Write a new run with the user's message and its first events, and hand it to whoever works on it. *joins*: its
    session was there before.
    """
    if run.run_status is RunStatus.QUEUED:
        lanes.enter(tx, run.lane, run.id)
    elif joins:
        # Whoever deletes the session holds this lane first, and then knows every run of the session and its lane.
        lanes.hold(tx, chat_lane(run.session_id))
    if run.run_status is RunStatus.DRAFTING:
        tx.effects.wakes.append(run.id)
    tx.runs.add(run)
    at = tx.sessions.grow(run.session_id, 1, Totals())
    # Now that its row is held: a session may have been deleted since it was looked up.
    tx.sessions.get(run.session_id, Scope(run.user_id))
    message = user_message(tx, run, text, at)
    tx.messages.add(message)
    status = {"run_status": str(run.run_status)}
    begun = {**status, "title": run.title, "source_type": run.source_type, "message_id": message.id}
    first, *rest = BEGINNINGS[run.run_status]
    journal.write(tx, run, [Draft(first, begun), *(Draft(event, status) for event in rest)])


def user_message(tx: Transaction, run: Run, text: str, position: int) -> Message:
    """What a user says to *run*, as a message of its session."""
    return Message(
        id=tx.new_id(),
        session_id=run.session_id,
        run_id=run.id,
        user_id=run.user_id,
        project_id=run.project_id,
        position=position,
        role=Role.USER,
        content=text,
        created_at=tx.now_ms,
    )
