"""Rules about tools in a run: what they deny does not happen, is told to the model, and is an event."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.support.engine import Options

import oneliner
from oneliner.app import governance, runs
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.run import RunStatus
from oneliner.domain.tool_rules import Condition, Operator, RuleBook, ToolRule, Verdict
from oneliner.domain.user import Authority, Caller
from oneliner.testing import Call, Held, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.app.conftest import Start
    from tests.support.engine import Engine

    from oneliner.testing import ModelServer

ADMIN = Caller("root", Authority.ADMIN)


@pytest.fixture
def paid() -> list[int]:
    return []


@pytest.fixture
def pay(paid: list[int]) -> Callable[..., object]:
    @oneliner.tool
    def pay(amount: int = 500) -> str:
        """Pay somebody."""
        paid.append(amount)
        return f"paid {amount}"

    return pay


async def set_rules(engine: Engine, *rules: ToolRule, default: Verdict | None = None) -> None:
    book = RuleBook(rules, default)
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", Rules(tools=book), None, caller=ADMIN)


def over_100(verdict: Verdict) -> ToolRule:
    return ToolRule("pay", verdict, (Condition("/amount", Operator.GT, 100),))


async def test_a_denied_call_does_not_happen_is_an_event_and_is_told_to_the_model(
    start: Start, server: ModelServer, pay: Callable[..., object], paid: list[int]
) -> None:
    engine = await start(Options(tools=[pay]))
    await set_rules(engine, over_100(Verdict.DENY))
    # As a number, as text that the tool would take for one, and left to the default: all are more than 100.
    hostile = [Call("pay", {"amount": 101}), Call("pay", {"amount": "102"}), Call("pay")]
    server.script(Reply(tool_calls=[Call("pay", {"amount": 7}), *hostile]), Reply("Paid what I may."))
    done = await engine.settled((await engine.chat("pay everybody")).id)
    assert done.run_status is RunStatus.DONE
    assert paid == [7]
    told = [e for e in await engine.events(done.id) if e.event_type == "tool.denied"]
    assert [e.details["layer"] for e in told] == ["system"] * 3
    results = [str(m["content"]) for m in server.requests[-1].messages if m["role"] == "tool"]
    assert [r.startswith("denied: the system layer's rule for 'pay'") for r in results] == [False, True, True, True]


async def test_when_every_call_is_denied_the_model_is_asked_again(
    start: Start, server: ModelServer, pay: Callable[..., object], paid: list[int]
) -> None:
    engine = await start(Options(tools=[pay]))
    await set_rules(engine, ToolRule("*", Verdict.DENY))
    server.script(Reply(tool_calls=[Call("pay"), Call("calculator", {"expression": "1+1"})]), Reply("I may not."))
    done = await engine.settled((await engine.chat("pay")).id)
    assert (done.run_status, done.result["text"], paid) == (RunStatus.DONE, "I may not.", [])


async def test_what_is_forbidden_while_the_model_thinks_does_not_happen(
    start: Start, server: ModelServer, pay: Callable[..., object], paid: list[int]
) -> None:
    engine = await start(Options(tools=[pay]))
    gate = asyncio.Event()
    server.script(
        Held(gate, Reply("Let me pay.", tool_calls=[Call("pay")]), after_chunks=1), Reply("I may not any more.")
    )
    run = await engine.chat("pay")
    await engine.until_writing(run.id)
    await set_rules(engine, ToolRule("pay", Verdict.DENY))
    gate.set()
    done = await engine.settled(run.id)
    assert (done.result["text"], paid) == ("I may not any more.", [])


async def test_a_draft_reads_nothing_that_is_denied(start: Start, server: ModelServer) -> None:
    read: list[str] = []

    @oneliner.tool(read_only=True)
    def look(path: str) -> str:
        """Look at a path."""
        read.append(path)
        return "a secret"

    engine = await start(Options(tools=[look]))
    await set_rules(engine, ToolRule("look", Verdict.DENY, (Condition("/path", Operator.LIKE, "/etc/*"),)))
    server.script(
        Reply(tool_calls=[Call("look", {"path": "/etc/passwd"})]),
        Reply(tool_calls=[Call("look", {"path": "/tmp/a"})]),
        Reply(tool_calls=[Call("propose_plan", {"goal": "g", "steps": ["one"]})]),
    )
    run = await engine.hand_off(runs.Handoff("a task", "home", "button", draft=True))
    planned = await engine.settled(run.id)
    assert (planned.run_status, read) == (RunStatus.NEEDS_CONFIRMATION, ["/tmp/a"])
    assert [t for t in await engine.types(run.id) if t.startswith("tool.")] == ["tool.denied", "tool.completed"]
