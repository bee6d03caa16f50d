"""Executors: the main agent delegates to specialists, and all that holds for its work holds for theirs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.engine import ALICE, MODEL, OTHER_MODEL, Options

import oneliner
from oneliner.app import governance, runs, steering, usage
from oneliner.app.ports import Page, UsageFilter
from oneliner.domain.errors import PolicyDenied
from oneliner.domain.executor import Executor
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.run import ENDED, Reason, RunStatus
from oneliner.domain.tool_rules import Condition, Operator, RuleBook, ToolRule, Verdict
from oneliner.domain.user import Authority, Caller
from oneliner.testing import Call, Held, Refusal, Reply, server_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.app.conftest import Open, Start
    from tests.support.engine import Engine

    from oneliner.domain.run import Run
    from oneliner.testing import ModelServer

ADMIN = Caller("root", Authority.ADMIN)
RESEARCHER = Executor(
    name="researcher",
    description="finds things out",
    instructions="Look everything up.",
    tools=("look_*",),
    delegates_to=("*",),
)
PAYER = Executor(name="payer", description="pays", model=OTHER_MODEL, tools=("pay", "calculator"))
ONCE = {"decision": "allow_once"}


class Till:
    """Two tools, and what was done with them."""

    def __init__(self) -> None:
        self.done: list[tuple[str, str]] = []

    def tools(self) -> list[Callable[..., object]]:
        @oneliner.tool
        def pay(to: str, context: oneliner.ToolContext) -> str:
            """Pay somebody."""
            self.done.append((context.executor, to))
            return f"paid {to}"

        @oneliner.tool(read_only=True)
        def look_up(what: str, context: oneliner.ToolContext) -> str:
            """Look something up."""
            self.done.append((context.executor, what))
            return f"{what} is blue"

        return [pay, look_up]


@pytest.fixture
def till() -> Till:
    return Till()


@pytest.fixture
def options(till: Till) -> Options:
    return Options(tools=till.tools(), executors=[RESEARCHER, PAYER], sweep_seconds=0.05)


def delegate(executor: str, task: str, *, text: str = "") -> Reply:
    return Reply(text, tool_calls=[Call("delegate", {"executor": executor, "task": task})])


def look(what: str) -> Reply:
    return Reply(tool_calls=[Call("look_up", {"what": what})])


def pay(to: str) -> Reply:
    return Reply(tool_calls=[Call("pay", {"to": to})])


async def answered(engine: Engine, text: str = "go", **more: Any) -> Run:
    return await engine.settled((await engine.chat(text, **more)).id)


async def set_rules(engine: Engine, *rules: ToolRule, **more: Any) -> None:
    layer = Rules(tools=RuleBook(rules), **more)
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", layer, None, caller=ADMIN)


def rule(verdict: Verdict, executor: str) -> ToolRule:
    """A rule about delegating to *executor*."""
    return ToolRule("delegate", verdict, (Condition("/executor", Operator.EQ, executor),))


def shown(server: ModelServer, n: int) -> list[tuple[str, str]]:
    """What the model was shown in its call *n*, without the instructions."""
    return [(str(m["role"]), str(m["content"] or "")) for m in server.requests[n].messages[1:]]


def offered(server: ModelServer, n: int) -> set[str]:
    return {tool.name for tool in server.requests[n].tools}


async def told(engine: Engine, run: Run) -> list[tuple[str, str]]:
    """The events about tools, executors and answers, each with who it is about."""
    kinds = ("tool.", "executor.", "message.completed")
    return [
        (e.event_type, str(e.details.get("executor", "")))
        for e in await engine.events(run.id)
        if e.event_type.startswith(kinds)
    ]


async def test_a_specialist_does_what_is_delegated_and_its_answer_is_the_result(
    start: Start, server: ModelServer, options: Options, till: Till
) -> None:
    engine = await start(options)
    server.script(delegate("researcher", "The sky?"), look("the sky"), Reply("Blue."), Reply("It is blue."))
    run = await answered(engine, "What colour is the sky?")
    assert (run.run_status, run.result["text"]) == (RunStatus.DONE, "It is blue.")
    assert till.done == [("researcher", "the sky")]
    assert shown(server, 1) == [("user", "The sky?")]
    assert "Look everything up." in str(server.requests[1].messages[0]["content"])
    assert shown(server, 2)[1:] == [("assistant", ""), ("tool", "the sky is blue")]
    assert shown(server, 3) == [("user", "What colour is the sky?"), ("assistant", ""), ("tool", "Blue.")]
    assert offered(server, 1) == {"ask_user", "look_up", "delegate"}
    assert await told(engine, run) == [
        ("message.completed", "main"),
        ("tool.started", "main"),
        ("executor.started", "researcher"),
        ("message.completed", "researcher"),
        ("tool.started", "researcher"),
        ("tool.completed", ""),
        ("message.completed", "researcher"),
        ("tool.completed", ""),
        ("executor.finished", "researcher"),
        ("message.completed", "main"),
    ]


async def test_who_is_at_work_stands_on_the_run(start: Start, server: ModelServer, options: Options) -> None:
    engine = await start(options)
    gate = asyncio.Event()
    server.script(delegate("researcher", "x"), Held(gate, Reply("Found."), after_chunks=1), Reply("Done."))
    run = await engine.chat("go")
    await engine.until_writing(run.id)
    at_work = await engine.get(run.id)
    assert (at_work.executor, at_work.active_executor_key) == ("main", "researcher")
    gate.set()
    done = await engine.settled(run.id)
    assert (done.executor, done.active_executor_key) == ("main", "main")


async def test_what_specialists_use_is_on_their_bill(start: Start, server: ModelServer, options: Options) -> None:
    engine = await start(options)
    server.script(delegate("payer", "x"), Reply("Paid.", usage=(100, 10, 0)), Reply("Done."))
    run = await answered(engine)
    only = UsageFilter(0, 2**53)
    by = usage.GroupBy.EXECUTOR
    lines, _ = await engine.database.read(lambda tx: usage.bill(tx, ALICE, by, only, Page(10)))
    by_executor = {line.key: line.totals for line in lines}
    assert set(by_executor) == {"main", "payer"}
    # Of another model, ten times the price.
    assert by_executor["payer"].cost_nanos == 100 * 10_000 + 10 * 20_000
    assert sum(t.cost_nanos for t in by_executor.values()) == run.totals.cost_nanos
    assert [m.model for m in await engine.messages(run.session_id) if m.executor == "payer" and m.model] == [
        OTHER_MODEL
    ]


async def test_several_are_asked_one_after_another_behind_the_tools(
    start: Start, server: ModelServer, options: Options
) -> None:
    engine = await start(options)
    calls = [
        Call("delegate", {"executor": "researcher", "task": "one"}),
        Call("look_up", {"what": "here"}),
        Call("delegate", {"executor": "researcher", "task": "two"}),
    ]
    server.script(Reply(tool_calls=calls), Reply("First."), Reply("Second."), Reply("Done."))
    run = await answered(engine)
    assert run.run_status is RunStatus.DONE
    assert [shown(server, n)[0] for n in (1, 2)] == [("user", "one"), ("user", "two")]
    assert [text for role, text in shown(server, 3) if role == "tool"] == ["First.", "here is blue", "Second."]


async def test_a_later_run_sees_nothing_of_what_specialists_said(
    start: Start, server: ModelServer, options: Options
) -> None:
    engine = await start(options)
    server.script(delegate("researcher", "secretly"), look("x"), Reply("Inner."), Reply("Outer."), Reply("Again."))
    first = await answered(engine)
    await answered(engine, "more", session_id=first.session_id)
    assert shown(server, -1) == [
        ("user", "go"),
        ("assistant", ""),
        ("tool", "Inner."),
        ("assistant", "Outer."),
        ("user", "more"),
    ]


async def test_a_specialist_has_its_own_tools_and_no_others(
    start: Start, server: ModelServer, options: Options, till: Till
) -> None:
    engine = await start(options)
    server.script(delegate("researcher", "pay"), pay("eve"), Reply("I cannot."), Reply("Done."))
    assert (await answered(engine)).run_status is RunStatus.DONE
    assert till.done == []
    assert shown(server, 2)[-1] == ("tool", "there is no tool 'pay'")


async def test_nobody_is_asked_who_is_not_there(start: Start, server: ModelServer, options: Options) -> None:
    engine = await start(options)
    server.script(delegate("wizard", "x"), Reply("Done."))
    assert (await answered(engine)).run_status is RunStatus.DONE
    assert "wizard" in shown(server, 1)[-1][1]


async def test_without_specialists_there_is_nothing_to_delegate_with(engine: Engine, server: ModelServer) -> None:
    server.script(delegate("researcher", "x"), Reply("Done."))
    assert (await answered(engine)).run_status is RunStatus.DONE
    assert "delegate" not in offered(server, 0)
    assert shown(server, 1)[-1] == ("tool", "there is no tool 'delegate'")


async def test_a_specialist_asks_another_and_that_is_as_deep_as_it_goes(
    start: Start, server: ModelServer, till: Till
) -> None:
    third = Executor(name="third", delegates_to=("researcher",))
    engine = await start(Options(tools=till.tools(), executors=[RESEARCHER, third]))
    server.script(
        delegate("researcher", "a"),
        delegate("third", "b"),
        delegate("researcher", "c"),
        Reply("Third."),
        Reply("Second."),
        Reply("First."),
    )
    run = await answered(engine)
    assert run.result["text"] == "First."
    assert offered(server, 2) == {"ask_user"}
    assert [shown(server, n)[-1] for n in (4, 5)] == [("tool", "Third."), ("tool", "Second.")]


async def test_a_rule_says_who_may_be_asked(start: Start, server: ModelServer, options: Options) -> None:
    engine = await start(options)
    await set_rules(engine, rule(Verdict.DENY, "payer"))
    server.script(delegate("payer", "x"), delegate("researcher", "y"), Reply("Found."), Reply("Done."))
    run = await answered(engine)
    assert run.run_status is RunStatus.DONE
    assert "denied" in shown(server, 1)[-1][1]
    assert [e for e in await told(engine, run) if e[0] == "executor.started"] == [("executor.started", "researcher")]


async def test_where_a_rule_asks_a_person_says_whether_somebody_is_asked(
    start: Start, server: ModelServer, options: Options
) -> None:
    engine = await start(options)
    await set_rules(engine, rule(Verdict.ASK, "researcher"))
    server.script(delegate("researcher", "x"), look("the sky"), Reply("Found."), Reply("Done."))
    run = await answered(engine)
    assert (run.reason, len(server.requests)) == (Reason.NEEDS_APPROVAL, 1)
    await engine.resume(run, ONCE)
    assert (await engine.settled(run.id, ENDED)).result["text"] == "Done."


async def test_what_is_denied_while_a_specialist_works_ends_its_work(
    start: Start, server: ModelServer, options: Options, till: Till
) -> None:
    engine = await start(options)
    gate = asyncio.Event()
    server.script(delegate("researcher", "x"), Held(gate, look("the sky")), Reply("Then not."))
    run = await engine.chat("go")
    await server.until(lambda: len(server.requests) == 2)
    await set_rules(engine, rule(Verdict.DENY, "researcher"))
    gate.set()
    done = await engine.settled(run.id)
    assert done.result["text"] == "Then not."
    assert "denied" in shown(server, 2)[-1][1]
    # The tool itself was allowed, and had been begun.
    assert till.done == [("researcher", "the sky")]


async def test_a_specialists_calls_are_judged_by_its_name(
    start: Start, server: ModelServer, options: Options, till: Till
) -> None:
    engine = await start(options)
    await set_rules(engine, ToolRule("pay", Verdict.DENY, executor="payer"))
    server.script(delegate("payer", "x"), pay("bob"), Reply("No."), pay("eve"), Reply("Done."))
    assert (await answered(engine)).run_status is RunStatus.DONE
    assert till.done == [("main", "eve")]


async def test_a_specialists_call_waits_for_approval(
    start: Start, server: ModelServer, options: Options, till: Till
) -> None:
    engine = await start(options)
    await set_rules(engine, ToolRule("pay", Verdict.ASK))
    server.script(delegate("payer", "x"), pay("bob"), Reply("Paid."), Reply("Done."))
    run = await answered(engine)
    assert (run.reason, run.active_executor_key, till.done) == (Reason.NEEDS_APPROVAL, "payer", [])
    await engine.resume(run, ONCE)
    assert (await engine.settled(run.id, ENDED)).run_status is RunStatus.DONE
    assert till.done == [("payer", "bob")]
    assert shown(server, 3)[-1] == ("tool", "Paid.")


async def test_a_specialist_asks_the_user(start: Start, server: ModelServer, options: Options) -> None:
    engine = await start(options)
    question = Reply(tool_calls=[Call("ask_user", {"question": "Which?"})])
    server.script(delegate("researcher", "x"), question, Reply("That one."), Reply("Done."))
    run = await answered(engine)
    assert (run.reason, run.blocked["question"]) == (Reason.NEEDS_ANSWER, "Which?")
    await engine.resume(run, {"answer": "this"})
    assert (await engine.settled(run.id, ENDED)).run_status is RunStatus.DONE
    assert shown(server, 2)[-1] == ("tool", '{"answer": "this"}')
    assert shown(server, 3)[-1] == ("tool", "That one.")


async def test_a_specialist_meets_the_budget_of_the_run(start: Start, server: ModelServer, options: Options) -> None:
    engine = await start(options)
    await set_rules(engine, run_budget=10_000_000, max_output_tokens=100)
    cheap, dear = (1_000, 10, 0), (2_000, 50, 0)
    server.script(
        Reply(tool_calls=delegate("payer", "x").tool_calls, usage=cheap),
        Reply(tool_calls=[Call("calculator", {"expression": "1+1"})], usage=dear),
        Reply("Paid.", usage=cheap),
        Reply("Done.", usage=cheap),
    )
    run = await answered(engine)
    assert (run.reason, run.active_executor_key) == (Reason.BUDGET_EXCEEDED, "payer")
    await engine.write(runs.resume, run.id, {"more": "1.00"}, "", caller=ADMIN)
    assert (await engine.settled(run.id, ENDED)).run_status is RunStatus.DONE


async def test_a_specialist_that_meets_its_own_limit_is_given_up_and_who_asked_it_is_told(
    start: Start, server: ModelServer, till: Till
) -> None:
    limited = Executor(name="limited", tools=("look_up",), max_steps=2, max_tool_calls=1, max_output_tokens=7)
    engine = await start(Options(tools=till.tools(), executors=[limited]))
    server.script(delegate("limited", "x"), look("a"), look("b"), Reply("Then I do it."))
    assert (await answered(engine)).result["text"] == "Then I do it."
    assert [text for role, text in shown(server, 2) if role == "tool"] == ["a is blue"]
    assert till.done == [("limited", "a")]
    assert "limited has made 2 model calls and may make 2" in shown(server, 3)[-1][1]
    assert [r.body.get("max_completion_tokens") or r.body.get("max_tokens") for r in server.requests] == [
        None,
        7,
        7,
        None,
    ]


async def test_the_steps_of_specialists_are_steps_of_the_run(
    start: Start, server: ModelServer, options: Options
) -> None:
    engine = await start(options)
    await set_rules(engine, max_steps=2)
    server.script(delegate("researcher", "x"), look("a"), Reply("Found."), Reply("Done."))
    failed = await answered(engine)
    assert (failed.run_status, failed.reason) == (RunStatus.FAILED, Reason.STEP_LIMIT)
    # It goes on where it stood, in the specialist's work.
    await engine.retry(failed)
    assert (await engine.settled(failed.id, ENDED)).result["text"] == "Done."


async def test_a_specialist_whose_model_is_forbidden_is_no_help_and_no_harm(
    start: Start, server: ModelServer, options: Options
) -> None:
    engine = await start(options)
    await set_rules(engine, allowed_models=frozenset({MODEL}))
    server.script(delegate("payer", "x"), Reply("I do it myself."))
    assert (await answered(engine)).result["text"] == "I do it myself."
    assert "does not allow model" in shown(server, 1)[-1][1]


async def test_a_specialist_whose_model_refuses_is_given_up(
    start: Start, server: ModelServer, options: Options
) -> None:
    engine = await start(options)
    refusal = Refusal(400, "no such field", "invalid_request_error")
    server.script(delegate("researcher", "x"), refusal, Reply("I do it myself."))
    run = await answered(engine)
    assert run.result["text"] == "I do it myself."
    assert [m.state for m in await engine.messages(run.session_id) if m.state == "streaming"] == []


@pytest.mark.usefixtures("quick_retries")
async def test_an_outage_in_delegated_work_fails_the_run_and_retry_goes_on_there(
    start: Start, server: ModelServer, options: Options
) -> None:
    engine = await start(options)
    server.script(delegate("researcher", "x"), look("a"), *[server_error()] * 4)
    failed = await answered(engine)
    assert failed.reason is Reason.MODEL_UNAVAILABLE
    server.script(Reply("Found."), Reply("Done."))
    await engine.retry(failed)
    assert (await engine.settled(failed.id, ENDED)).result["text"] == "Done."
    assert [text for role, text in shown(server, -2) if role == "tool"] == ["a is blue"]


async def test_a_worker_lost_while_a_specialist_speaks_is_replaced_there(
    open_engine: Open, server: ModelServer, options: Options, till: Till
) -> None:
    first = await open_engine(options)
    server.script(delegate("researcher", "x"), look("a"), Held(asyncio.Event(), Reply("Found it."), after_chunks=1))
    run = await first.chat("go")
    await first.until_writing(run.id)
    await first.abandon()
    server.script(Reply("Found."), Reply("Done."))
    second = await open_engine(options)
    assert (await second.settled(run.id, ENDED)).result["text"] == "Done."
    assert till.done == [("researcher", "a")]
    assert [text for role, text in shown(server, -2) if role == "tool"] == ["a is blue"]
    assert (await second.types(run.id)).count("executor.started") == 1


async def test_a_cancelled_run_stops_its_specialist(start: Start, server: ModelServer, options: Options) -> None:
    engine = await start(options)
    server.script(delegate("researcher", "x"), Held(asyncio.Event(), Reply("Found it."), after_chunks=1))
    run = await engine.chat("go")
    await engine.until_writing(run.id)
    await engine.cancel(run)
    await server.until(lambda: server.bill()["aborted"] == 1)
    assert (await engine.get(run.id)).run_status is RunStatus.CANCELLED

    async def is_settled() -> bool:
        return all(m.state != "streaming" for m in await engine.messages(run.session_id))

    await engine.until(is_settled, run.id)


async def test_what_the_user_says_meanwhile_reaches_the_specialist_and_who_asked_it(
    start: Start, server: ModelServer, options: Options
) -> None:
    engine = await start(options)
    gate = asyncio.Event()
    server.script(delegate("researcher", "x"), Held(gate, Reply("Found.")), Reply("Found green."), Reply("Done."))
    run = await engine.chat("go")
    await server.until(lambda: len(server.requests) == 2)
    said = steering.Said("green please", run.session_id, multitask=steering.Multitask.STEER)
    await engine.write(steering.say, said, engine.roster)
    gate.set()
    assert (await engine.settled(run.id)).result["text"] == "Done."
    assert shown(server, 2) == [("user", "x"), ("assistant", "Found."), ("user", "green please")]
    assert shown(server, 3)[-2:] == [("tool", "Found green."), ("user", "green please")]


async def test_a_run_is_carried_out_by_whom_its_creator_chose(
    start: Start, server: ModelServer, options: Options, till: Till
) -> None:
    engine = await start(options)
    server.script(look("a"), Reply("Found."))
    run = await answered(engine, "find a", executor="researcher")
    assert (run.executor, run.active_executor_key, run.result["text"]) == ("researcher", "researcher", "Found.")
    assert "Look everything up." in str(server.requests[0].messages[0]["content"])
    assert offered(server, 0) == {"ask_user", "mark_step", "delegate", "look_up"}
    assert till.done == [("researcher", "a")]


async def test_whom_the_rules_deny_nobody_chooses(start: Start, options: Options) -> None:
    engine = await start(options)
    await set_rules(engine, rule(Verdict.DENY, "payer"))
    with pytest.raises(PolicyDenied, match="delegate"):
        await engine.chat("go", executor="payer")


async def test_a_run_of_somebody_who_is_gone_fails_and_a_retry_finds_him_again(
    open_engine: Open, server: ModelServer, options: Options
) -> None:
    without = await open_engine(Options(sweep_seconds=0.05))
    failed = await answered(without, executor="researcher")
    assert (failed.run_status, failed.reason) == (RunStatus.FAILED, Reason.EXECUTOR_UNKNOWN)
    await without.abandon()
    server.script(Reply("Here."))
    engine = await open_engine(options)
    await engine.retry(failed)
    assert (await engine.settled(failed.id, ENDED)).result["text"] == "Here."


async def test_work_of_somebody_who_is_gone_ends_and_who_asked_is_told(
    open_engine: Open, server: ModelServer, options: Options
) -> None:
    first = await open_engine(options)
    server.script(delegate("researcher", "x"), Held(asyncio.Event(), Reply("Found it."), after_chunks=1))
    run = await first.chat("go")
    await first.until_writing(run.id)
    await first.abandon()
    server.script(Reply("I do it myself."))
    second = await open_engine(Options(sweep_seconds=0.05))
    assert (await second.settled(run.id, ENDED)).result["text"] == "I do it myself."
    assert "cannot ask 'researcher'" in shown(server, -1)[-1][1]


async def test_code_that_knows_no_executors_leaves_such_runs_alone(
    start: Start, server: ModelServer, options: Options
) -> None:
    engine = await start(options)
    server.script(Reply("Hello."), delegate("researcher", "x"), Reply("Found."), Reply("Done."))
    plain, delegating = await answered(engine), await answered(engine)
    assert (plain.min_version, delegating.min_version) == (1, 2)
