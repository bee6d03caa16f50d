"""Runs that use the tools of an MCP server: what becomes of them when it dies, and which list of tools they see."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.adapters.mcp.conftest import bad_server
from tests.support.engine import Options

from oneliner.adapters.tools.mcp.servers import McpTools
from oneliner.domain.run import Reason, RunStatus
from oneliner.testing import Call, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.app.conftest import Start
    from tests.support.engine import Engine

    from oneliner.domain.mcp_server import McpServer
    from oneliner.testing import ModelServer


@pytest.fixture
async def mcp() -> AsyncIterator[McpTools]:
    tools = McpTools({})
    yield tools
    await tools.close()


async def engine_with(start: Start, mcp: McpTools, *servers: McpServer) -> Engine:
    await mcp.use(servers)
    for server in servers:
        await mcp.settled(server.name)
    return await start(Options(more_tools=[mcp]))


async def test_a_run_uses_the_tools_of_a_server(start: Start, server: ModelServer, mcp: McpTools) -> None:
    engine = await engine_with(start, mcp, bad_server())
    server.script(Reply(tool_calls=[Call("bad__echo", {"text": "hi"})]), Reply("Done."))
    done = await engine.settled((await engine.chat("go")).id)
    assert done.run_status is RunStatus.DONE
    assert server.requests[-1].messages[-1]["content"] == "hi"


async def test_a_server_that_dies_during_a_call_blocks_the_run_until_a_person_says_what_came_of_it(
    start: Start, server: ModelServer, mcp: McpTools, tmp_path: Path
) -> None:
    remembered = tmp_path / "remembered"
    engine = await engine_with(start, mcp, bad_server(env={"REMEMBER": str(remembered)}))
    server.script(Reply(tool_calls=[Call("bad__remember"), Call("bad__echo", {"text": "hi"})]), Reply("Done."))
    run = await engine.settled((await engine.chat("go")).id)
    assert (run.run_status, run.reason) == (RunStatus.BLOCKED, Reason.TOOL_OUTCOME_UNKNOWN)
    assert (await engine.calls(run.id))[0].state == "unknown"
    await engine.resume(run, {"decision": "treat_as_done", "note": "I looked"})
    done = await engine.settled(run.id)
    assert done.run_status is RunStatus.DONE
    assert remembered.read_text() == "x"
    assert "I looked" in str(server.requests[-1].messages)


async def test_a_failed_call_is_a_result_and_the_run_goes_on(start: Start, server: ModelServer, mcp: McpTools) -> None:
    engine = await engine_with(start, mcp, bad_server(idempotent=["die"]))
    calls = [Call("bad__die"), Call("bad__nobody"), Call("bad__echo", {"text": 3})]
    server.script(Reply(tool_calls=calls), Reply("I see."))
    done = await engine.settled((await engine.chat("go")).id)
    assert done.run_status is RunStatus.DONE
    said = [str(m["content"]) for m in server.requests[-1].messages if m["role"] == "tool"]
    assert "went away during the call" in said[0]
    assert "there is no tool" in said[1]
    assert "not valid" in said[2]


async def test_a_run_sees_the_tools_it_began_with_and_the_next_one_what_there_is_then(
    start: Start, server: ModelServer, mcp: McpTools
) -> None:
    engine = await engine_with(start, mcp, bad_server())
    server.script(Reply(tool_calls=[Call("bad__grow")]), Reply("Done."))
    await engine.settled((await engine.chat("go")).id)
    first, second = (_tools(request.body) for request in server.requests)
    assert first == second
    assert "bad__grown" not in first
    server.script(*[Reply("Done.")] * 50)
    seen: set[str] = set()
    while "bad__grown" not in seen:
        await engine.settled((await engine.chat("again")).id)
        seen = _tools(server.requests[-1].body)


async def test_only_what_is_known_to_read_is_on_offer_while_a_plan_is_drafted(
    start: Start, server: ModelServer, mcp: McpTools
) -> None:
    from oneliner.app.runs import Handoff

    engine = await engine_with(start, mcp, bad_server(), bad_server("safe", read_only=["echo"]))
    server.script(Reply(tool_calls=[Call("propose_plan", {"goal": "g", "steps": ["one"]})]))
    task = Handoff(title="t", source_screen="s", source_action_key="k", goal="g", draft=True)
    await engine.settled((await engine.hand_off(task)).id)
    offered = {name for name in _tools(server.requests[-1].body) if name.startswith(("bad__", "safe__"))}
    assert offered == {"safe__echo"}


def _tools(body: Mapping[str, object]) -> set[str]:
    listed = body["tools"]
    assert isinstance(listed, list)
    return {tool["function"]["name"] for tool in listed}
