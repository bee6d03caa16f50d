"""Drafting a plan: the agent reads, proposes, and the user is asked.

Nothing is changed at this point, so nothing but the model's messages and their bills is kept: a draft that breaks off
is drafted again from its start. Only tools that read are offered.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from oneliner.app import context, control, next_step
from oneliner.app.checkpoint import Checkpoint
from oneliner.app.claiming import name_of
from oneliner.app.live_text import LiveText
from oneliner.app.model import Question, Turn
from oneliner.app.retries import CHARGED, MAX_ATTEMPTS, delay_seconds, falls_back, reason_for
from oneliner.app.steps import Ask, Stop, Work
from oneliner.app.tool_results import preview
from oneliner.app.tools import CallContext, ToolFailed
from oneliner.domain.errors import Invalid, ModelFailure, PolicyDenied
from oneliner.domain.event import EventType
from oneliner.domain.executor import MAIN_EXECUTOR
from oneliner.domain.message import Purpose
from oneliner.domain.permits import check_call
from oneliner.domain.plan import Plan, redrafted
from oneliner.domain.run import Reason
from oneliner.domain.times import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oneliner.app.execution import Surroundings
    from oneliner.app.model import Answer
    from oneliner.app.ports import Transaction
    from oneliner.app.staff import Staff, Terms
    from oneliner.domain.message import AskedCall
    from oneliner.domain.run import Run

MAX_CALLS = 8
MAX_SECONDS = 300.0
_NUDGE = "Call propose_plan now, with the goal and the steps; that is the only answer that counts here."


class Drafting:
    """One worker's drafting of the plan of one claimed run."""

    def __init__(self, around: Surroundings, run: Run, staff: Staff, *, worker_id: str) -> None:
        self._around = around
        self._staff = staff
        terms = staff.drafting_terms(run.executor or MAIN_EXECUTOR)
        self._work = Work(terms.fallen_back_to(run.fallen_back.get(terms.executor, "")))
        # Nobody is asked before the user has seen the plan.
        readers = [t for t in terms.tools if t.read_only and t.name != control.DELEGATE]
        self._tools = [control.PROPOSE_PLAN, *readers]
        system = context.planning_turn(run, run.plan, terms.specialist)
        self._turns = [system, Turn("user", run.plan.goal or run.title)]
        # A drafting run is claimed without an event; whatever ends the draft tells who drafted, and since when.
        self._held = {"fence": run.fence, "worker": name_of(worker_id), "claimed_at": rfc3339(run.updated_at)}
        self.run = run
        self.live: LiveText | None = None

    async def carry_through(self) -> None:
        """Ask until a plan is proposed. Raises LeaseLost: it is another worker's now."""
        failures = 0
        for _ in range(MAX_CALLS):
            ask = await self._checkpoint(lambda c: next_step.begin_draft(c, self._work, self._turns, self._tools))
            if isinstance(ask, Stop):
                return
            try:
                answer = await self._answer(ask)
            except ModelFailure as failure:
                failures += 1
                gives_up = not failure.retryable or failures >= MAX_ATTEMPTS
                wait = delay_seconds(failures, failure.retry_after_seconds)
                fallback = self._work.terms.fallen_back(ask.policy) if falls_back(failure, failures, wait) else None
                if fallback is not None:
                    await self._fall_back(ask, failure, failures, fallback)
                    failures = 0
                    continue
                await self._failed(ask, failure, failures, None if gives_up else wait)
                if gives_up:
                    return
                await asyncio.sleep(wait)
                continue
            if await self._take(ask, answer):
                return
        text = f"the model proposed no plan in {MAX_CALLS} calls"
        await self._checkpoint(lambda c: c.fail(Reason.PLAN_NOT_DRAFTED, error=text))

    async def _answer(self, ask: Ask) -> Answer:
        live = self.live = LiveText(self._around.bus, self.run, ask.message_id)
        question = Question(
            permit=ask.permit,
            turns=tuple(self._turns),
            tools=self._tools,
            max_output_tokens=ask.policy.max_output_tokens.value,
            total_seconds=MAX_SECONDS,
        )
        return await self._around.models.find(question.model).answer(question, live.add)

    async def _failed(self, ask: Ask, failure: ModelFailure, attempt: int, wait_seconds: float | None) -> None:
        text = self.live.text if self.live else ""
        self.live = None

        def work(checkpoint: Checkpoint) -> Stop:
            if text or failure.kind in CHARGED:
                checkpoint.lost_answer(ask, failure.kind, text)
            else:
                checkpoint.unsent(ask)
            details = {"kind": failure.kind, "error": failure.message}
            if wait_seconds is None:
                return checkpoint.fail(reason_for(failure), attempts=attempt, **details)
            seconds = round(wait_seconds, 3)
            checkpoint.tell(
                EventType.MESSAGE_RETRYING,
                message_id=ask.message_id,
                attempt=attempt,
                after_seconds=seconds,
                **details,
            )
            checkpoint.save()
            return Stop()

        await self._checkpoint(work)

    async def _fall_back(self, ask: Ask, failure: ModelFailure, attempts: int, terms: Terms) -> None:
        """Ask the model of *terms* from now on."""
        text = self.live.text if self.live else ""
        self.live = None
        self._work = self._work.with_terms(terms)

        def work(checkpoint: Checkpoint) -> Stop:
            checkpoint.fell_back(ask, failure, text, attempts, terms)
            checkpoint.save()
            return Stop()

        await self._checkpoint(work)

    async def _take(self, ask: Ask, answer: Answer) -> bool:
        """Store *answer*; whether drafting is over."""
        self.live = None
        proposed = [c for c in answer.tool_calls if c.name == control.PROPOSE_PLAN.name]
        plan, refusal = _plan_of(self.run.plan, proposed)
        await self._checkpoint(partial(_store, ask=ask, answer=answer, plan=plan))
        if plan is not None:
            return True
        self._turns.append(Turn("assistant", answer.text, answer.tool_calls))
        for call in answer.tool_calls:
            content = refusal if call in proposed else await self._read(ask, call)
            self._turns.append(Turn("tool", content, (), call.call_id))
        if not answer.tool_calls:
            self._turns.append(Turn("user", _NUDGE))
        return False

    async def _read(self, ask: Ask, call: AskedCall) -> str:
        if call.name not in {t.name for t in self._tools}:
            return f"denied: {call.name!r} is not on offer while a plan is drafted; only reading is"
        run = self.run
        called_for = CallContext(
            run.id, run.session_id, run.user_id, run.project_id, call.call_id, self._work.terms.executor
        )
        try:
            permit = check_call(
                ask.policy,
                tool=call.name,
                reads=True,
                executor=self._work.terms.executor,
                arguments=self._around.tools.parse(call.name, call.arguments),
            )
            content, event = await self._around.tools.call(permit, called_for), EventType.TOOL_COMPLETED
        except PolicyDenied as error:
            content, event = error.message, EventType.TOOL_DENIED
        except ToolFailed as error:
            content, event = error.message, EventType.TOOL_FAILED
        details = {"tool_call_id": call.call_id, "name": call.name, "arguments": call.arguments}
        await self._checkpoint(partial(_tell, event=event, details={**details, "result": preview(content)}))
        return content

    async def _checkpoint(self, work: Callable[[Checkpoint], Ask | Stop]) -> Ask | Stop:
        def transact(tx: Transaction) -> tuple[Run, Ask | Stop]:
            checkpoint = Checkpoint(tx, self.run, self._staff, self._work, held=self._held)
            following = work(checkpoint)
            return checkpoint.run, following

        self.run, following = await self._around.database.write(
            transact, patience_seconds=self._around.patience_seconds
        )
        return following


def _plan_of(plan: Plan, proposed: Sequence[AskedCall]) -> tuple[Plan | None, str]:
    """The plan that was proposed, or None and what to tell the model."""
    if not proposed:
        return None, ""
    try:
        arguments = control.arguments_of(control.PROPOSE_PLAN, proposed[0].arguments)
        goal, steps = control.proposal_of(arguments)
        return redrafted(plan, steps, goal), ""
    except Invalid as error:
        return None, error.message


def _store(checkpoint: Checkpoint, *, ask: Ask, answer: Answer, plan: Plan | None) -> Stop:
    checkpoint.took_answer(ask, answer, Purpose.PLAN)
    if plan is not None:
        return checkpoint.plan_drafted(plan)
    checkpoint.save()
    return Stop()


def _tell(checkpoint: Checkpoint, *, event: EventType, details: dict[str, object]) -> Stop:
    checkpoint.tell(event, **details)
    checkpoint.save()
    return Stop()
