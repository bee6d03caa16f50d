"""A server that is killed, hangs, lies and makes noise: each is a typed error, and the next call works."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.adapters.mcp.conftest import bad_server, call

from oneliner.app.mcp import McpState
from oneliner.app.tools import BadArguments, OutcomeUnknown, ToolFailed, UnknownTool
from oneliner.domain.errors import Invalid
from oneliner.domain.mcp_server import server_from_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.adapters.mcp.conftest import Connect

    from oneliner.adapters.tools.mcp.servers import McpTools
    from oneliner.app.mcp import McpHealth


def health(tools: McpTools, name: str = "bad") -> McpHealth:
    found = tools.health(name)
    assert found
    return found


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(0.02)


async def works(tools: McpTools) -> None:
    assert await call(tools, "bad__echo", '{"text": "still here"}') == "still here"


async def test_a_server_that_dies_during_a_call_leaves_its_outcome_unknown(connect: Connect) -> None:
    tools = await connect(bad_server())
    with pytest.raises(OutcomeUnknown, match="went away during the call"):
        await call(tools, "bad__die")
    await works(tools)
    assert health(tools).reconnects == 1


async def test_a_tool_that_may_be_repeated_has_merely_failed(connect: Connect) -> None:
    tools = await connect(bad_server(idempotent=["die"]))
    with pytest.raises(ToolFailed, match="went away") as failed:
        await call(tools, "bad__die")
    assert not isinstance(failed.value, OutcomeUnknown)
    await works(tools)


async def test_a_call_that_hangs_ends_at_its_time_limit_and_others_go_on(connect: Connect) -> None:
    tools = await connect(bad_server(call_seconds=5))
    hanging = asyncio.ensure_future(call(tools, "bad__hang"))
    await works(tools)
    with pytest.raises(ToolFailed, match="did not finish within 5 seconds"):
        await hanging
    await works(tools)
    assert health(tools).reconnects == 0


async def test_an_answer_to_another_question_is_no_answer(connect: Connect) -> None:
    tools = await connect(bad_server(call_seconds=1))
    with pytest.raises(ToolFailed, match="did not finish within 1 seconds"):
        await call(tools, "bad__wrong_id")


@pytest.mark.parametrize(
    ("tool", "why"),
    [
        ("lie", "does not fit its own schema"),
        ("nothing", "promised structured content"),
        ("odd", "not what the protocol"),
    ],
)
async def test_a_result_that_is_not_what_was_promised_is_an_error(connect: Connect, tool: str, why: str) -> None:
    tools = await connect(bad_server())
    with pytest.raises(ToolFailed, match=why):
        await call(tools, f"bad__{tool}")
    await works(tools)


async def test_twenty_megabytes_are_cut(connect: Connect) -> None:
    tools = await connect(bad_server())
    text = await call(tools, "bad__huge")
    assert len(text) == 100_000
    assert "[truncated: the result has 20000000 characters" in text


async def test_what_is_no_message_is_passed_over(connect: Connect) -> None:
    tools = await connect(bad_server())
    assert await call(tools, "bad__garbage") == "after the garbage"
    await works(tools)


async def test_a_tool_whose_schema_cannot_be_used_is_not_offered(connect: Connect) -> None:
    tools = await connect(bad_server())
    refused = {tool.name: tool.why for tool in health(tools).refused}
    assert set(refused) == {"bad_schema", "far_schema"}
    assert "elsewhere" in refused["far_schema"]
    with pytest.raises(UnknownTool):
        tools.parse("bad__bad_schema", "{}")
    with pytest.raises(ToolFailed, match="its schema cannot be used"):
        tools.parse("bad__loop", '{"x": 1}')


@pytest.mark.parametrize(
    ("given", "why"), [("[]", "no JSON object"), ("{", "no usable JSON"), ('{"text": 3}', "not valid")]
)
async def test_arguments_that_do_not_fit_are_never_sent(connect: Connect, given: str, why: str) -> None:
    tools = await connect(bad_server())
    with pytest.raises(BadArguments, match=why):
        tools.parse("bad__echo", given)


async def test_a_change_of_its_tools_is_followed(connect: Connect) -> None:
    tools = await connect(bad_server())
    before = tools.specs()
    await call(tools, "bad__grow")
    await until(lambda: "bad__grown" in {spec.name for spec in tools.specs()})
    assert "bad__grown" not in {spec.name for spec in before}


async def test_hints_count_for_nothing_unless_they_are_trusted(connect: Connect) -> None:
    tools = await connect(bad_server(), bad_server("trusted", trust_hints=True), bad_server("told", read_only=["ec*"]))
    assert [tools.spec(f"{name}__order").read_only for name in ("bad", "trusted", "told")] == [False, True, False]
    assert tools.spec("told__echo").read_only


async def test_only_the_tools_that_are_configured_are_offered(connect: Connect) -> None:
    tools = await connect(bad_server(tools=["echo", "h*"]))
    assert [spec.name for spec in tools.specs()] == ["bad__echo", "bad__hang", "bad__huge"]


async def test_a_command_gets_a_small_environment_and_its_secrets_come_back_as_nothing(connect: Connect) -> None:
    secret = "canary-6f1c2d"
    os.environ["ONELINER_TEST_CANARY"] = "must not be inherited"
    try:
        server = bad_server(env={"API_KEY": "${SOME_KEY}"})
        tools = await connect(server, environment={"SOME_KEY": secret})
        told = await call(tools, "bad__environment")
    finally:
        del os.environ["ONELINER_TEST_CANARY"]
    assert json.loads(told)["API_KEY"] == "[redacted]"
    assert secret not in told
    assert "CANARY" not in told


async def test_a_list_that_breaks_the_protocol_is_not_believed_at_all(connect: Connect) -> None:
    tools = await connect(bad_server("bad", "--no-object"))
    assert health(tools).state is McpState.FAILED
    assert "not what the protocol says" in health(tools).error
    assert list(tools.specs()) == []


async def test_a_missing_secret_is_named(connect: Connect) -> None:
    tools = await connect(bad_server(env={"API_KEY": "${SOME_KEY}"}))
    assert (health(tools).state, health(tools).error) == (
        McpState.FAILED,
        "the environment variable SOME_KEY is not set",
    )


@pytest.mark.parametrize(
    ("server", "why"),
    [
        ({"command": "/nowhere/at-all"}, "there is no command '/nowhere/at-all'"),
        ({"command": "sh", "args": ["-c", "echo no licence >&2; exit 3"]}, "it said 'no licence'"),
        ({"command": "sh", "args": ["-c", "exec sleep 600"], "connect_seconds": 0.5}, "within 0.5 seconds"),
        ({"url": "http://127.0.0.1:1/mcp"}, "ConnectError"),
    ],
)
async def test_a_server_that_cannot_be_reached_says_why(connect: Connect, server: dict[str, object], why: str) -> None:
    tools = await connect(server_from_json("gone", server))
    assert health(tools, "gone").state is McpState.FAILED
    assert why in health(tools, "gone").error


async def test_a_call_of_a_lost_server_says_that_it_is_lost(connect: Connect, tmp_path: object) -> None:
    flag = f"{tmp_path}/once"
    script = f'if [ -e {flag} ]; then echo gone >&2; exit 1; fi; touch {flag}; exec "$0" "$@"'
    base = bad_server()
    server = server_from_json(
        "bad", {"command": "sh", "args": ["-c", script, base.command, *base.args], "call_seconds": 1.5}
    )
    tools = await connect(server)
    with pytest.raises(OutcomeUnknown):
        await call(tools, "bad__die")
    with pytest.raises(ToolFailed, match=r"could not be reached within 1.5 seconds.*it said 'gone'"):
        await call(tools, "bad__echo", '{"text": "x"}')
    assert "bad__echo" in {spec.name for spec in tools.specs()}


async def test_the_processes_of_a_command_end_with_it(connect: Connect) -> None:
    tools = await connect(bad_server())
    child = int(await call(tools, "bad__spawn"))
    await tools.close()
    await until(lambda: not _is_alive(child))
    assert list(tools.specs()) == []


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_a_changed_configuration_takes_effect_and_leaves_the_rest_alone(connect: Connect) -> None:
    tools = await connect(bad_server("one"), bad_server("two"))
    await tools.use([bad_server("two"), bad_server("three"), bad_server("four", enabled=False)])
    for name in ("two", "three"):
        await tools.settled(name)
    assert {spec.name.partition("__")[0] for spec in tools.specs()} == {"two", "three"}
    assert health(tools, "four").state is McpState.DISABLED
    with pytest.raises(UnknownTool):
        await call(tools, "one__echo", '{"text": "x"}')


async def test_without_the_extra_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from oneliner.adapters.tools.mcp import servers

    def missing(name: str) -> object:
        raise ImportError(name)

    monkeypatch.setattr(servers, "import_module", missing)
    tools = servers.McpTools({})
    await tools.use([])
    with pytest.raises(Invalid, match=r"pip install 'oneliner\[mcp\]'"):
        await tools.use([bad_server()])


async def test_a_server_that_dies_while_nobody_calls_is_started_again(connect: Connect) -> None:
    tools = await connect(bad_server())
    os.kill(int(await call(tools, "bad__pid")), signal.SIGKILL)
    await until(lambda: health(tools).reconnects == 1 and health(tools).state is McpState.READY)
    await works(tools)
