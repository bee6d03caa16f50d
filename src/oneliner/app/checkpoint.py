"""The steps of an execution as transactions: each leaves the run where another worker could go on.

A :class:`Checkpoint` is one such transaction. It gathers what happened, and writes the run's row once, at the end, fenced:
it raises LeaseLost, and nothing is written, when the run is no longer its worker's. An answer of a model is one checkpoint:
message, usage, tool calls, progress, events and sums. A tool call is two: intent before the effect, result after it. The
stored conversation is the state of an execution; there is no other. What comes next by it is ``app.next_step``'s to say.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from oneliner.app import bills, governance, journal, lanes
from oneliner.app.exchanges import estimate_turns
from oneliner.app.model import Turn
from oneliner.app.ports import Lease
from oneliner.app.retries import CHARGED
from oneliner.app.steps import Stop, Work
from oneliner.app.tool_results import preview, store_result
from oneliner.domain.errors import LeaseLost
from oneliner.domain.event import Draft, EventType
from oneliner.domain.executor import MAIN_EXECUTOR
from oneliner.domain.message import MessageState, Purpose, Role, ToolCall, ToolCallState
from oneliner.domain.plan import StepStatus, marked, plan_to_json
from oneliner.domain.run import Trigger
from oneliner.domain.summary import coverage_to_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.app.answer_calls import Planned
    from oneliner.app.model import Answer
    from oneliner.app.ports import Transaction
    from oneliner.app.staff import Staff, Terms
    from oneliner.app.steps import Ask, Summarise
    from oneliner.app.tools import NeedsAnswer
    from oneliner.domain.errors import ModelFailure
    from oneliner.domain.message import Message
    from oneliner.domain.plan import Plan
    from oneliner.domain.policy import EffectivePolicy
    from oneliner.domain.run import Reason, Run

MAX_EVENT_TEXT_CHARS = 16_000
MAX_RESULT_CHARS = 64_000


class Checkpoint:
    """One fenced transaction of the execution of *run*, which is the run as the worker knows it, by somebody of *staff*.

    *work* is what goes on in it; left out, it is the run itself. *active* is the run that may go in its lane, where the
    lane and the run are locked already. *summarises*: the older part of a long session is summarised, and not left out.
    *held* is what the event of leaving tells of the lease.
    """

    def __init__(
        self,
        tx: Transaction,
        run: Run,
        staff: Staff,
        work: Work | None = None,
        active: str | None = None,
        *,
        summarises: bool = True,
        held: Mapping[str, object] | None = None,
    ) -> None:
        self.tx = tx
        self.staff = staff
        self.summarises = summarises
        if active is None:
            # First of all locks, whatever this checkpoint turns out to do; see the lock order in ``app.ports``.
            active = lanes.hold(tx, run.lane)
            tx.runs.hold(run.id)
        self._active = active
        self._held = held or {}
        self._work = work
        self._lease = Lease(run.id, run.fence)
        self._drafts: list[Draft] = []
        self._fallen_back = run.fallen_back
        self._min_version = run.min_version
        self._progressed = False
        self._last_position = 0
        self.plan: Plan = run.plan
        self.run = run

    # Where it stands.

    @property
    def work(self) -> Work:
        """The work that goes on. Raises Invalid: nobody here is called as the run's executor is."""
        if self._work is None:
            self._work = self.root()
        return self._work

    def root(self) -> Work:
        """The run itself as a piece of work. Raises Invalid: nobody here is called as its executor is."""
        terms = self.on_terms(self.staff.terms(self.run.executor or MAIN_EXECUTOR))
        return Work(terms, "" if terms.function is None else self.run.id)

    def go_to(self, work: Work) -> None:
        """Let *work* be what goes on."""
        self._work = work

    def needs_version(self, version: int) -> None:
        """Leave the run alone to code that speaks *version* of the run protocol."""
        self._min_version = max(self._min_version, version)

    def on_terms(self, terms: Terms) -> Terms:
        """*terms* with the model that their executor has fallen back to in this run."""
        model = self._fallen_back.get(terms.executor)
        return terms if model is None else terms.fallen_back_to(model)

    @cached_property
    def policy(self) -> EffectivePolicy:
        """The policy that the run is under at this moment."""
        return governance.in_force(self.tx, self.run)

    def said(self) -> Sequence[Message]:
        """What was said in the work that goes on, oldest first; in one that was delegated also what the user has said
        to the run meanwhile.
        """
        assignment = self.work.assignment
        if assignment is None:
            return self.tx.messages.of_run(self.run.id)
        return self.tx.messages.of_task(self.run.id, self.work.scope, assignment.call.message_id)

    def open_steps(self) -> Sequence[str]:
        """The ids of the steps of the plan that are not reported yet."""
        return [s.id for s in self.plan.open_steps]

    def has_answered_before(self, ask: Ask) -> bool:
        """Whether the run had given an answer without tool calls before this one."""
        return any(m.role is Role.ASSISTANT and not m.tool_calls and m.id != ask.message_id for m in self.said())

    def was_steered(self, ask: Ask) -> bool:
        """Whether the user has said something to the run since the model was asked for the answer just taken."""
        # Positions first: nearly always nothing was said in the session at all, and then there is nothing to read.
        if self._last_position <= ask.position:
            return False
        return any(m.role is Role.USER and m.position > ask.position for m in self.said())

    # What happened.

    def tell(self, event_type: EventType, **details: object) -> None:
        """Write an event with this checkpoint."""
        self._drafts.append(Draft(event_type, details))

    def took_answer(self, ask: Ask, answer: Answer, purpose: Purpose = Purpose.ANSWER) -> None:
        """Store what the model said, and its bill."""
        terms = ask.work.terms
        settled = bills.settle(
            self.tx,
            self.run,
            ask.message_id,
            MessageState.COMPLETE,
            answer.text,
            answer.tool_calls,
            answer.usage,
            terms.price,
            ask.held,
            {"finish_reason": answer.finish_reason} if ask.place else None,
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
            model=terms.model,
            executor=terms.executor,
            scope=ask.work.scope,
            finish_reason=answer.finish_reason,
            tool_calls=[{"call_id": c.call_id, "name": c.name} for c in answer.tool_calls],
            usage=settled.bill,
        )

    def took_summary(self, step: Summarise, answer: Answer, *, is_usable: bool) -> None:
        """Store a summary, and its bill; one that is not usable stands for nothing."""
        terms = step.work.terms
        covers = {"covers": coverage_to_json(step.fold.coverage)} if is_usable else {}
        settled = bills.settle(
            self.tx,
            self.run,
            step.message_id,
            MessageState.COMPLETE,
            answer.text,
            (),
            answer.usage,
            terms.price,
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
                model=terms.model,
                executor=terms.executor,
                usage=settled.bill,
            )

    def lost_answer(self, ask: Ask | Summarise, cause: str, text: str) -> None:
        """Close a model call that broke off after it was charged; *text* is what had come of it."""
        for message in self.tx.messages.streaming(self.run.id):
            if message.id == ask.message_id and bills.settle_lost(self.tx, self.run, message, text):
                self.tell(EventType.MESSAGE_INTERRUPTED, message_id=message.id, cause=cause, text=preview(text))

    def unsent(self, ask: Ask | Summarise) -> None:
        """Close a model call that was refused before it cost anything."""
        for message in self.tx.messages.streaming(self.run.id):
            if message.id == ask.message_id:
                bills.settle_unsent(self.tx, self.run, message)

    def fell_back(self, ask: Ask, failure: ModelFailure, text: str, attempts: int, terms: Terms) -> bool:
        """Close a call in favour of the model of *terms*, with which the work goes on, whoever carries it out, until
        somebody resumes or retries the run; whether it was charged.
        """
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
            from_model=ask.work.terms.model,
            to_model=terms.model,
        )
        self._fallen_back = {**self._fallen_back, terms.executor: terms.model}
        self.go_to(ask.work.with_terms(terms))
        return charged

    def report_step(self, step_id: str, status: StepStatus, note: str) -> None:
        """Tick off a step of the plan. Raises Invalid: the plan has no such step."""
        self.plan = marked(self.plan, step_id, status, note)
        event = EventType.STEP_COMPLETED if status is StepStatus.DONE else EventType.STEP_SKIPPED
        self.tell(event, step_id=step_id, note=note, done=self.plan.done_count, total=len(self.plan.steps))

    def begin_step(self) -> None:
        """Mark the first open step as the one that is worked on."""
        first = next(iter(self.plan.open_steps), None)
        if first is not None and first.status is StepStatus.PENDING:
            self.plan = marked(self.plan, first.id, StepStatus.ACTIVE)
            self.tell(EventType.STEP_STARTED, step_id=first.id, title=first.title)

    def add_call(self, message_id: str, planned: Planned) -> ToolCall:
        """Store a tool call that was asked for in the message *message_id*, to be carried out later."""
        asked = planned.asked
        call_id = self.tx.new_id()
        call = ToolCall(
            id=call_id,
            run_id=self.run.id,
            message_id=message_id,
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
            scope=self.work.scope,
        )
        self.tx.tool_calls.add(call)
        return call

    def start_call(self, call: ToolCall) -> None:
        """Store the intent to carry out *call*."""
        self.tx.tool_calls.start(call.id, self.tx.now_ms)
        self.tell(
            EventType.TOOL_STARTED,
            tool_call_id=call.id,
            name=call.name,
            arguments=call.arguments,
            attempt=call.attempts + 1,
            executor=self.work.terms.executor,
            scope=call.scope,
        )

    def refused_call(self, call: ToolCall, state: ToolCallState, why: str, **about: object) -> None:
        """Answer a call that is not carried out with the reason; the event tells *about* as well."""
        store_result(self.tx, self.run, call, state, why)
        event = EventType.TOOL_DENIED if state is ToolCallState.DENIED else EventType.TOOL_FAILED
        self.tell(event, tool_call_id=call.id, name=call.name, arguments=call.arguments, result=preview(why), **about)

    def answered(self, call: ToolCall, content: str) -> None:
        """Store the answer of a call that is carried out by storing it."""
        store_result(self.tx, self.run, call, ToolCallState.DONE, content)

    def took_result(self, call: ToolCall, state: ToolCallState, content: str) -> None:
        """Store what came of one tool call."""
        self._progressed = True
        store_result(self.tx, self.run, call, state, content)
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
        self.tx.tool_calls.ask(call.id, kept)

    # How it is left.

    def save(self, **changes: object) -> None:
        """Write what was gathered, and stay in the same state."""
        self.run = journal.note(self.tx, self._lease, self._drafts, self._changes(changes))
        self._drafts = []

    def plan_drafted(self, plan: Plan) -> Stop:
        """Show the drafted *plan* to the user."""
        self.plan = plan
        return self._leave(Trigger.PLAN, {"plan": plan_to_json(plan)})

    def complete(self, message_id: str, text: str) -> Stop:
        """End the run well, with its last answer as the result."""
        result = {"text": text[:MAX_RESULT_CHARS], "message_id": message_id}
        return self._leave(Trigger.COMPLETE, {"message_id": message_id}, result=result)

    def fail(self, reason: Reason, **details: object) -> Stop:
        """End the run with a typed reason; what is stored stays, and a retry goes on from there."""
        for message in self.tx.messages.streaming(self.run.id):
            bills.settle_unsent(self.tx, self.run, message)
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

    def _changes(self, changes: Mapping[str, object]) -> Mapping[str, object]:
        more: dict[str, object] = {}
        if self.plan is not self.run.plan:
            more["plan"] = self.plan
        # What loses its workers at one place is given up; a run that has got on since was only unlucky.
        if self._progressed and self.run.attempt:
            more["attempt"] = 0
        if self._work is not None and self._work.terms.executor != self.run.active_executor_key:
            more["active_executor_key"] = self._work.terms.executor
        if self._fallen_back is not self.run.fallen_back:
            more["fallen_back"] = self._fallen_back
        if self._min_version != self.run.min_version:
            more["min_version"] = self._min_version
        return {**more, **changes}

    def _leave(self, trigger: Trigger, details: Mapping[str, object], **changes: object) -> Stop:
        self.run = journal.move(
            self.tx,
            self.run.id,
            trigger,
            lease=self._lease,
            details={**details, **self._held},
            before=self._drafts,
            changes=self._changes(changes),
        )
        self._drafts = []
        lanes.leave(self.tx, self.run.lane, self.run.id, self._active)
        return Stop()
