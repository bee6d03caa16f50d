"""Carrying out a run: ask the model, store the answer, carry out the tools, and again, until it ends or waits.

Between two checkpoints nothing is only in memory that another worker would need. Everything that touches the outside
happens between transactions, never in one; the rules are asked before each model call and each tool call, and there is
no other way to either.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from oneliner.app import control
from oneliner.app.answer_calls import Planned, take_answer
from oneliner.app.checkpoint import Ask, Carry, Checkpoint, Stop
from oneliner.app.live_text import LiveText
from oneliner.app.model import Question
from oneliner.app.retries import CHARGED, MAX_ATTEMPTS, delay_seconds, falls_back, reason_for
from oneliner.app.tools import BadArguments, CallContext, OutcomeUnknown, ToolFailed, UnknownTool
from oneliner.domain.errors import Invalid, ModelFailure, PolicyDenied
from oneliner.domain.event import EventType
from oneliner.domain.message import ToolCallState
from oneliner.domain.permits import check_call
from oneliner.domain.run import Reason
from oneliner.domain.tool_rules import arguments_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from oneliner.app.checkpoint import Next, Terms
    from oneliner.app.model import Models
    from oneliner.app.ports import Bus, Database, Transaction
    from oneliner.app.tools import Tools
    from oneliner.domain.message import AskedCall, ToolCall
    from oneliner.domain.policy import EffectivePolicy
    from oneliner.domain.run import Run


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every execution of a process uses."""

    database: Database
    bus: Bus
    models: Models
    tools: Tools
    #: How long a checkpoint waits for a database that is away.
    patience_seconds: float = 0.0


class Execution:
    """One worker's execution of one claimed run, from *step* on."""

    def __init__(self, around: Surroundings, run: Run, terms: Terms, step: Next) -> None:
        self._around = around
        self._terms = terms
        self._step = step
        self._attempts = 0
        self._storing = asyncio.Lock()
        self._deadline: float | None = None
        self.run = run
        self.live: LiveText | None = None

    async def carry_through(self) -> None:
        """Go on until the run ends or waits. Raises LeaseLost (alone or in a group): it is another worker's now."""
        step = self._step
        while not isinstance(step, Stop):
            step = await (self._ask(step) if isinstance(step, Ask) else self._carry(step))

    # The model.

    async def _ask(self, ask: Ask) -> Next:
        if self._seconds_left(ask) <= 0:
            return await self._out_of_time(ask)
        live = self.live = LiveText(self._around.bus, self.run, ask.message_id)
        question = Question(
            permit=ask.permit,
            turns=ask.turns,
            tools=self._terms.tools,
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
        planned = [self._plan_call(asked) for asked in answer.tool_calls]
        return await self._checkpoint(partial(take_answer, ask=ask, answer=answer, calls=planned))

    async def _failed(self, ask: Ask, failure: ModelFailure, text: str) -> Next:
        self._attempts += 1
        if self._seconds_left(ask) <= 0:
            return await self._out_of_time(ask, text, charged=bool(text) or failure.kind in CHARGED)
        gives_up = not failure.retryable or self._attempts >= MAX_ATTEMPTS
        wait = delay_seconds(self._attempts, failure.retry_after_seconds)
        fallback = self._terms.fallen_back(ask.policy) if falls_back(failure, self._attempts, wait) else None
        if fallback is not None:
            return await self._fall_back(ask, failure, text, fallback)
        step = await self._checkpoint(
            partial(
                _after_failure,
                ask=ask,
                failure=failure,
                text=text,
                attempt=self._attempts,
                wait_seconds=None if gives_up else wait,
            )
        )
        if not gives_up:
            await asyncio.sleep(min(wait, max(self._seconds_left(ask), 0)))
        return step

    async def _fall_back(self, ask: Ask, failure: ModelFailure, text: str, terms: Terms) -> Next:
        """Ask the model of *terms* from now on, for as long as this execution lasts."""
        attempts, from_model = self._attempts, self._terms.model
        self._terms, self._attempts = terms, 0

        def turn(checkpoint: Checkpoint) -> Next:
            charged = checkpoint.fell_back(ask, failure, text, attempts, from_model)
            return checkpoint.ask(ask.reminder, instead=not charged)

        return await self._checkpoint(turn)

    async def _out_of_time(self, ask: Ask, text: str = "", *, charged: bool = False) -> Next:
        def stop(checkpoint: Checkpoint) -> Next:
            if charged:
                checkpoint.lost_answer(ask, "timed_out", text)
            limit = ask.policy.max_seconds.value
            return checkpoint.fail(Reason.TIMED_OUT, error=f"the run may take {limit} seconds", limit=limit)

        return await self._checkpoint(stop)

    def _seconds_left(self, ask: Ask) -> float:
        limit = ask.policy.max_seconds.value
        now = asyncio.get_running_loop().time()
        if self._deadline is None:
            self._deadline = now
        return float("inf") if limit is None else self._deadline + limit - now

    # The tools.

    def _plan_call(self, asked: AskedCall) -> Planned:
        """What is to be done with a call, found out before anything is stored: nothing that does not fit is begun."""
        if asked.name in control.NAMES:
            return _plan_control_call(asked)
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
            outcome = await self._call(call, step.policy)
            async with self._storing:
                left -= 1
                following = await self._checkpoint(partial(_after_tool, call=call, outcome=outcome, last=left == 0))

        async with asyncio.TaskGroup() as group:
            for call in step.calls:
                group.create_task(one(call))
        return following

    async def _call(self, call: ToolCall, policy: EffectivePolicy) -> tuple[ToolCallState, str] | None:
        """How *call* ended, and what the model is told; None when nobody can know."""
        called_for = CallContext(
            run_id=self.run.id,
            session_id=self.run.session_id,
            user_id=self.run.user_id,
            project_id=self.run.project_id,
            idempotency_key=call.idempotency_key,
            executor=self._terms.executor,
        )
        try:
            permit = check_call(
                policy,
                tool=call.name,
                reads=self._around.tools.spec(call.name).read_only,
                executor=self._terms.executor,
                arguments=self._around.tools.parse(call.name, call.arguments),
            )
            return ToolCallState.DONE, await self._around.tools.call(permit, called_for)
        except PolicyDenied as error:
            return ToolCallState.DENIED, error.message
        except OutcomeUnknown:
            return None
        except ToolFailed as error:
            return ToolCallState.FAILED, error.message

    async def _checkpoint(self, work: Callable[[Checkpoint], Next]) -> Next:
        def transact(tx: Transaction) -> tuple[Run, Next]:
            checkpoint = Checkpoint(tx, self.run, self._terms)
            following = work(checkpoint)
            return checkpoint.run, following

        self.run, following = await self._around.database.write(
            transact, patience_seconds=self._around.patience_seconds
        )
        return following


def _where_it_differs(written: str, said: Mapping[str, object]) -> str:
    """The arguments as the tool takes them, as JSON text, unless the model has *written* them so itself."""
    try:
        same = arguments_hash(json.loads(written)) == arguments_hash(said)
    except (ValueError, RecursionError):
        same = False
    return "" if same else json.dumps(said, ensure_ascii=False)


def _plan_control_call(asked: AskedCall) -> Planned:
    """What is to be done with a call that steers the run."""
    spec = control.MARK_STEP if asked.name == control.MARK_STEP.name else control.ASK_USER
    try:
        arguments = control.arguments_of(spec, asked.arguments)
        if spec is control.ASK_USER:
            control.question_of(arguments)
    except Invalid as error:
        return Planned(asked, refusal=error.message)
    return Planned(asked, repeatable=True, control=arguments)


def _after_failure(
    checkpoint: Checkpoint, *, ask: Ask, failure: ModelFailure, text: str, attempt: int, wait_seconds: float | None
) -> Next:
    charged = bool(text) or failure.kind in CHARGED
    if charged:
        checkpoint.lost_answer(ask, failure.kind, text)
    if wait_seconds is None:
        return checkpoint.fail(reason_for(failure), error=failure.message, kind=failure.kind, attempts=attempt)
    checkpoint.tell(
        EventType.MESSAGE_RETRYING,
        message_id=ask.message_id,
        attempt=attempt,
        kind=failure.kind,
        error=failure.message,
        after_seconds=round(wait_seconds, 3),
    )
    if charged:
        return checkpoint.ask(ask.reminder)
    checkpoint.save()
    return ask


def _after_tool(
    checkpoint: Checkpoint, *, call: ToolCall, outcome: tuple[ToolCallState, str] | None, last: bool
) -> Next:
    if outcome is not None:
        checkpoint.took_result(call, *outcome)
    # A call without an outcome stays as it is, started; to go on is to ask a person about it.
    if last:
        return checkpoint.go_on()
    checkpoint.save()
    return Stop()
