"""An agent of another framework as an executor: durable, under the rules, and on the bill."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.support.engine import Options

import oneliner
from oneliner.app import governance
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.run import ENDED, Reason, RunStatus
from oneliner.domain.tool_rules import RuleBook, ToolRule, Verdict
from oneliner.domain.user import Authority, Caller
from oneliner.testing import Call, Held, Reply

pytest.importorskip("pydantic_ai")

from examples.pydantic_ai_executor import reporter

if TYPE_CHECKING:
    from tests.app.conftest import Open, Start

    from oneliner.testing import ModelServer

ADMIN = Caller("root", Authority.ADMIN)
LOOK = Reply(tool_calls=[Call("look_up", {"what": "sky"})])
REPORT = Reply(tool_calls=[Call("final_result", {"headline": "The sky", "findings": ["It is blue."]})])
WRITTEN = "## The sky\n\n- It is blue."


class Looking:
    """A tool that changes something, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    @property
    def options(self) -> Options:
        @oneliner.tool
        def look_up(what: str) -> str:
            """Look something up."""
            self.asked.append(what)
            return f"{what} is blue"

        return Options(tools=[look_up], executors=[reporter], sweep_seconds=0.05)


@pytest.fixture
def looking() -> Looking:
    return Looking()


async def test_its_model_and_tools_are_those_of_the_run(start: Start, server: ModelServer, looking: Looking) -> None:
    engine = await start(looking.options)
    server.script(LOOK, REPORT)
    run = await engine.settled((await engine.chat("What colour?", executor="reporter")).id)
    assert (run.run_status, run.result["text"]) == (RunStatus.DONE, WRITTEN)
    assert looking.asked == ["sky"]
    assert {"look_up", "final_result"} <= {tool.name for tool in server.requests[0].tools}
    assert [m["role"] for m in server.requests[1].messages] == ["system", "user", "assistant", "tool"]
    assert server.requests[1].messages[-1]["content"] == "sky is blue"
    assert run.totals.tokens > 0


async def test_an_answer_that_does_not_fit_is_asked_for_again(
    start: Start, server: ModelServer, looking: Looking
) -> None:
    engine = await start(looking.options)
    server.script(Reply(tool_calls=[Call("final_result", {"headline": 7})]), REPORT)
    run = await engine.settled((await engine.chat("What colour?", executor="reporter")).id)
    assert run.result["text"] == WRITTEN
    assert "headline" in str(server.requests[1].messages[-1]["content"])


async def test_its_calls_wait_for_approval(start: Start, server: ModelServer, looking: Looking) -> None:
    engine = await start(looking.options)
    layer = Rules(tools=RuleBook((ToolRule("look_up", Verdict.ASK),)))
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", layer, None, caller=ADMIN)
    server.script(LOOK, REPORT)
    run = await engine.settled((await engine.chat("What colour?", executor="reporter")).id)
    assert (run.reason, looking.asked) == (Reason.NEEDS_APPROVAL, [])
    await engine.resume(run, {"decision": "allow_once"})
    assert (await engine.settled(run.id, ENDED)).result["text"] == WRITTEN
    assert (looking.asked, len(server.requests)) == (["sky"], 2)


async def test_a_lost_worker_is_replaced_and_nothing_is_asked_or_done_twice(
    open_engine: Open, server: ModelServer, looking: Looking
) -> None:
    first = await open_engine(looking.options)
    server.script(LOOK, Held(asyncio.Event(), Reply("The report is this."), after_chunks=1))
    run = await first.chat("What colour?", executor="reporter")
    await first.until_writing(run.id)
    await first.abandon()
    server.script(REPORT)
    second = await open_engine(looking.options)
    assert (await second.settled(run.id, ENDED)).result["text"] == WRITTEN
    assert (looking.asked, len(server.requests)) == (["sky"], 3)
