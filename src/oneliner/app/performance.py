"""A function at its work: what it asks for becomes steps of the execution, and what it was given before is given again.

Everything a function asks for has a *place*: its number in the order of asking, what kind of thing it is, and a hash of
what exactly was asked. The rows that come of it carry the place, so what is stored under a place is the answer to it, and
something else stored under its number means that the function has not asked as before. When a step ends the function's
work or lets the run wait, the function is cancelled where it stands; nothing that it does then reaches anything.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import traceback
from contextvars import ContextVar
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from oneliner.app import control, next_step, performed
from oneliner.app.function import ToolDenied
from oneliner.app.model import Answer, Turn
from oneliner.app.performed import Diverged
from oneliner.app.steps import Perform, Stop
from oneliner.app.tools import ToolFailed
from oneliner.domain.message import AskedCall, ToolCallState
from oneliner.domain.run import Reason
from oneliner.domain.text import clean, clean_json

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from oneliner.app.checkpoint import Checkpoint
    from oneliner.app.execution import Execution
    from oneliner.app.model import ToolSpec
    from oneliner.app.steps import Next, Work
    from oneliner.domain.message import Message
    from oneliner.domain.plan import Plan

MAX_ERROR_CHARS = 2_000
MAX_SAID_CHARS = 2_000
#: How long a function that is told to stop has for its own clearing up.
STOP_SECONDS = 1.0
_log = logging.getLogger(__name__)
_IS_IN_STEP: ContextVar[bool] = ContextVar("is_in_step", default=False)


class Performance:
    """One time that the function of *work* works, for *execution*."""

    def __init__(self, execution: Execution, work: Work) -> None:
        self.execution = execution
        self.work = work
        self.journal = performed.Journal()
        self._asked = 0
        self._turn = asyncio.Lock()
        self._asking: set[asyncio.Task[Any]] = set()
        self._left: asyncio.Future[Next] = asyncio.get_running_loop().create_future()

    async def carry_through(self) -> Next:
        """Let the function work from its beginning, as far as it comes; what comes next. Raises LeaseLost."""
        function = self.work.terms.function
        if function is None:
            raise TypeError(f"{self.work.terms.executor} is no function")
        run = self.execution.run
        self.journal = await self.execution.read(partial(performed.journal_of, run=run, work=self.work))
        # A task of its own, so that it can be left where it stands.
        task = asyncio.ensure_future(function(_Context(self)))
        task.add_done_callback(_look_at)
        try:
            await asyncio.wait({task, self._left}, return_when=asyncio.FIRST_COMPLETED)
            if not self._left.done():
                ending = self._ending(task)
                await self._stop(task)
                return await self.execution.checkpoint(ending, self.work)
        finally:
            await self._stop(task)
        return self._left.result()

    async def ask_for(
        self,
        kind: str,
        asked: object,
        begin: Callable[..., Next],
        find_out: Callable[[], Awaitable[str]] | None = None,
    ) -> Message:
        """What is stored for the next place, once it is: *begin* begins it in a checkpoint, with what *find_out* says."""
        if _IS_IN_STEP.get():
            raise RuntimeError("what is called in a step must not use the context of the executor")
        self._asked += 1
        number, place = self._asked, _place(self._asked, kind, asked)
        asking = asyncio.current_task()
        if asking is not None:
            self._asking.add(asking)
        try:
            async with self._turn:
                return await self._found_at(number, place, begin, find_out)
        finally:
            self._asking -= {asking}

    async def _found_at(
        self, number: int, place: str, begin: Callable[..., Next], find_out: Callable[[], Awaitable[str]] | None
    ) -> Message:
        if self._left.done():
            raise asyncio.CancelledError
        try:
            self.journal.check(number, place)
        except Diverged as error:
            await self._diverge(error)
        found = self.journal.found.get(place)
        if found is None and find_out is not None:
            # Outside of a checkpoint, and what it raises is for the function.
            begin = partial(begin, content=await find_out())
        while found is None:
            found = await self._done_at(place, begin)
        return found

    async def _done_at(self, place: str, begin: Callable[..., Next]) -> Message | None:
        """What is stored at *place* after *begin* and all that follows from it; None: it has to be begun once more."""
        execution, work = self.execution, self.work
        try:
            step = await self._carried(await execution.checkpoint(partial(begin, place=place), work))
            if step is None:
                return await execution.read(lambda tx: tx.messages.at_place(execution.run.id, work.scope, place))
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - none of it is for the function: the execution ends with it
            if not self._left.done():
                self._left.set_exception(error)
        else:
            self._leave(step)
        return await self._be_cancelled()

    async def _carried(self, step: Next) -> Next | None:
        """Carry *step* out and what follows from it, until the function may go on (None), or what is none of its work."""
        while not (isinstance(step, Perform) and step.work.scope == self.work.scope):
            if isinstance(step, Stop) or not self._is_part(step.work):
                return step
            step = await self.execution.advance(step)
        return None

    def _is_part(self, work: Work) -> bool:
        """Whether *work* is this work, or was delegated in it."""
        at: Work | None = work
        while at is not None and at.scope != self.work.scope:
            at = at.above
        return at is not None

    async def _diverge(self, error: Diverged) -> NoReturn:
        self._leave(await self.execution.checkpoint(partial(_give_up_diverged, error=error), self.work))
        await self._be_cancelled()

    def _leave(self, step: Next) -> None:
        if not self._left.done():
            self._left.set_result(step)

    async def _be_cancelled(self) -> NoReturn:
        """Wait until the function is cancelled; nothing it could be told means that its work is over."""
        await asyncio.get_running_loop().create_future()
        raise asyncio.CancelledError

    async def _stop(self, task: asyncio.Future[str]) -> None:
        at_work = {one for one in (task, *self._asking) if not one.done()}
        for one in at_work:
            one.cancel()
        if at_work:
            await asyncio.wait(at_work, timeout=STOP_SECONDS)
        if not all(one.done() for one in at_work):
            _log.warning(
                "executor.does_not_stop", extra={"executor": self.work.terms.executor, "run_id": self.execution.run.id}
            )
        # Whoever it has left behind asks for nothing more.
        self._left.cancel()

    def _ending(self, task: asyncio.Future[str]) -> Callable[[Checkpoint], Next]:
        """What becomes of the work now that the function has come to its end."""
        error = (
            asyncio.CancelledError("something it waited for was cancelled") if task.cancelled() else task.exception()
        )
        if error is None and self._asking:
            error = RuntimeError("it ended while something that it had asked for was under way")
        if error is None and self.journal.has_beyond(self._asked):
            return partial(
                _give_up_diverged, error=Diverged(f"it ended after asking {self._asked} times; it asked more")
            )
        # It is code of the deployment, which nobody holds to its types.
        result: object = None if error is not None else task.result()
        if isinstance(result, str):
            return partial(performed.finish, text=clean(result))
        error = error or TypeError(f"an executor returns text, not {type(result).__name__}")
        frames = traceback.extract_tb(error.__traceback__)
        at = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
        # Its message stays out of the log, for it may quote what the user said.
        _log.warning(
            "executor.raised", extra={"executor": self.work.terms.executor, "error": type(error).__name__, "at": at}
        )
        said = clean("".join(traceback.format_exception_only(error)).strip()[:MAX_ERROR_CHARS])
        return partial(
            _give_up, reason=Reason.EXECUTOR_FAILED, text=f"the executor {self.work.terms.executor!r} failed: {said}"
        )


class _Context:
    """What the function of a performance is given; see ``ExecutorContext``."""

    def __init__(self, of: Performance) -> None:
        self._of = of

    @property
    def run_id(self) -> str:
        return self._of.execution.run.id

    @property
    def session_id(self) -> str:
        return self._of.execution.run.session_id

    @property
    def user_id(self) -> str:
        return self._of.execution.run.user_id

    @property
    def project_id(self) -> str:
        return self._of.execution.run.project_id

    @property
    def executor(self) -> str:
        return self._of.work.terms.executor

    @property
    def task(self) -> str:
        return self._of.journal.task

    @property
    def plan(self) -> Plan | None:
        return None if self._of.work.assignment else self._of.journal.plan

    @property
    def tools(self) -> Sequence[ToolSpec]:
        return [tool for tool in self._of.work.terms.tools if tool.name not in control.NAMES]

    async def conversation(self) -> Sequence[Turn]:
        work = self._of.work
        kept = await self._of.ask_for("conversation", "", partial(performed.keep_conversation, work=work))
        return [Turn(role, content) for role, content in json.loads(kept.content)]

    async def ask_model(self, turns: Sequence[Turn] | str, *, tools: Sequence[ToolSpec] = ()) -> Answer:
        said = [Turn("user", turns)] if isinstance(turns, str) else list(turns)
        asked = [[asdict(turn) for turn in said], [[t.name, t.description, t.parameters] for t in tools]]
        message = await self._of.ask_for("model", asked, partial(_begin_asking, turns=said, tools=tools))
        reason = message.details.get("finish_reason")
        return Answer(message.content, message.tool_calls, str(reason), message.usage)

    async def call_tool(self, name: str, arguments: Mapping[str, object]) -> str:
        written = json.dumps(clean_json(dict(arguments)), ensure_ascii=False)
        asked = AskedCall("", name, written)

        def begin(checkpoint: Checkpoint, place: str) -> Next:
            call = AskedCall(place, name, written)
            planned = self._of.execution.plan_call(call, self._of.work.terms)
            return performed.begin_call(checkpoint, planned)

        result = await self._of.ask_for("tool", [asked.name, asked.arguments], begin)
        state = result.details.get("state")
        if state == ToolCallState.DENIED:
            raise ToolDenied(result.content, tool=name)
        if state != ToolCallState.DONE:
            raise ToolFailed(result.content, tool=name)
        return result.content

    async def delegate(self, executor: str, task: str) -> str:
        return await self.call_tool(control.DELEGATE, {"executor": executor, "task": task})

    async def ask_user(self, question: str, schema: Mapping[str, object] | None = None) -> Any:
        asked: dict[str, object] = {"question": question}
        answer = await self.call_tool(control.ASK_USER.name, asked if schema is None else {**asked, "schema": schema})
        return json.loads(answer)

    async def report_step(self, step_id: str, status: str, note: str = "") -> None:
        await self.call_tool(control.MARK_STEP.name, {"step_id": step_id, "status": status, "note": note})

    async def step(self, key: str, function: Callable[[], Awaitable[Any]]) -> Any:
        async def find_out() -> str:
            token = _IS_IN_STEP.set(True)
            try:
                return json.dumps(clean_json(await function()), ensure_ascii=False)
            finally:
                _IS_IN_STEP.reset(token)

        kept = await self._of.ask_for("step", key, performed.keep, find_out)
        return json.loads(kept.content)

    async def say(self, text: str) -> None:
        said = clean(text)[:MAX_SAID_CHARS]
        await self._of.ask_for("say", said, partial(performed.keep_said, text=said))


def _place(number: int, kind: str, asked: object) -> str:
    text = json.dumps(asked, ensure_ascii=False, sort_keys=True, default=str)
    return f"{number}:{kind}:{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:16]}"


def _begin_asking(checkpoint: Checkpoint, *, place: str, turns: Sequence[Turn], tools: Sequence[ToolSpec]) -> Next:
    return next_step.ask_for_function(checkpoint, place, turns, tools)


def _give_up(checkpoint: Checkpoint, *, reason: Reason, text: str) -> Next:
    return next_step.give_up(checkpoint, reason, error=text)


def _give_up_diverged(checkpoint: Checkpoint, *, error: Diverged) -> Next:
    return next_step.give_up(checkpoint, Reason.EXECUTOR_DIVERGED, error=error.message)


def _look_at(task: asyncio.Future[str]) -> None:
    """Sees the failure of a function that was left behind, so that it is not reported as one nobody looked at."""
    if not task.cancelled():
        task.exception()
