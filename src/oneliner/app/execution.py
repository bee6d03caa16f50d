"""Carrying out a run: ask the model, store the answer, carry out the tools, and again, until it ends or waits.

Between two checkpoints nothing is only in memory that another worker would need. Everything that touches the outside
happens between transactions, never in one; the rules are asked before each model call and each tool call, and there is
no other way to either.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from oneliner.app import control, next_step
from oneliner.app.answer_calls import Planned, take_answer
from oneliner.app.checkpoint import Checkpoint
from oneliner.app.live_text import LiveText
from oneliner.app.model import Question
from oneliner.app.performance import Performance
from oneliner.app.retries import CHARGED, MAX_ATTEMPTS, delay_seconds, falls_back, reason_for
from oneliner.app.steps import Ask, Carry, Perform, Stop, Summarise
from oneliner.app.telemetry import NoTelemetry
from oneliner.app.tools import BadArguments, CallContext, NeedsAnswer, OutcomeUnknown, ToolFailed, UnknownTool
from oneliner.domain.errors import Invalid, ModelFailure, PolicyDenied
from oneliner.domain.event import EventType
from oneliner.domain.executor import Roster
from oneliner.domain.message import ToolCallState
from oneliner.domain.permits import check_call
from oneliner.domain.run import Reason
from oneliner.domain.tool_rules import arguments_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneliner.app.function import ExecutorFunction
    from oneliner.app.model import Answer, Models
    from oneliner.app.ports import Bus, Database, Transaction
    from oneliner.app.staff import Staff, Terms
    from oneliner.app.steps import Next, Work
    from oneliner.app.telemetry import Telemetry
    from oneliner.app.tools import Tools
    from oneliner.domain.message import AskedCall, ToolCall
    from oneliner.domain.permits import Arguments
    from oneliner.domain.run import Run


#: How long a summary may be, and may take; where the rules of a run are stricter, they hold.
SUMMARY_OUTPUT_TOKENS = 4_000
SUMMARY_SECONDS = 120.0

ValueT = TypeVar("ValueT")
_Outcome = tuple[ToolCallState, str] | NeedsAnswer | None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every execution of a process uses."""

    database: Database
    bus: Bus
    models: Models
    tools: Tools
    telemetry: Telemetry = field(default_factory=NoTelemetry)
    #: How long a checkpoint waits for a database that is away.
    patience_seconds: float = 0.0
    #: How many tokens a call of a model may send, where its window has room for them.
    context_tokens: int = 48_000
    #: Who can carry out work, and the functions of those that have one.
    roster: Roster = field(default_factory=Roster)
    functions: Mapping[str, ExecutorFunction] = field(default_factory=dict[str, "ExecutorFunction"])


class Execution:
    """One worker's execution of one claimed run, from *step* on."""

    def __init__(self, around: Surroundings, run: Run, staff: Staff, step: Next) -> None:
        self._around = around
        self._staff = staff
        self._step = step
        self._attempts = 0
        self._summarises = True
        self._storing = asyncio.Lock()
        self._deadline: float | None = None
        self.run = run
        self.live: LiveText | None = None

    async def carry_through(self) -> None:
        """Go on until the run ends or waits. Raises LeaseLost (alone or in a group): it is another worker's now."""
        step = self._step
        while not isinstance(step, Stop):
            step = await self.advance(step)

    async def advance(self, step: Ask | Summarise | Carry | Perform) -> Next:
        """Do *step*; what comes next."""
        match step:
            case Ask():
                return await self._ask(step)
            case Summarise():
                return await self._summarise(step)
            case Carry():
                return await self._carry(step)
            case Perform():
                return await Performance(self, step.work).carry_through()

    # The model.

    async def _ask(self, ask: Ask) -> Next:
        if self._seconds_left(ask) <= 0:
            return await self._out_of_time(ask)
        live = self.live = LiveText(self._around.bus, self.run, ask.message_id)
        question = Question(
            permit=ask.permit,
            turns=ask.turns,
            tools=ask.tools,
            max_output_tokens=ask.policy.max_output_tokens.value,
            total_seconds=self._seconds_left(ask),
        )
        try:
            answer = await self._around.models.find(question.model).answer(question, live.add)
        except ModelFailure as failure:
            self.live = None
            return await self._failed(ask, failure, live.text)
        self.live = None
        self._attempts = 0
        # What a function's model asks for is the function's to do.
        planned = [] if ask.place else [self.plan_call(asked, ask.work.terms) for asked in answer.tool_calls]
        return await self.checkpoint(partial(take_answer, ask=ask, answer=answer, calls=planned), ask.work)

    async def _failed(self, ask: Ask, failure: ModelFailure, text: str) -> Next:
        self._attempts += 1
        if self._seconds_left(ask) <= 0:
            return await self._out_of_time(ask, text, charged=bool(text) or failure.kind in CHARGED)
        gives_up = not failure.retryable or self._attempts >= MAX_ATTEMPTS
        wait = delay_seconds(self._attempts, failure.retry_after_seconds)
        fallback = ask.work.terms.fallen_back(ask.policy) if falls_back(failure, self._attempts, wait) else None
        if fallback is not None:
            return await self._fall_back(ask, failure, text, fallback)
        told = partial(
            _after_failure,
            ask=ask,
            failure=failure,
            text=text,
            attempt=self._attempts,
            wait_seconds=None if gives_up else wait,
        )
        if gives_up:
            self._attempts = 0
        step = await self.checkpoint(told, ask.work)
        if not gives_up:
            await asyncio.sleep(min(wait, max(self._seconds_left(ask), 0)))
        return step

    async def _fall_back(self, ask: Ask, failure: ModelFailure, text: str, terms: Terms) -> Next:
        """Ask the model of *terms* from now on; see ``Checkpoint.fell_back``."""
        attempts, self._attempts = self._attempts, 0

        def turn(checkpoint: Checkpoint) -> Next:
            charged = checkpoint.fell_back(ask, failure, text, attempts, terms)
            return next_step.ask_again(checkpoint, ask, instead=not charged)

        return await self.checkpoint(turn, ask.work)

    async def _summarise(self, step: Summarise) -> Next:
        """Have the older part of the session summarised. Whatever goes wrong with it, the run goes on; then that part
        is left out, and this execution asks for no other summary.
        """
        allowed = step.policy.max_output_tokens.value
        question = Question(
            permit=step.permit,
            turns=step.fold.turns,
            max_output_tokens=SUMMARY_OUTPUT_TOKENS if allowed is None else min(allowed, SUMMARY_OUTPUT_TOKENS),
            total_seconds=max(min(self._seconds_left(step), SUMMARY_SECONDS), 0.0),
        )
        try:
            answer = await self._around.models.find(question.model).answer(question, _unheard)
        except ModelFailure as failure:
            self._summarises = False
            return await self.checkpoint(partial(_without_summary, step=step, failure=failure), step.work)
        is_usable = bool(answer.text.strip()) and answer.finish_reason != "content_filter"
        if not is_usable:
            self._summarises = False
        told = partial(_with_summary, step=step, answer=answer, is_usable=is_usable)
        return await self.checkpoint(told, step.work)

    async def _out_of_time(self, ask: Ask, text: str = "", *, charged: bool = False) -> Next:
        def stop(checkpoint: Checkpoint) -> Next:
            if charged:
                checkpoint.lost_answer(ask, "timed_out", text)
            limit = ask.policy.max_seconds.value
            return checkpoint.fail(Reason.TIMED_OUT, error=f"the run may take {limit} seconds", limit=limit)

        return await self.checkpoint(stop, ask.work)

    def _seconds_left(self, ask: Ask | Summarise) -> float:
        limit = ask.policy.max_seconds.value
        now = asyncio.get_running_loop().time()
        if self._deadline is None:
            self._deadline = now
        return float("inf") if limit is None else self._deadline + limit - now

    # The tools.

    def plan_call(self, asked: AskedCall, terms: Terms) -> Planned:
        """What is to be done with a call by somebody on *terms*, found out before anything is stored: nothing that does
        not fit is begun, and nothing that is not on offer to him.
        """
        if asked.name not in terms.names:
            return Planned(asked, refusal=f"there is no tool {asked.name!r}")
        if asked.name in control.NAMES:
            return _plan_control_call(asked, terms)
        try:
            spec = self._around.tools.spec(asked.name)
            said = self._around.tools.parse(asked.name, asked.arguments).said
        except (UnknownTool, BadArguments) as error:
            return Planned(asked, refusal=error.message)
        return Planned(asked, spec.repeatable, spec.read_only, _where_it_differs(asked.arguments, said))

    async def _carry(self, step: Carry) -> Next:
        left = len(step.calls)
        following: Next = Stop()

        async def one(call: ToolCall) -> None:
            nonlocal left, following
            outcome = await self._call(call, step)
            async with self._storing:
                left -= 1
                told = partial(_after_tool, call=call, outcome=outcome, last=left == 0)
                following = await self.checkpoint(told, step.work)

        async with asyncio.TaskGroup() as group:
            for call in step.calls:
                group.create_task(one(call))
        return following

    async def _call(self, call: ToolCall, step: Carry) -> _Outcome:
        """How *call* ended, and what the model is told; None when nobody can know; or what the tool asks the user."""
        called_for = CallContext(
            run_id=self.run.id,
            session_id=self.run.session_id,
            user_id=self.run.user_id,
            project_id=self.run.project_id,
            idempotency_key=call.idempotency_key,
            executor=step.work.terms.executor,
            resumed=call.asked or None,
        )
        try:
            arguments = self._around.tools.parse(call.name, call.arguments)
            permit = check_call(
                step.policy,
                tool=call.name,
                reads=self._around.tools.spec(call.name).read_only,
                executor=step.work.terms.executor,
                arguments=arguments,
                approved_hash=_approved(call, arguments, step.approved.get(call.id, "")),
            )
            return ToolCallState.DONE, await self._around.tools.call(permit, called_for)
        except PolicyDenied as error:
            return ToolCallState.DENIED, error.message
        except OutcomeUnknown:
            return None
        except NeedsAnswer as asked:
            return asked
        except ToolFailed as error:
            return ToolCallState.FAILED, error.message

    async def checkpoint(self, work: Callable[[Checkpoint], Next], on: Work) -> Next:
        """What *work* does as one fenced transaction, in which the work *on* goes on. Raises LeaseLost."""

        def transact(tx: Transaction) -> tuple[Run, Next]:
            checkpoint = Checkpoint(tx, self.run, self._staff, on, summarises=self._summarises)
            following = work(checkpoint)
            return checkpoint.run, following

        self.run, following = await self._around.database.write(
            transact, patience_seconds=self._around.patience_seconds
        )
        return following

    async def read(self, work: Callable[[Transaction], ValueT]) -> ValueT:
        """What *work* reads."""
        return await self._around.database.read(work)


def _approved(call: ToolCall, arguments: Arguments, approved: str) -> str:
    """The hash that the arguments of *call* must have to be the *approved* ones: a person who edited them approved what
    he wrote, and what the tool makes of that.
    """
    wrote_all = approved and not call.checked and approved == arguments_hash(json.loads(call.arguments or "{}"))
    return arguments_hash(arguments.said) if wrote_all else approved


def _where_it_differs(written: str, said: Mapping[str, object]) -> str:
    """The arguments as the tool takes them, as JSON text, unless the model has *written* them so itself."""
    try:
        same = arguments_hash(json.loads(written)) == arguments_hash(said)
    except (ValueError, RecursionError):
        same = False
    return "" if same else json.dumps(said, ensure_ascii=False)


def _plan_control_call(asked: AskedCall, terms: Terms) -> Planned:
    """What is to be done with a call that steers the run."""
    spec = next(tool for tool in terms.tools if tool.name == asked.name)
    try:
        arguments = control.arguments_of(spec, asked.arguments)
        if asked.name == control.ASK_USER.name:
            control.question_of(arguments)
    except Invalid as error:
        return Planned(asked, refusal=error.message)
    return Planned(asked, repeatable=True, reads=spec.read_only, control=arguments)


def _after_failure(
    checkpoint: Checkpoint, *, ask: Ask, failure: ModelFailure, text: str, attempt: int, wait_seconds: float | None
) -> Next:
    charged = bool(text) or failure.kind in CHARGED
    if charged:
        checkpoint.lost_answer(ask, failure.kind, text)
    if wait_seconds is None:
        reason = reason_for(failure)
        if not charged:
            checkpoint.unsent(ask)
        ends = checkpoint.fail if reason is Reason.MODEL_UNAVAILABLE else partial(next_step.give_up, checkpoint)
        return ends(reason, error=failure.message, kind=failure.kind, attempts=attempt)
    checkpoint.tell(
        EventType.MESSAGE_RETRYING,
        message_id=ask.message_id,
        attempt=attempt,
        kind=failure.kind,
        error=failure.message,
        after_seconds=round(wait_seconds, 3),
    )
    if charged:
        return next_step.ask_again(checkpoint, ask)
    checkpoint.save()
    return ask


def _unheard(_text: str) -> None:
    """A summary is not told while it is written."""


def _with_summary(checkpoint: Checkpoint, *, step: Summarise, answer: Answer, is_usable: bool) -> Next:
    checkpoint.took_summary(step, answer, is_usable=is_usable)
    return next_step.ask(checkpoint, step.reminder)


def _without_summary(checkpoint: Checkpoint, *, step: Summarise, failure: ModelFailure) -> Next:
    charged = failure.kind in CHARGED
    if charged:
        checkpoint.lost_answer(step, failure.kind, "")
    else:
        checkpoint.unsent(step)
    return next_step.ask(checkpoint, step.reminder, instead=not charged)


def _after_tool(checkpoint: Checkpoint, *, call: ToolCall, outcome: _Outcome, last: bool) -> Next:
    if isinstance(outcome, NeedsAnswer):
        checkpoint.took_question(call, outcome)
    elif outcome is not None:
        checkpoint.took_result(call, *outcome)
    # A call without an outcome stays as it is, started; to go on is to ask a person about it.
    if last:
        return next_step.go_on(checkpoint)
    checkpoint.save()
    return Stop()
