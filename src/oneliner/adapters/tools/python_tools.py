"""Python functions as tools: checked arguments in, bounded text out, every failure a word the model can read."""

from __future__ import annotations

import asyncio
import logging
import traceback
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from pydantic import ValidationError

from oneliner.adapters.tools.declaration import mark_of
from oneliner.adapters.tools.result import to_text
from oneliner.adapters.tools.signature import declare
from oneliner.adapters.tools.threads import ToolThreads
from oneliner.app.tools import BadArguments, ToolFailed, UnknownTool
from oneliner.domain.errors import Invalid, OneLinerError
from oneliner.domain.permits import Arguments
from oneliner.domain.text import clean

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence

    from pydantic_core import ErrorDetails

    from oneliner.adapters.tools.signature import Declared
    from oneliner.app.model import ToolSpec
    from oneliner.app.tools import CallContext
    from oneliner.domain.permits import CallPermit

DEFAULT_THREADS = 16
MAX_ERROR_CHARS = 2_000
# How long a tool that is told to stop has for its own clearing up.
_STOP_SECONDS = 1.0
_SHOWN_ERRORS = 8
_SHOWN_INPUT_CHARS = 80

_log = logging.getLogger("oneliner.tools")


class PythonTools:
    """The functions marked with ``@tool``. Synchronous ones share at most *threads* threads. *networks* is what their
    contexts say of networks beyond the public internet.

    Raises Invalid: a function that is not marked or cannot be a tool, two with one name.
    """

    def __init__(
        self,
        functions: Iterable[Callable[..., object]],
        *,
        threads: int = DEFAULT_THREADS,
        networks: Sequence[object] = (),
    ) -> None:
        self._declared: dict[str, Declared] = {}
        self._threads = ToolThreads(threads)
        self._networks = tuple(str(network) for network in networks)
        for function in functions:
            self._register(function)

    def specs(self) -> Sequence[ToolSpec]:
        """Every tool, in the order they were registered."""
        return [declared.spec for declared in self._declared.values()]

    def spec(self, name: str) -> ToolSpec:
        """The tool called *name*. Raises UnknownTool: there is none."""
        return self._find(name).spec

    def parse(self, name: str, arguments: str) -> Arguments:
        """The JSON text *arguments* as the values the function is called with, and as plain JSON, defaults filled in.

        No text at all stands for no arguments. Raises UnknownTool. Raises BadArguments: no JSON object, an unknown
        argument, a missing or a wrong one; the message says which and what is taken.
        """
        declared = self._find(name)
        with _failures_of(declared.spec.name):
            try:
                checked = declared.arguments.model_validate_json(arguments.strip() or "{}")
            except ValidationError as error:
                raise BadArguments(_explained(declared.spec, error)) from error
            # What has no JSON form of its own is judged by its text.
            said = checked.model_dump(mode="json", by_alias=True, fallback=str, warnings=False)
        return Arguments({parameter: getattr(checked, field) for field, parameter in declared.parameters}, said)

    async def call(self, permit: CallPermit, context: CallContext) -> str:
        """What the function returns for the permitted arguments, as text. Raises UnknownTool, ToolFailed."""
        declared = self._find(permit.tool)
        passed = dict(permit.arguments)
        if declared.context is not None:
            passed[declared.context] = replace(context, networks=self._networks)
        if declared.is_async:
            return await self._await(declared, passed)
        return await self._run_in_thread(declared, passed)

    async def close(self) -> None:
        """Nothing is held: a thread ends with its tool, and the process does not wait for it."""

    def _register(self, function: Callable[..., object]) -> None:
        mark = mark_of(function)
        if mark is None:
            raise Invalid(f"{function!r} is no tool; put @oneliner.tool above it")
        if mark.name in self._declared:
            other = self._declared[mark.name].function
            raise Invalid(
                f"two tools are called {mark.name!r}: {_place(other)} and {_place(function)}; "
                "give one another name with @tool(name=…)",
                tool=mark.name,
            )
        self._declared[mark.name] = declare(function, mark)

    def _find(self, name: str) -> Declared:
        declared = self._declared.get(name)
        if declared is None:
            raise UnknownTool(f"there is no tool {name!r}", tool=name)
        return declared

    async def _await(self, declared: Declared, passed: Mapping[str, object]) -> str:
        async def work() -> str:
            with _failures_of(declared.spec.name):
                return to_text(await cast("Awaitable[object]", declared.function(**passed)))

        # A task of its own: a tool that swallows its cancellation is left behind instead of holding the run.
        task = asyncio.create_task(work())
        task.add_done_callback(_look_at)
        try:
            await asyncio.wait({task}, timeout=declared.spec.timeout_seconds)
            if task.done():
                return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_STOP_SECONDS)
        what_now = "it was stopped" if task.done() else "it does not stop and may still be at work"
        raise _out_of_time(declared.spec, what_now)

    async def _run_in_thread(self, declared: Declared, passed: Mapping[str, object]) -> str:
        has_started = False

        def on_start() -> None:
            nonlocal has_started
            has_started = True

        def work() -> str:
            with _failures_of(declared.spec.name):
                return to_text(declared.function(**passed))

        try:
            async with asyncio.timeout(declared.spec.timeout_seconds):
                return await self._threads.run(work, on_start)
        except TimeoutError:
            if has_started:
                raise _out_of_time(declared.spec, "its thread cannot be stopped and may still be at work") from None
            busy = f"it was never started, because all {self._threads.limit} tool threads are busy"
            raise _out_of_time(declared.spec, busy) from None


@contextmanager
def _failures_of(name: str) -> Generator[None]:
    """Turns whatever the code of tool *name* raises into ToolFailed."""
    try:
        yield
    except ToolFailed:
        raise
    except OneLinerError as error:
        raise ToolFailed(f"tool {name!r} failed: {error.message}", tool=name) from error
    except asyncio.CancelledError:
        if _is_being_cancelled():
            raise
        # Nobody cancelled this call: something inside the tool was cancelled, and the tool let it through.
        raise ToolFailed(f"tool {name!r} failed: something it waited for was cancelled", tool=name) from None
    except (Exception, SystemExit) as error:
        # The one broad except: a tool is foreign code and may raise anything; a failed tool is an answer for the
        # model, never the end of the run or of the server.
        _log.warning("tool.raised", extra={"tool": name, "error": type(error).__name__, "at": _origin(error)})
        said = "".join(traceback.format_exception_only(error)).strip()
        raise ToolFailed(clean(f"tool {name!r} failed: {said[:MAX_ERROR_CHARS]}"), tool=name) from error


def _origin(error: BaseException) -> str:
    """File and line where *error* was raised; its message stays out of the log, for it may quote arguments."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _is_being_cancelled() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        # A thread without an event loop, where nobody cancels.
        return False
    return task is not None and task.cancelling() > 0


def _look_at(task: asyncio.Task[str]) -> None:
    """Sees the failure of a task that was left behind, so that it is not reported as one nobody looked at."""
    if not task.cancelled():
        task.exception()


def _out_of_time(spec: ToolSpec, what_now: str) -> ToolFailed:
    seconds = f"{spec.timeout_seconds:g}"
    return ToolFailed(f"tool {spec.name!r} did not finish within {seconds} seconds; {what_now}", tool=spec.name)


def _explained(spec: ToolSpec, error: ValidationError) -> str:
    errors = error.errors(include_url=False, include_context=False)
    lines = [_line(e) for e in errors[:_SHOWN_ERRORS]]
    if len(errors) > _SHOWN_ERRORS:
        lines.append(f"and {len(errors) - _SHOWN_ERRORS} more")
    taken = ", ".join(cast("Mapping[str, object]", spec.parameters.get("properties", {}))) or "no arguments"
    return clean(f"the arguments of tool {spec.name!r} are not valid: {'; '.join(lines)}. It takes: {taken}")


def _line(error: ErrorDetails) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"unknown argument {where!r}"
    if error["type"] == "missing":
        return f"{where!r} is missing"
    given = repr(error["input"])
    shown = given if len(given) <= _SHOWN_INPUT_CHARS else f"{given[:_SHOWN_INPUT_CHARS]}…"
    return f"{where + ': ' if where else ''}{error['msg']} (given: {shown})"


def _place(function: Callable[..., object]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
