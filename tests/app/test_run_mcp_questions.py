"""A question that an MCP server asks during a call: the run waits for the user, outside of the call."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.adapters.mcp.conftest import bad_server
from tests.support import modern_mcp_server
from tests.support.engine import Engine, Options
from tests.support.redis import free_port

from oneliner.adapters.tools.mcp.servers import McpTools
from oneliner.domain.errors import Invalid
from oneliner.domain.mcp_server import server_from_json
from oneliner.domain.run import Reason, RunStatus
from oneliner.testing import Call, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.app.conftest import Start

    from oneliner.domain.mcp_server import McpServer
    from oneliner.domain.run import Run
    from oneliner.testing import ModelServer

MODERN = str(Path(modern_mcp_server.__file__))


@pytest.fixture
async def mcp() -> AsyncIterator[McpTools]:
    tools = McpTools({})
    yield tools
    await tools.close()


def modern(done: Path, **fields: object) -> McpServer:
    return server_from_json("shop", {"command": sys.executable, "args": [MODERN], "env": {"DONE": str(done)}, **fields})


async def asked(engine: Engine, server: ModelServer, tool: str) -> Run:
    server.script(Reply(tool_calls=[Call(tool)]), Reply("Done."))
    return await engine.settled((await engine.chat("go")).id)


async def use(mcp: McpTools, configured: McpServer) -> None:
    await mcp.use([configured])
    await mcp.settled(configured.name)


def told(server: ModelServer) -> str:
    return str(server.requests[-1].messages[-1]["content"])


async def test_the_user_answers_and_the_call_goes_on_where_it_was(
    start: Start, server: ModelServer, mcp: McpTools, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    await use(mcp, modern(done))
    engine = await start(Options(more_tools=[mcp]))
    run = await asked(engine, server, "shop__buy")
    assert (run.run_status, run.reason, run.needs_user_input) == (RunStatus.BLOCKED, Reason.NEEDS_ANSWER, True)
    assert (run.blocked["question"], run.blocked["tool"]) == ("shop asks: How many?", "shop__buy")
    assert not done.exists()
    with pytest.raises(Invalid, match="count"):
        await engine.resume(run, {"decision": "accept"})
    with pytest.raises(Invalid, match="count"):
        await engine.resume(run, {"decision": "accept", "count": 0})
    await engine.resume(run, {"decision": "accept", "count": 3})
    assert (await engine.settled(run.id)).run_status is RunStatus.DONE
    assert told(server) == "bought 3"
    assert done.read_text() == "bought\n"
    assert [(c.state, c.attempts) for c in await engine.calls(run.id)] == [("done", 2)]


async def test_a_user_who_declines_is_passed_on(
    start: Start, server: ModelServer, mcp: McpTools, tmp_path: Path
) -> None:
    await use(mcp, modern(tmp_path / "done"))
    engine = await start(Options(more_tools=[mcp]))
    run = await asked(engine, server, "shop__buy")
    await engine.resume(run, {"decision": "decline"})
    await engine.settled(run.id)
    assert told(server) == "bought nothing: decline"
    assert not (tmp_path / "done").exists()


async def test_a_question_outlives_the_process_and_the_server_that_asked(
    start: Start, server: ModelServer, mcp: McpTools, tmp_path: Path
) -> None:
    done = tmp_path / "done"
    await use(mcp, modern(done))
    first = await start(Options(more_tools=[mcp]))
    run = await asked(first, server, "shop__buy")
    await first.abandon()
    again = McpTools({})
    await use(again, modern(done))
    second = Engine(first.path, server.base_url, Options(more_tools=[again]))
    second.start()
    try:
        await second.resume(run, {"decision": "accept", "count": 1})
        assert (await second.settled(run.id)).run_status is RunStatus.DONE
    finally:
        await second.stop()
    assert done.read_text() == "bought\n"


async def test_an_address_to_open_is_shown_and_never_opened(
    start: Start, server: ModelServer, mcp: McpTools, tmp_path: Path
) -> None:
    await use(mcp, modern(tmp_path / "done"))
    engine = await start(Options(more_tools=[mcp]))
    run = await asked(engine, server, "shop__visit")
    assert run.blocked["question"] == "shop asks you to open https://x.example/ : Sign in"
    await engine.resume(run, {"decision": "accept"})
    await engine.settled(run.id)
    assert "visited" in told(server)


async def test_what_else_a_server_asks_for_it_does_not_get(
    start: Start, server: ModelServer, mcp: McpTools, tmp_path: Path
) -> None:
    await use(mcp, modern(tmp_path / "done"))
    engine = await start(Options(more_tools=[mcp]))
    run = await asked(engine, server, "shop__sample")
    assert run.run_status is RunStatus.DONE
    assert told(server) == "the server asks for sampling/createMessage, which it cannot have here"


async def test_a_server_of_the_era_before_is_called_again_from_the_start(
    start: Start, server: ModelServer, mcp: McpTools
) -> None:
    await use(mcp, bad_server(repeat_after_question=True))
    engine = await start(Options(more_tools=[mcp]))
    run = await asked(engine, server, "bad__order")
    assert run.blocked["question"] == "bad asks: Which size?"
    await engine.resume(run, {"decision": "accept", "size": "L"})
    await engine.settled(run.id)
    assert told(server) == 'ordered {"action": "accept", "content": {"size": "L"}}'


async def test_where_repeating_is_not_known_to_be_harmless_the_question_is_turned_down(
    start: Start, server: ModelServer, mcp: McpTools
) -> None:
    await use(mcp, bad_server())
    engine = await start(Options(more_tools=[mcp]))
    run = await asked(engine, server, "bad__order")
    assert run.run_status is RunStatus.DONE
    assert told(server) == 'ordered {"action": "cancel"}'


async def test_over_http_too(start: Start, server: ModelServer, mcp: McpTools, tmp_path: Path) -> None:
    done, port = tmp_path / "done", free_port()
    process = await serve(port, done)
    try:
        await use(mcp, server_from_json("shop", {"url": f"http://127.0.0.1:{port}/mcp"}))
        health: Any = mcp.health("shop")
        assert (health.protocol, health.error) == ("2026-07-28", "")
        engine = await start(Options(more_tools=[mcp]))
        run = await asked(engine, server, "shop__buy")
        await engine.resume(run, {"decision": "accept", "count": 2})
        await engine.settled(run.id)
        assert told(server) == "bought 2"
    finally:
        process.kill()
        await process.wait()


async def test_a_server_that_dies_over_http_leaves_its_outcome_unknown_and_is_reached_again(
    start: Start, server: ModelServer, mcp: McpTools, tmp_path: Path
) -> None:
    done, port = tmp_path / "done", free_port()
    process = await serve(port, done)
    await use(mcp, server_from_json("shop", {"url": f"http://127.0.0.1:{port}/mcp"}))
    engine = await start(Options(more_tools=[mcp]))
    server.script(Reply(tool_calls=[Call("shop__die")]))
    run = await engine.settled((await engine.chat("go")).id)
    assert (run.run_status, run.reason) == (RunStatus.BLOCKED, Reason.TOOL_OUTCOME_UNKNOWN)
    await process.wait()
    process = await serve(port, done)
    try:
        run = await asked(engine, server, "shop__buy")
        assert run.reason is Reason.NEEDS_ANSWER
    finally:
        process.kill()
        await process.wait()


async def serve(port: int, done: Path) -> asyncio.subprocess.Process:
    process = await asyncio.create_subprocess_exec(sys.executable, MODERN, str(port), env={"DONE": str(done)})
    async with asyncio.timeout(60):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return process
