"""The steps of an execution as transactions: each leaves the run where another worker could go on.

A :class:`Checkpoint` is one such transaction. It gathers what happened and what comes next, and writes the run's row
once, at the end, fenced: it raises LeaseLost, and nothing is written, when the run is no longer its worker's. An answer
of a model is one checkpoint: message, usage, tool calls, progress, events and sums. A tool call is two: intent before
the effect, result after it. The stored conversation is the state of an execution; there is no other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oneliner.app import answers, approvals, bills, budgets, context, control, governance, history, journal, lanes
from oneliner.app.approvals import Waiting
from oneliner.app.budgets import Exceeded
from oneliner.app.exchanges import estimate_turns
from oneliner.app.model import Turn
from oneliner.app.ports import Lease
from oneliner.app.retries import CHARGED
from oneliner.app.tool_results import preview, store_result
from oneliner.domain.errors import LeaseLost, PolicyDenied
from oneliner.domain.event import Draft, EventType
from oneliner.domain.message import MessageState, Purpose, Role, ToolCall, ToolCallState
from oneliner.domain.permits import check_model, denied, judge
from oneliner.domain.plan import StepStatus, marked, plan_to_json
from oneliner.domain.run import Reason, Trigger
from oneliner.domain.summary import coverage_to_json
from oneliner.domain.tool_rules import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.app.answer_calls import Planned
    from oneliner.app.history import Fold
    from oneliner.app.model import Answer, ToolSpec
    from oneliner.app.ports import Transaction
    from oneliner.app.tools import NeedsAnswer
    from oneliner.domain.budget import Held
    from oneliner.domain.errors import ModelFailure
    from oneliner.domain.message import Message
    from oneliner.domain.permits import ModelPermit
    from oneliner.domain.plan import Plan
    from oneliner.domain.policy import EffectivePolicy
    from oneliner.domain.run import Run
    from oneliner.domain.usage import Price

MAX_EVENT_TEXT_CHARS = 16_000
MAX_RESULT_CHARS = 64_000


@dataclass(frozen=True, slots=True)
class Terms:
    """What an execution needs to know of its deployment: who works, with which model, at what price (None: nobody
    knows), and with which tools.
    """

    executor: str
    model: str
    price: Price | None
    tools: Sequence[ToolSpec]
    #: About how many tokens the tools take in a call; the same for every call.
    tools_tokens: int
    #: The models that are asked, in this order, when *model* is out of service; each with its price.
    fallbacks: tuple[tuple[str, Price | None], ...] = ()
    #: How many tokens a call may send, whichever of the models is asked.
    context_tokens: int = 48_000
    #: Whether the older part of a long session is summarised, or left out.
    summarises: bool = True
    #: What the agent reads again with what it is not shown whole; offered only then.
    recall: ToolSpec | None = None

    def offered(self, *, recall: bool) -> Sequence[ToolSpec]:
        """The tools for a call; with *recall* also the one that reads again what is not shown whole."""
        return [*self.tools, self.recall] if recall and self.recall is not None else self.tools

    def fallen_back(self, policy: EffectivePolicy) -> Terms | None:
        """The same with the next model that *policy* allows; None when there is none."""
        for n, (model, price) in enumerate(self.fallbacks, 1):
            if policy.allows_model(model):
                return replace(self, model=model, price=price, fallbacks=self.fallbacks[n:])
        return None


@dataclass(frozen=True, slots=True)
class Ask:
    """Next: call the model that *permit* names. The message for its answer is begun, at *position* of its session."""

    permit: ModelPermit
    message_id: str
    position: int
    turns: Sequence[Turn]
    policy: EffectivePolicy
    estimated_input: int
    reminder: str = ""
    held: Held | None = None
    #: Whether the conversation is not shown whole, so that the agent may want to read some of it again.
    is_short: bool = False


@dataclass(frozen=True, slots=True)
class Summarise:
    """Next: have the model that *permit* names summarise what *fold* says; then ask it, with *reminder*."""

    permit: ModelPermit
    message_id: str
    fold: Fold
    policy: EffectivePolicy
    reminder: str = ""
    held: Held | None = None


@dataclass(frozen=True, slots=True)
class Carry:
    """Next: carry out these tool calls, which *policy* allows. Their intent is stored. *approved* has, for each that a
    rule asks for, the hash of the arguments that a person has approved.
    """

    calls: Sequence[ToolCall]
    policy: EffectivePolicy
    approved: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Stop:
    """Next: nothing. The run has ended, or waits for a person."""


Next = Ask | Summarise | Carry | Stop


class Checkpoint:
    """One fenced transaction of the execution of *run*, which is the run as the worker knows it.

    *active* is the run that may go in its lane, where the lane and the run are locked already.
    """

    def __init__(self, tx: Transaction, run: Run, terms: Terms, active: str | None = None) -> None:
        self._tx = tx
        self._terms = terms
        if active is None:
            # First of all locks, whatever this checkpoint turns out to do; see the lock order in ``app.ports``.
            active = lanes.hold(tx, run.lane)
            tx.runs.hold(run.id)
        self._active = active
        self._lease = Lease(run.id, run.fence)
        self._drafts: list[Draft] = []
        self._plan: Plan = run.plan
        self._progressed = False
        self._last_position = 0
        self.run = run

    # What happened.

    def tell(self, event_type: EventType, **details: object) -> None:
        """Write an event with this checkpoint."""
        self._drafts.append(Draft(event_type, details))

    def took_answer(self, ask: Ask, answer: Answer, purpose: Purpose = Purpose.ANSWER) -> None:
        """Store what the model said, and its bill."""
        settled = bills.settle(
            self._tx,
            self.run,
            ask.message_id,
            MessageState.COMPLETE,
            answer.text,
            answer.tool_calls,
            answer.usage,
            self._terms.price,
            ask.held,
        )
        if settled is None:
            raise LeaseLost(f"the answer of message {ask.message_id!r} came too late; it is closed")
        self._progressed = True
        self._last_position = settled.last_position
        text = answer.text[:MAX_EVENT_TEXT_CHARS]
        self.tell(
            EventType.MESSAGE_COMPLETED,
            message_id=ask.message_id,
            purpose=str(purpose),
            text=text,
            text_truncated=len(text) < len(answer.text),
            model=self._terms.model,
            executor=self._terms.executor,
            finish_reason=answer.finish_reason,
            tool_calls=[{"call_id": c.call_id, "name": c.name} for c in answer.tool_calls],
            usage=settled.bill,
        )

    def took_summary(self, step: Summarise, answer: Answer, *, is_usable: bool) -> None:
        """Store a summary, and its bill; one that is not usable stands for nothing."""
        covers = {"covers": coverage_to_json(step.fold.coverage)} if is_usable else {}
        settled = bills.settle(
            self._tx,
            self.run,
            step.message_id,
            MessageState.COMPLETE,
            answer.text,
            (),
            answer.usage,
            self._terms.price,
            step.held,
            covers,
        )
        if settled is None:
            raise LeaseLost(f"the summary of message {step.message_id!r} came too late; it is closed")
        if is_usable:
            self.tell(
                EventType.CONTEXT_COMPACTED,
                message_id=step.message_id,
                messages=step.fold.messages,
                covers=step.fold.coverage.messages,
                tokens_before=step.fold.tokens,
                tokens_after=estimate_turns([Turn("user", answer.text)]),
                model=self._terms.model,
                executor=self._terms.executor,
                usage=settled.bill,
            )

    def lost_answer(self, ask: Ask | Summarise, cause: str, text: str) -> None:
        """Close a model call that broke off after it was charged; *text* is what had come of it."""
        for message in self._tx.messages.streaming(self.run.id):
            if message.id == ask.message_id and bills.settle_lost(self._tx, self.run, message, text):
                self.tell(EventType.MESSAGE_INTERRUPTED, message_id=message.id, cause=cause, text=preview(text))

    def unsent(self, ask: Ask | Summarise) -> None:
        """Close a model call that was refused before it cost anything."""
        for message in self._tx.messages.streaming(self.run.id):
            if message.id == ask.message_id:
                bills.settle_unsent(self._tx, self.run, message)

    def fell_back(self, ask: Ask, failure: ModelFailure, text: str, attempts: int, from_model: str) -> bool:
        """Close a call of *from_model* in favour of this checkpoint's model, and say so; whether it was charged."""
        charged = bool(text) or failure.kind in CHARGED
        if charged:
            self.lost_answer(ask, failure.kind, text)
        else:
            self.unsent(ask)
        self.tell(
            EventType.MESSAGE_FALLBACK,
            message_id=ask.message_id,
            kind=failure.kind,
            error=failure.message,
            attempts=attempts,
            from_model=from_model,
            to_model=self._terms.model,
        )
        return charged

    def report_step(self, step_id: str, status: StepStatus, note: str) -> None:
        """Tick off a step of the plan. Raises Invalid: the plan has no such step."""
        self._plan = marked(self._plan, step_id, status, note)
        event = EventType.STEP_COMPLETED if status is StepStatus.DONE else EventType.STEP_SKIPPED
        self.tell(event, step_id=step_id, note=note, done=self._plan.done_count, total=len(self._plan.steps))

    def add_call(self, ask: Ask, planned: Planned) -> ToolCall:
        """Store a tool call the model asked for, to be carried out later."""
        asked = planned.asked
        call_id = self._tx.new_id()
        call = ToolCall(
            id=call_id,
            run_id=self.run.id,
            message_id=ask.message_id,
            call_id=asked.call_id,
            name=asked.name,
            arguments=asked.arguments,
            state=ToolCallState.WAITING,
            # The row is made once for a call, whatever happens to its workers; so is its key.
            idempotency_key=call_id,
            repeatable=planned.repeatable,
            attempts=0,
            result="",
            started_at=None,
            finished_at=None,
            reads=planned.reads,
            checked=planned.checked,
        )
        self._tx.tool_calls.add(call)
        return call

    def refused_call(self, call: ToolCall, state: ToolCallState, why: str, **about: object) -> None:
        """Answer a call that is not carried out with the reason; the event tells *about* as well."""
        store_result(self._tx, self.run, call, state, why)
        event = EventType.TOOL_DENIED if state is ToolCallState.DENIED else EventType.TOOL_FAILED
        self.tell(event, tool_call_id=call.id, name=call.name, arguments=call.arguments, result=preview(why), **about)

    def calls_so_far(self) -> int:
        """How many tool calls the run has made."""
        return len(self._tx.tool_calls.of_run(self.run.id))

    def open_steps(self) -> Sequence[str]:
        """The ids of the steps of the plan that are not reported yet."""
        return [s.id for s in self._plan.open_steps]

    def has_answered_before(self, ask: Ask) -> bool:
        """Whether the run had given an answer without tool calls before this one."""
        said = self._tx.messages.of_run(self.run.id)
        return any(m.role is Role.ASSISTANT and not m.tool_calls and m.id != ask.message_id for m in said)

    def was_steered(self, ask: Ask) -> bool:
        """Whether the user has said something to the run since the model was asked for the answer just taken."""
        # Positions first: nearly always nothing was said in the session at all, and then there is nothing to read.
        if self._last_position <= ask.position:
            return False
        said = self._tx.messages.of_run(self.run.id)
        return any(m.role is Role.USER and m.position > ask.position for m in said)

    def answered(self, call: ToolCall, content: str) -> None:
        """Store the answer of a call that is carried out by storing it."""
        store_result(self._tx, self.run, call, ToolCallState.DONE, content)

    def took_result(self, call: ToolCall, state: ToolCallState, content: str) -> None:
        """Store what came of one tool call."""
        self._progressed = True
        store_result(self._tx, self.run, call, state, content)
        if state is ToolCallState.DENIED:
            told = {"name": call.name, "arguments": call.arguments, "result": preview(content)}
            self.tell(EventType.TOOL_DENIED, tool_call_id=call.id, **told)
            return
        event = EventType.TOOL_COMPLETED if state is ToolCallState.DONE else EventType.TOOL_FAILED
        self.tell(event, tool_call_id=call.id, name=call.name, result=preview(content))

    def took_question(self, call: ToolCall, asked: NeedsAnswer) -> None:
        """Let *call* wait for what its tool *asked* of the user."""
        self._progressed = True
        kept = {"question": asked.question, "schema": asked.schema, "kept": asked.kept}
        self._tx.tool_calls.ask(call.id, kept)

    # What comes next.

    def ask(self, reminder: str = "", *, instead: bool = False) -> Next:
        """Begin the next call of the model; fail the run when the rules do not allow one more. *instead*: it takes the
        place of one that cost nothing, and does not count again.
        """
        policy = governance.in_force(self._tx, self.run)
        try:
            permit = check_model(policy, self._terms.model)
        except PolicyDenied as error:
            return self.fail(Reason.POLICY_DENIED, error=error.message, **error.params)
        limit = policy.max_steps.value
        taken = self.run.steps_taken - instead
        if limit is not None and taken >= limit:
            text = f"the run has made {taken} model calls and may make {limit}"
            return self.fail(Reason.STEP_LIMIT, error=text, limit=limit)
        self._begin_step()
        system = context.system_turn(self.run, self._plan, policy)
        reminding = [Turn("user", reminder)] if reminder else []
        standing = self._terms.tools_tokens + estimate_turns([system, *reminding])
        said = history.read(self._tx, self.run, self._terms.context_tokens - standing)
        if said.fold is not None and self._terms.summarises and (limit is None or taken + 2 <= limit):
            summarise = self._begin_summary(permit, said.fold, policy, reminder, taken)
            if summarise is not None:
                return summarise
        turns = [system, *said.turns, *reminding]
        estimated = standing + said.tokens
        held = self._reserve(policy, estimated)
        if isinstance(held, Exceeded):
            return self.block(Reason.BUDGET_EXCEEDED, held.asked, resumes_at=held.resumes_at)
        message = self._begin_message(Purpose.ANSWER, estimated, held)
        self._flush(steps_taken=taken + 1, active_executor_key=self._terms.executor)
        return Ask(permit, message.id, message.position, turns, policy, estimated, reminder, held, said.is_short)

    def carry(self, calls: Sequence[ToolCall]) -> Next:
        """Store the intent to carry out those of *calls* that the rules allow, and refuse those they deny; when none is
        left to carry out, block: on all that wait for an approval, else on the first question to the user.
        """
        questions = [c for c in calls if c.name == control.ASK_USER.name or c.waits_for_answer]
        policy = governance.in_force(self._tx, self.run)
        to_run, waiting, approved = self._judged(policy, [c for c in calls if c not in questions])
        if not to_run:
            if waiting:
                return self._ask_approval(policy, waiting)
            return self.block(*answers.ask_question(questions[0])) if questions else self.ask()
        for call in to_run:
            self._tx.tool_calls.start(call.id, self._tx.now_ms)
            self.tell(
                EventType.TOOL_STARTED,
                tool_call_id=call.id,
                name=call.name,
                arguments=call.arguments,
                attempt=call.attempts + 1,
            )
        self._flush()
        return Carry(to_run, policy, approved)

    def go_on(self) -> Next:
        """What comes next by what is stored: calls that wait to be carried out, or the model."""
        calls = self._tx.tool_calls.of_run(self.run.id)
        unknown = [c for c in calls if c.state is ToolCallState.STARTED and not c.repeatable]
        if unknown:
            return self._lose(unknown)
        waiting = [c for c in calls if c.state in (ToolCallState.WAITING, ToolCallState.STARTED)]
        return self.carry(waiting) if waiting else self.ask()

    def plan_drafted(self, plan: Plan) -> Stop:
        """Show the drafted *plan* to the user."""
        self._plan = plan
        return self._leave(Trigger.PLAN, {"plan": plan_to_json(plan)})

    def begin_draft(self, turns: Sequence[Turn], tools: Sequence[ToolSpec]) -> Ask | Stop:
        """Begin a call of the model that drafts the plan; fail the run when the rules forbid it."""
        policy = governance.in_force(self._tx, self.run)
        try:
            permit = check_model(policy, self._terms.model)
        except PolicyDenied as error:
            return self.fail(Reason.POLICY_DENIED, error=error.message, **error.params)
        estimated = estimate_turns(turns) + context.estimate_tools(tools)
        held = self._reserve(policy, estimated)
        if isinstance(held, Exceeded):
            # A draft asks nobody: the run fails, and whoever retries it, perhaps with more money, drafts again.
            return self.fail(Reason.BUDGET_EXCEEDED, error=held.text, asked=held.asked)
        message = self._begin_message(Purpose.PLAN, estimated, held)
        self._flush(active_executor_key=self._terms.executor)
        return Ask(permit, message.id, message.position, turns, policy, estimated, held=held)

    def complete(self, message_id: str, text: str) -> Stop:
        """End the run well, with its last answer as the result."""
        result = {"text": text[:MAX_RESULT_CHARS], "message_id": message_id}
        return self._leave(Trigger.COMPLETE, {"message_id": message_id}, result=result)

    def fail(self, reason: Reason, **details: object) -> Stop:
        """End the run with a typed reason; what is stored stays, and a retry goes on from there."""
        for message in self._tx.messages.streaming(self.run.id):
            bills.settle_unsent(self._tx, self.run, message)
        told = {**details, "code": str(reason)}
        asked = {"asked": details["asked"]} if "asked" in details else {}
        return self._leave(Trigger.FAIL, told, reason=reason, result={"error": details.get("error", ""), **asked})

    def block(self, reason: Reason, asked: Mapping[str, object], *, resumes_at: int | None = None) -> Stop:
        """Let the run wait for a person, or until *resumes_at* (ms); its lane is free meanwhile."""
        return self._leave(
            Trigger.BLOCK,
            {"code": str(reason), "asked": asked},
            reason=reason,
            blocked_reason=str(reason),
            blocked=asked,
            needs_user_input=True,
            resumes_at=resumes_at,
        )

    def save(self) -> None:
        """Write what was gathered, and stay in the same state."""
        self._flush()

    # Within.

    def _judged(
        self, policy: EffectivePolicy, calls: Sequence[ToolCall]
    ) -> tuple[list[ToolCall], list[Waiting], Mapping[str, str]]:
        """Those of *calls* that may be carried out, those that wait for a person, and with which arguments he has
        approved some of the former. The others are answered with the rule that denies them.
        """
        to_run: list[ToolCall] = []
        waiting: list[Waiting] = []
        approved: dict[str, str] = {}
        of_run: list[ToolCall] | None = None
        for call in calls:
            use = approvals.use_of(call, self._terms.executor)
            ruling = judge(policy, use)
            if ruling.verdict is Verdict.DENY:
                error = denied(ruling, call.name)
                self.refused_call(call, ToolCallState.DENIED, error.message, layer=error.params["layer"])
                continue
            if ruling.verdict is Verdict.ASK:
                of_run = self._tx.tool_calls.of_run(self.run.id) if of_run is None else of_run
                written = approvals.approved_hash(policy, call, use, ruling, of_run)
                if not written:
                    waiting.append(Waiting(call, ruling))
                    continue
                approved[call.id] = written
            to_run.append(call)
        return to_run, waiting, approved

    def _ask_approval(self, policy: EffectivePolicy, waiting: Sequence[Waiting]) -> Stop:
        seconds = policy.approval_seconds.value
        expires_at_ms = None if seconds is None else self._tx.now_ms + seconds * 1000
        asked = approvals.ask_approval(waiting, self._terms.tools, expires_at_ms)
        return self.block(*asked, resumes_at=expires_at_ms)

    def _reserve(self, policy: EffectivePolicy, estimated_input: int) -> Held | Exceeded | None:
        return budgets.reserve(self._tx, self.run, policy, self._terms.model, self._terms.price, estimated_input)

    def _begin_message(self, purpose: Purpose, estimated_input: int, held: Held | None) -> Message:
        return bills.begin(
            self._tx,
            self.run,
            executor=self._terms.executor,
            model=self._terms.model,
            price=self._terms.price,
            purpose=purpose,
            estimated_input=estimated_input,
            held=held,
        )

    def _begin_summary(
        self, permit: ModelPermit, fold: Fold, policy: EffectivePolicy, reminder: str, taken: int
    ) -> Summarise | None:
        """Begin the call that summarises; None when a budget has no room for it: what can be left out is not what a run
        should stop at.
        """
        estimated = estimate_turns(fold.turns)
        held = self._reserve(policy, estimated)
        if isinstance(held, Exceeded):
            return None
        message = self._begin_message(Purpose.SUMMARY, estimated, held)
        self._flush(steps_taken=taken + 1, active_executor_key=self._terms.executor)
        return Summarise(permit, message.id, fold, policy, reminder, held)

    def _begin_step(self) -> None:
        """Mark the first open step as the one that is worked on."""
        first = next(iter(self._plan.open_steps), None)
        if first is not None and first.status is StepStatus.PENDING:
            self._plan = marked(self._plan, first.id, StepStatus.ACTIVE)
            self.tell(EventType.STEP_STARTED, step_id=first.id, title=first.title)

    def _lose(self, calls: Sequence[ToolCall]) -> Stop:
        """Block on calls that may or may not have had their effect; only a person can know."""
        for call in calls:
            self._tx.tool_calls.set_state(call.id, ToolCallState.UNKNOWN, "", None)
            self.tell(EventType.TOOL_UNKNOWN, tool_call_id=call.id, name=call.name, arguments=call.arguments)
        return self.block(*answers.ask_outcome(calls))

    def _changes(self, changes: Mapping[str, object]) -> Mapping[str, object]:
        plan = {} if self._plan is self.run.plan else {"plan": self._plan}
        # What loses its workers at one place is given up; a run that has got on since was only unlucky.
        attempt = {"attempt": 0} if self._progressed and self.run.attempt else {}
        return {**attempt, **plan, **changes}

    def _flush(self, **changes: object) -> None:
        self.run = journal.note(self._tx, self._lease, self._drafts, self._changes(changes))
        self._drafts = []

    def _leave(self, trigger: Trigger, details: Mapping[str, object], **changes: object) -> Stop:
        self.run = journal.move(
            self._tx,
            self.run.id,
            trigger,
            lease=self._lease,
            details=details,
            before=self._drafts,
            changes=self._changes(changes),
        )
        self._drafts = []
        lanes.leave(self._tx, self.run.lane, self.run.id, self._active)
        return Stop()
