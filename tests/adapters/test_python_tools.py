"""Python functions as tools: what the model is told, what is checked, what comes back, and what fails how."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator  # noqa: TC003 - tools' annotations are looked at while the test runs
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field, field_validator

import oneliner
from oneliner import ToolContext
from oneliner.adapters.tools.builtin import BUILTIN_TOOLS
from oneliner.adapters.tools.combined import CombinedTools
from oneliner.adapters.tools.python_tools import PythonTools
from oneliner.adapters.tools.result import MAX_RESULT_CHARS
from oneliner.app.tools import BadArguments, CallContext, ToolFailed, UnknownTool
from oneliner.domain.errors import Invalid, NotFound
from oneliner.testing import call_permit

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTEXT = CallContext("run", "session", "ada", "p1", "key-1", "main")


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Point(BaseModel):
    x: int
    y: int = 0


@dataclass
class Box:
    width: int
    made: date


async def answer(function: Callable[..., object], arguments: str = "{}") -> str:
    """What the tool made of *function* says to *arguments*."""
    tools = PythonTools([function])
    name = tools.specs()[0].name
    return await tools.call(call_permit(tools, name, arguments), CONTEXT)


async def failure(function: Callable[..., object], arguments: str = "{}") -> str:
    with pytest.raises(ToolFailed) as failed:
        await answer(function, arguments)
    return failed.value.message


def parameters(function: Callable[..., object]) -> Mapping[str, Any]:
    schema = PythonTools([function]).specs()[0].parameters
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


@oneliner.tool
async def search(query: str, limit: int = 5) -> list[str]:
    """Search the accounts
    of the project.

    More that the model is not told.

    Args:
        query: What to look for,
            in any language.
        limit: How many at most.
    """
    return [query] * limit


def test_a_spec_comes_from_signature_and_docstring() -> None:
    spec = PythonTools([search]).spec("search")
    assert spec.description == "Search the accounts of the project."
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "What to look for,\nin any language."},
            "limit": {"type": "integer", "description": "How many at most.", "default": 5},
        },
        "required": ["query"],
        "additionalProperties": False,
    }
    assert (spec.read_only, spec.idempotent, spec.timeout_seconds) == (False, False, 60.0)


def test_the_marked_function_stays_an_ordinary_function() -> None:
    assert asyncio.run(search("a", 2)) == ["a", "a"]


def test_options_reach_the_spec() -> None:
    @oneliner.tool(name="look-up", read_only=True, idempotent=True, timeout_seconds=3)
    def find(key: str) -> str:
        return key

    spec = PythonTools([find]).spec("look-up")
    assert (spec.read_only, spec.idempotent, spec.timeout_seconds) == (True, True, 3)
    assert spec.description == "look-up"


def test_sphinx_and_numpy_docstrings_describe_arguments_too() -> None:
    @oneliner.tool
    def sphinx(amount: int) -> None:
        """Pay.

        :param amount: In cents.
        """

    @oneliner.tool
    def numpy(amount: int) -> None:
        """Pay.

        Parameters
        ----------
        amount : int
            In cents.
        """

    for function in (sphinx, numpy):
        assert parameters(function)["properties"]["amount"]["description"] == "In cents."


def test_a_field_says_more_than_the_docstring() -> None:
    @oneliner.tool
    def pay(
        amount: Annotated[int, Field(gt=0, description="Cents")],
        to: str = Field(default="ada", max_length=5, description="A name"),
    ) -> str:
        """Pay.

        Args:
            amount: from the docstring
            to: from the docstring
        """
        return f"{amount} to {to}"

    properties = parameters(pay)["properties"]
    assert properties["amount"] == {"type": "integer", "exclusiveMinimum": 0, "description": "Cents"}
    assert properties["to"] == {"type": "string", "default": "ada", "maxLength": 5, "description": "A name"}


async def test_a_default_in_a_field_is_passed_as_the_value() -> None:
    @oneliner.tool
    def greet(name: str = Field(default="ada")) -> str:
        return name

    assert await answer(greet) == "ada"


async def test_rich_types_arrive_as_themselves() -> None:
    @oneliner.tool
    async def draw(
        at: Point, colours: list[Colour], when: datetime, mode: Literal["fill", "line"], note: str | None = None
    ) -> dict[str, object]:
        assert isinstance(at, Point)
        assert isinstance(when, datetime)
        return {"at": at, "colours": colours, "when": when, "mode": mode, "note": note}

    schema = parameters(draw)
    assert schema["required"] == ["at", "colours", "when", "mode"]
    said = await answer(draw, '{"at": {"x": "3"}, "colours": ["red"], "when": "2026-01-02T03:04:05Z", "mode": "fill"}')
    assert json.loads(said) == {
        "at": {"x": 3, "y": 0},
        "colours": ["red"],
        "when": "2026-01-02T03:04:05+00:00",
        "mode": "fill",
        "note": None,
    }


async def test_any_parameter_name_works() -> None:
    @oneliner.tool
    def odd(json: str, schema: str, model_config: str, copy: str, _private: str, p0: str, self: str) -> str:
        return f"{json} {schema} {model_config} {copy} {_private} {p0} {self}"

    names = ["json", "schema", "model_config", "copy", "_private", "p0", "self"]
    assert list(parameters(odd)["properties"]) == names
    assert await answer(odd, json.dumps({name: name.upper() for name in names})) == " ".join(names).upper()


async def test_the_context_is_filled_in_and_not_shown() -> None:
    @oneliner.tool
    def whoami(greeting: str, context: ToolContext) -> str:
        return f"{greeting} {context.user_id} {context.idempotency_key}"

    @oneliner.tool
    async def maybe(context: ToolContext | None = None) -> str:
        return context.run_id if context else "none"

    assert list(parameters(whoami)["properties"]) == ["greeting"]
    assert await answer(whoami, '{"greeting": "hi"}') == "hi ada key-1"
    assert await answer(maybe) == "run"
    with pytest.raises(BadArguments, match="unknown argument 'context'"):
        PythonTools([whoami]).parse("whoami", '{"greeting": "hi", "context": {"user_id": "eve"}}')


async def test_no_text_stands_for_no_arguments() -> None:
    @oneliner.tool
    def ping() -> str:
        return "pong"

    assert parameters(ping) == {"type": "object", "properties": {}, "additionalProperties": False}
    assert await answer(ping, "") == "pong"
    assert await answer(ping, " {} ") == "pong"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("{", "Invalid JSON"),
        ("[]", "object"),
        ("null", "object"),
        ('"text"', "object"),
        ("{}", "'query' is missing"),
        ('{"query": "a", "limit": "many"}', "limit: Input should be a valid integer"),
        ('{"query": "a", "limit": "many"}', "(given: 'many')"),
        ('{"query": null}', "query: Input should be a valid string"),
        ('{"query": "a", "p1": 3}', "unknown argument 'p1'"),
        ('{"query": "a", "x": 1}', "It takes: query, limit"),
        ('{"query": "\\ud800"}', "Invalid JSON"),
        ("[" * 100_000, "Invalid JSON"),
        ('{"query": ' + "1" * 5_000 + "}", "query"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_in_words(arguments: str, said: str) -> None:
    with pytest.raises(BadArguments) as refused:
        PythonTools([search]).parse("search", arguments)
    assert said in refused.value.message
    assert len(refused.value.message) < 1_000


def test_many_errors_are_told_in_few_lines() -> None:
    with pytest.raises(BadArguments, match="and 33 more"):
        PythonTools([search]).parse("search", json.dumps({f"x{n}": n for n in range(40)}))


def test_arguments_carry_their_defaults() -> None:
    assert PythonTools([search]).parse("search", '{"query": "a"}').values == {"query": "a", "limit": 5}


async def test_a_mutable_default_is_not_shared_between_calls() -> None:
    @oneliner.tool
    def grow(items: list[int] = []) -> list[int]:  # noqa: B006 - what is tested
        items.append(1)
        return items

    tools = PythonTools([grow])
    for _ in range(2):
        assert await tools.call(call_permit(tools, "grow", "{}"), CONTEXT) == "[1]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a\x00b\ud800", "ab\ufffd"),
        (None, "null"),
        ({"a": 1, 2: "b"}, '{"a":1,"2":"b"}'),
        ([Point(x=1)], '[{"x":1,"y":0}]'),
        (Box(2, date(2026, 1, 2)), '{"width":2,"made":"2026-01-02"}'),
        ((1, {3}), "[1,[3]]"),
        (Decimal("1.10"), '"1.10"'),
        (datetime(2026, 1, 2, tzinfo=UTC), '"2026-01-02T00:00:00+00:00"'),
        (b"bytes", '"bytes"'),
        (2**70, "1180591620717411303424"),
        (["\ud800"], '["\ufffd"]'),
    ],
)
async def test_a_result_becomes_text(value: object, text: str) -> None:
    @oneliner.tool
    def give() -> object:
        return value

    @oneliner.tool
    async def give_later() -> object:
        return value

    assert await answer(give) == text
    assert await answer(give_later) == text


async def test_a_result_without_a_json_form_is_a_failure() -> None:
    @oneliner.tool
    def loop() -> object:
        circle: list[object] = []
        circle.append(circle)
        return circle

    assert "has no JSON form" in await failure(loop)


async def test_a_long_result_is_cut_visibly() -> None:
    @oneliner.tool
    def shout() -> str:
        return "x" * 20_000_000

    said = await answer(shout)
    assert len(said) == MAX_RESULT_CHARS
    assert said.endswith("[truncated: the result has 20000000 characters, and this is the beginning of it]")


class OddError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("no such account"), "tool 'burst' failed: ValueError: no such account"),
        (KeyError("k"), "KeyError: 'k'"),
        (TimeoutError("the bank did not answer"), "TimeoutError: the bank did not answer"),
        (SystemExit(3), "SystemExit: 3"),
        (StopIteration(), "StopIteration"),
        (RecursionError("deep"), "RecursionError"),
        (NotFound("account", "a1"), "tool 'burst' failed: no account 'a1'"),
        (ToolFailed("just so"), "just so"),
        (asyncio.CancelledError(), "was cancelled"),
        (OddError(), "OddError"),
        (ValueError("nul\x00"), "ValueError: nul"),
    ],
)
@pytest.mark.parametrize("is_async", [True, False])
async def test_whatever_a_tool_raises_is_a_failure_with_type_and_message(
    error: BaseException,
    said: str,
    is_async: bool,  # noqa: FBT001 - a parameter of the matrix
) -> None:
    @oneliner.tool
    def burst() -> None:
        raise error

    @oneliner.tool(name="burst")
    async def burst_later() -> None:
        raise error

    assert said in await failure(burst_later if is_async else burst)


async def test_a_thread_that_tries_to_end_the_process_is_a_failure() -> None:
    @oneliner.tool
    def interrupt() -> None:
        raise KeyboardInterrupt

    assert "KeyboardInterrupt" in await failure(interrupt)


async def test_a_long_error_message_is_cut() -> None:
    @oneliner.tool
    def burst() -> None:
        raise ValueError("x" * 1_000_000)

    assert len(await failure(burst)) < 3_000


async def test_a_validator_that_breaks_is_a_failure_of_the_tool() -> None:
    class Broken(BaseModel):
        key: str

        @field_validator("key")
        @classmethod
        def look_up(cls, key: str) -> str:
            return {"a": "b"}[key]

    @oneliner.tool
    def use(value: Annotated[Any, Field()]) -> str:
        return str(value)

    use.__annotations__["value"] = Broken
    assert "KeyError: 'zz'" in await failure(use, '{"value": {"key": "zz"}}')


async def test_an_async_tool_that_runs_out_of_time_is_stopped() -> None:
    stopped = asyncio.Event()

    @oneliner.tool(timeout_seconds=0.05)
    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    assert await failure(hang) == "tool 'hang' did not finish within 0.05 seconds; it was stopped"
    assert stopped.is_set()


async def test_an_async_tool_that_swallows_its_cancellation_does_not_hold_the_run() -> None:
    release = asyncio.Event()

    @oneliner.tool(timeout_seconds=0.05)
    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    assert "does not stop and may still be at work" in await failure(stubborn)
    release.set()


async def test_cancelling_the_call_cancels_the_tool() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    @oneliner.tool
    async def wait() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    call = asyncio.create_task(answer(wait))
    await started.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert cancelled.is_set()


async def test_sync_tools_do_not_block_the_loop_and_their_threads_are_bounded() -> None:
    release, running = threading.Event(), threading.Semaphore(0)

    @oneliner.tool
    def hold() -> str:
        running.release()
        assert release.wait(30)
        return "done"

    @oneliner.tool(timeout_seconds=0.05)
    def quick() -> str:
        return "quick"

    tools = PythonTools([hold, quick], threads=2)
    held = [asyncio.create_task(tools.call(call_permit(tools, "hold"), CONTEXT)) for _ in range(2)]
    for _ in held:
        assert await asyncio.to_thread(running.acquire, timeout=30)
    with pytest.raises(ToolFailed, match="never started, because all 2 tool threads are busy"):
        await tools.call(call_permit(tools, "quick"), CONTEXT)
    release.set()
    assert await asyncio.gather(*held) == ["done", "done"]
    assert await tools.call(call_permit(tools, "quick"), CONTEXT) == "quick"


async def test_a_sync_tool_that_runs_out_of_time_keeps_its_thread_until_it_ends() -> None:
    release, ended = threading.Event(), threading.Event()

    @oneliner.tool(timeout_seconds=0.05)
    def hang() -> None:
        release.wait(30)
        ended.set()

    @oneliner.tool(timeout_seconds=30)
    def quick() -> str:
        return "quick"

    tools = PythonTools([hang, quick], threads=1)
    with pytest.raises(ToolFailed, match=r"within 0\.05 seconds; its thread cannot be stopped"):
        await tools.call(call_permit(tools, "hang"), CONTEXT)
    waiting = asyncio.create_task(tools.call(call_permit(tools, "quick"), CONTEXT))
    release.set()
    assert await waiting == "quick"
    assert ended.is_set()


def test_a_tool_that_hangs_does_not_keep_the_loop_or_its_thread_from_ending() -> None:
    release = threading.Event()

    @oneliner.tool(timeout_seconds=0.05)
    def hang() -> None:
        release.wait(30)

    assert "cannot be stopped" in asyncio.run(failure(hang))
    thread = next(t for t in threading.enumerate() if t.name == "oneliner-tool" and t.daemon)
    # Its loop is closed by now: the end of the thread must not raise anywhere.
    release.set()
    thread.join(30)
    assert not thread.is_alive()


def untyped(query) -> str:  # noqa: ANN001 # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]
    return str(query)


def starred(*queries: str) -> str:
    return " ".join(queries)


def keywords(**queries: str) -> str:
    return " ".join(queries)


def positional(query: str, /) -> str:
    return query


def unknown_name(query: Undefined) -> str:  # noqa: F821 # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType]
    return str(query)


def unknown_type(event: threading.Event) -> str:
    return str(event)


def no_schema(callback: Callable[[], None]) -> str:
    return str(callback)


def two_contexts(one: ToolContext, other: ToolContext) -> str:
    return one.run_id + other.run_id


def yielding() -> Iterator[int]:
    yield 1


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (untyped, "parameter 'query' has no type; write for example query: str"),
        (starred, "takes named parameters only"),
        (keywords, "takes named parameters only"),
        (positional, "takes named parameters only"),
        (unknown_name, "'Undefined', which its module does not have at run time"),
        (unknown_type, "a parameter's type cannot be checked"),
        (no_schema, "has no JSON Schema"),
        (two_contexts, "one and other both take the ToolContext"),
        (yielding, "it yields; return the whole result"),
    ],
)
def test_a_function_that_cannot_be_a_tool_is_refused_with_what_to_do(
    function: Callable[..., object], said: str
) -> None:
    with pytest.raises(Invalid) as refused:
        PythonTools([oneliner.tool(function)])
    assert refused.value.message.startswith(f"tool {function.__name__!r} cannot be registered: ")
    assert said in refused.value.message


def test_a_function_without_the_mark_is_refused() -> None:
    with pytest.raises(Invalid, match=r"put @oneliner\.tool above it"):
        PythonTools([starred.__call__])


def test_bad_options_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no name for a tool"):
        oneliner.tool(name="two words")(starred)
    with pytest.raises(ValueError, match="must be positive"):
        oneliner.tool(timeout_seconds=0)(starred)
    with pytest.raises(TypeError, match="goes on a function"):
        oneliner.tool(Point)


async def test_a_wrapped_function_is_a_tool_with_the_inner_signature() -> None:
    def loud(function: Callable[..., str]) -> Callable[..., str]:
        @wraps(function)
        def wrapper(*args: object, **kwargs: object) -> str:
            return function(*args, **kwargs).upper()

        return wrapper

    @oneliner.tool
    @loud
    def say(word: str) -> str:
        """Say it."""
        return word

    assert list(parameters(say)["properties"]) == ["word"]
    assert await answer(say, '{"word": "hey"}') == "HEY"


def test_two_tools_of_one_name_are_refused_by_their_places() -> None:
    @oneliner.tool(name="search")
    def other() -> None: ...

    with pytest.raises(Invalid) as refused:
        PythonTools([search, other])
    assert "two tools are called 'search'" in refused.value.message
    assert "test_python_tools.search" in refused.value.message


async def test_an_unknown_tool_is_told_everywhere() -> None:
    for tools in (PythonTools([search]), CombinedTools([PythonTools([search])])):
        with pytest.raises(UnknownTool, match="there is no tool 'nope'"):
            tools.spec("nope")
        with pytest.raises(UnknownTool):
            tools.parse("nope", "{}")
        with pytest.raises(UnknownTool):
            await tools.call(call_permit(tools, "nope"), CONTEXT)


async def test_several_sources_are_one() -> None:
    tools = CombinedTools([PythonTools([search]), PythonTools(BUILTIN_TOOLS)])
    assert [spec.name for spec in tools.specs()] == ["search", "current_time", "calculator"]
    permit = call_permit(tools, "calculator", '{"expression": "0.1 + 0.2"}')
    assert await tools.call(permit, CONTEXT) == "0.3"
    assert tools.spec("search").name == "search"
    await tools.close()


def test_two_sources_may_not_share_a_name() -> None:
    with pytest.raises(Invalid, match="two sources have a tool called 'search'"):
        CombinedTools([PythonTools([search]), PythonTools([search])])
