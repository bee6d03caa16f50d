from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from oneliner.app.model import ToolSpec
from oneliner.app.tools import BadArguments, CallContext, ToolFailed, UnknownTool
from oneliner.domain.permits import Arguments
from oneliner.testing import again, call_tool, fresh_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.domain.permits import CallPermit

HALVE = ToolSpec("halve", "Half of a number.", {"type": "object", "properties": {"number": {"type": "integer"}}})


class Halving:
    """Tools with one tool, which notes for whom it was called."""

    def __init__(self) -> None:
        self.contexts: list[CallContext] = []

    def specs(self) -> Sequence[ToolSpec]:
        return [HALVE]

    def spec(self, name: str) -> ToolSpec:
        if name != HALVE.name:
            raise UnknownTool(f"there is no tool {name!r}")
        return HALVE

    def parse(self, name: str, arguments: str) -> Arguments:
        self.spec(name)
        parsed = json.loads(arguments)
        if not isinstance(parsed.get("number"), int):
            raise BadArguments("number is no integer")
        return Arguments(parsed, parsed)

    async def call(self, permit: CallPermit, context: CallContext) -> str:
        self.contexts.append(context)
        number = permit.arguments["number"]
        if not isinstance(number, int) or number % 2:
            raise ToolFailed(f"{permit.tool} takes even numbers")
        return str(number // 2)

    async def close(self) -> None:
        self.contexts.clear()


async def test_a_tool_is_called_through_its_schema_with_a_context_of_its_own() -> None:
    tools = Halving()
    assert await call_tool(tools, "halve", number=8) == "4"
    assert await call_tool(tools, "halve", number=6) == "3"
    assert tools.contexts[0].run_id != tools.contexts[1].run_id


async def test_a_context_can_be_given_and_continued_in_the_same_run() -> None:
    tools = Halving()
    context = fresh_context(user_id="ann", project_id="p1")
    await call_tool(tools, "halve", context, number=8)
    await call_tool(tools, "halve", again(context), number=8)
    first, second = tools.contexts
    assert (first.user_id, first.project_id, first.run_id) == ("ann", "p1", second.run_id)
    assert first.idempotency_key != second.idempotency_key


async def test_failures_are_the_ones_a_run_sees() -> None:
    tools = Halving()
    with pytest.raises(UnknownTool):
        await call_tool(tools, "double", number=8)
    with pytest.raises(BadArguments):
        await call_tool(tools, "halve", number="eight")
    with pytest.raises(ToolFailed):
        await call_tool(tools, "halve", number=7)
