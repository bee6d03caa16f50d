"""Executors that are functions: what they ask for goes by the rules, is stored, and is never done twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.engine import ALICE, OTHER_MODEL, Options

import oneliner
from oneliner import ExecutorContext, ToolDenied, ToolFailed, ToolSpec, Turn
from oneliner.app import governance, runs, steering
from oneliner.domain.executor import Executor
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.run import ENDED, Reason, RunStatus
from oneliner.domain.tool_rules import RuleBook, ToolRule, Verdict
from oneliner.domain.user import Authority, Caller
from oneliner.testing import Call, Held, Reply, rate_limited, server_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.app.conftest import Open, Start
    from tests.support.engine import Engine

    from oneliner.domain.run import Run
    from oneliner.testing import ModelServer

ADMIN = Caller("root", Authority.ADMIN)
ONCE = {"decision": "allow_once"}


class Till:
    """A tool with an effect, and what it did."""

    def __init__(self) -> None:
        self.paid: list[str] = []

    @property
    def tool(self) -> Callable[..., object]:
        @oneliner.tool
        async def pay(to: str, context: oneliner.ToolContext) -> str:
            """Pay somebody."""
            self.paid.append(f"{context.executor}:{to}")
            if to == "nobody":
                raise ValueError("who is that?")
            return f"paid {to}"

        return pay


@pytest.fixture
def till() -> Till:
    return Till()


def engine_with(till: Till, work: Callable[[ExecutorContext], Awaitable[Any]], **more: Any) -> Options:
    """An engine whose executor ``worker`` does *work*, and one that it may ask."""

    async def worker(context: ExecutorContext) -> str:
        return await work(context)

    function = oneliner.executor(tools=["pay", "calculator"], delegates_to=["*"], **more)(worker)
    helper = Executor(name="helper", instructions="Help.", tools=("pay",))
    return Options(tools=[till.tool], executors=[function, helper], sweep_seconds=0.05)


async def answered(engine: Engine, text: str = "go", executor: str = "worker", **more: Any) -> Run:
    return await engine.settled((await engine.chat(text, executor=executor, **more)).id)


async def set_rules(engine: Engine, *rules: ToolRule, **more: Any) -> None:
    layer = Rules(tools=RuleBook(rules), **more)
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", layer, None, caller=ADMIN)


async def test_a_function_asks_models_and_tools_and_its_text_is_the_result(
    start: Start, server: ModelServer, till: Till
) -> None:
    async def work(context: ExecutorContext) -> str:
        answer = await context.ask_model([Turn("system", "Be brief."), Turn("user", context.task)])
        return f"{answer.text} {await context.call_tool('pay', {'to': 'bob'})}"

    engine = await start(engine_with(till, work))
    server.script(Reply("Yes:", usage=(100, 10, 0)))
    run = await answered(engine, "Pay bob?")
    assert (run.run_status, run.result["text"]) == (RunStatus.DONE, "Yes: paid bob")
    assert till.paid == ["worker:bob"]
    assert [(m["role"], m["content"]) for m in server.requests[0].messages] == [
        ("system", "Be brief."),
        ("user", "Pay bob?"),
    ]
    assert run.totals.cost_nanos == 100 * 1_000 + 10 * 2_000
    said = [(m.role, m.content) for m in await engine.messages(run.session_id) if not m.scope]
    assert said == [("user", "Pay bob?"), ("assistant", "Yes: paid bob")]


async def test_what_it_was_given_before_it_is_given_again_and_nothing_is_done_twice(
    start: Start, server: ModelServer, till: Till
) -> None:
    seen: list[str] = []

    async def look() -> dict[str, int]:
        seen.append("looked")
        return {"found": 1}

    async def work(context: ExecutorContext) -> str:
        answer = await context.ask_model("one")
        found = await context.step("look", look)
        await context.say("paying")
        paid = await context.call_tool("pay", {"to": "bob"})
        chosen = await context.ask_user("Which?")
        last = await context.ask_model(f"{answer.text} {found} {paid} {chosen}")
        return last.text

    engine = await start(engine_with(till, work))
    server.script(Reply("First."), Reply("Last."))
    blocked = await answered(engine)
    assert (blocked.reason, blocked.blocked["question"]) == (Reason.NEEDS_ANSWER, "Which?")
    await engine.resume(blocked, {"answer": "this"})
    done = await engine.settled(blocked.id, ENDED)
    assert (done.run_status, done.result["text"]) == (RunStatus.DONE, "Last.")
    assert len(server.requests) == 2
    assert server.requests[1].messages[-1]["content"] == "First. {'found': 1} paid bob {'answer': 'this'}"
    assert (seen, till.paid) == (["looked"], ["worker:bob"])
    said = [e.details["text"] for e in await engine.events(done.id) if e.event_type == "executor.said"]
    assert said == ["paying"]


async def test_a_function_works_on_what_is_delegated_to_it(start: Start, server: ModelServer, till: Till) -> None:
    async def work(context: ExecutorContext) -> str:
        assert context.plan is None
        return f"{context.task}: {await context.call_tool('pay', {'to': 'bob'})}"

    engine = await start(engine_with(till, work))
    server.script(Reply(tool_calls=[Call("delegate", {"executor": "worker", "task": "salary"})]), Reply("Done."))
    run = await answered(engine, executor="main")
    assert run.result["text"] == "Done."
    assert server.requests[1].messages[-1]["content"] == "salary: paid bob"


async def test_a_function_delegates(start: Start, server: ModelServer, till: Till) -> None:
    async def work(context: ExecutorContext) -> str:
        return "They said: " + await context.delegate("helper", "pay bob")

    engine = await start(engine_with(till, work))
    server.script(Reply(tool_calls=[Call("pay", {"to": "bob"})]), Reply("Paid."))
    run = await answered(engine)
    assert run.result["text"] == "They said: Paid."
    assert till.paid == ["helper:bob"]
    assert run.active_executor_key == "worker"


async def test_a_worker_lost_in_what_a_function_delegated_is_replaced_there(
    open_engine: Open, server: ModelServer, till: Till
) -> None:
    async def work(context: ExecutorContext) -> str:
        return "They said: " + await context.delegate("helper", "pay bob")

    options = engine_with(till, work)
    first = await open_engine(options)
    pay = Reply(tool_calls=[Call("pay", {"to": "bob"})])
    server.script(pay, Held(asyncio.Event(), Reply("Paid it."), after_chunks=1))
    run = await first.chat("go", executor="worker")
    await first.until_writing(run.id)
    await first.abandon()
    server.script(Reply("Paid."))
    second = await open_engine(options)
    assert (await second.settled(run.id, ENDED)).result["text"] == "They said: Paid."
    assert till.paid == ["helper:bob"]


async def test_its_calls_wait_for_approval_and_may_be_refused(start: Start, till: Till) -> None:
    async def work(context: ExecutorContext) -> str:
        try:
            first = await context.call_tool("pay", {"to": "eve"})
        except ToolDenied as refused:
            first = refused.message
        return f"{first}; {await context.call_tool('pay', {'to': 'bob'})}"

    engine = await start(engine_with(till, work))
    await set_rules(engine, ToolRule("pay", Verdict.ASK))
    run = await answered(engine)
    assert run.reason is Reason.NEEDS_APPROVAL
    await engine.resume(run, {"decision": "refuse", "reason": "not her"})
    second = await engine.settled(run.id)
    assert (second.reason, till.paid) == (Reason.NEEDS_APPROVAL, [])
    (call,) = second.blocked["calls"]  # pyright: ignore[reportGeneralTypeIssues]
    edited = {"decisions": [{"call_id": call["id"], "decision": "allow_once", "arguments": {"to": "carol"}}]}
    await engine.resume(second, edited)
    done = await engine.settled(run.id, ENDED)
    assert done.result["text"] == "the user refused this call: not her; paid carol"
    assert till.paid == ["worker:carol"]


async def test_it_has_its_own_tools_and_no_others_and_is_told_what_fails(start: Start, till: Till) -> None:
    async def work(context: ExecutorContext) -> str:
        assert [tool.name for tool in context.tools] == ["calculator", "pay"]
        told: list[str] = []
        asked: list[tuple[str, dict[str, object]]] = [
            ("current_time", {}),
            ("pay", {"who": "bob"}),
            ("pay", {"to": "nobody"}),
            ("delegate", {"executor": "wizard", "task": "x"}),
        ]
        for name, arguments in asked:
            with pytest.raises(ToolFailed) as failed:
                await context.call_tool(name, arguments)
            told.append(failed.value.message)
        return "\n".join(told)

    engine = await start(engine_with(till, work))
    lines = str((await answered(engine)).result["text"]).splitlines()
    assert lines[0] == "there is no tool 'current_time'"
    assert "'to' is missing" in lines[1]
    assert "who is that?" in lines[2]
    assert "wizard" in lines[3]


async def test_the_tools_a_model_asks_for_are_the_functions_to_call(
    start: Start, server: ModelServer, till: Till
) -> None:
    async def work(context: ExecutorContext) -> str:
        own = ToolSpec("shout", "Say it loudly.", {"type": "object", "properties": {}})
        answer = await context.ask_model("hello", tools=[*context.tools, own])
        return ",".join(call.name for call in answer.tool_calls) + f" {answer.finish_reason}"

    engine = await start(engine_with(till, work))
    server.script(Reply(tool_calls=[Call("shout", {}), Call("pay", {"to": "bob"})]))
    run = await answered(engine)
    assert run.result["text"] == "shout,pay tool_calls"
    assert {tool.name for tool in server.requests[0].tools} == {"calculator", "pay", "shout"}
    assert till.paid == []


async def test_the_conversation_ends_with_the_task(start: Start, server: ModelServer, till: Till) -> None:
    async def work(context: ExecutorContext) -> str:
        return " | ".join(f"{turn.role}: {turn.content}" for turn in await context.conversation())

    engine = await start(engine_with(till, work))
    server.script(Reply("Hello, Alice."))
    first = await answered(engine, "I am Alice.", executor="main")
    second = await answered(engine, "Who am I?", session_id=first.session_id)
    assert second.result["text"] == "user: I am Alice. | assistant: Hello, Alice. | user: Who am I?"


async def test_several_things_asked_at_once_are_done_one_after_another(start: Start, till: Till) -> None:
    async def work(context: ExecutorContext) -> str:
        *paid, answer = await asyncio.gather(
            *[context.call_tool("pay", {"to": to}) for to in ("ann", "bob", "carol")], context.ask_user("And?")
        )
        return f"{paid} {answer}"

    engine = await start(engine_with(till, work))
    run = await answered(engine)
    assert run.reason is Reason.NEEDS_ANSWER
    await engine.resume(run, {"answer": "that is all"})
    done = await engine.settled(run.id, ENDED)
    assert done.result["text"] == "['paid ann', 'paid bob', 'paid carol'] {'answer': 'that is all'}"
    assert till.paid == ["worker:ann", "worker:bob", "worker:carol"]


@pytest.mark.parametrize("change", ["kind", "words", "fewer"])
async def test_a_function_that_asks_otherwise_than_before_fails_the_run_and_does_nothing(
    start: Start, till: Till, change: str
) -> None:
    times = 0

    async def work(context: ExecutorContext) -> str:
        nonlocal times
        times += 1
        if times == 1:
            await context.ask_user("Which?")
            return "never"
        if change == "fewer":
            return "early"
        if change == "words":
            await context.ask_user("Who?")
        else:
            await context.call_tool("pay", {"to": "bob"})
        return "else"

    engine = await start(engine_with(till, work))
    blocked = await answered(engine)
    await engine.resume(blocked, {"answer": "this"})
    failed = await engine.settled(blocked.id, ENDED)
    assert (failed.run_status, failed.reason, till.paid) == (RunStatus.FAILED, Reason.EXECUTOR_DIVERGED, [])


async def test_a_function_that_raises_fails_the_run_or_what_was_delegated(
    start: Start, server: ModelServer, till: Till
) -> None:
    async def work(context: ExecutorContext) -> str:
        raise KeyError(context.task)

    engine = await start(engine_with(till, work))
    failed = await answered(engine, "my task")
    assert (failed.run_status, failed.reason) == (RunStatus.FAILED, Reason.EXECUTOR_FAILED)
    assert "KeyError: 'my task'" in str(failed.result["error"])
    task = Call("delegate", {"executor": "worker", "task": "other"})
    server.script(Reply(tool_calls=[task]), Reply("Then not."))
    assert (await answered(engine, executor="main")).result["text"] == "Then not."
    assert "KeyError: 'other'" in str(server.requests[-1].messages[-1]["content"])


async def test_a_function_returns_text(start: Start, till: Till) -> None:
    async def work(_context: ExecutorContext) -> int:
        return 7

    engine = await start(engine_with(till, work))
    assert "returns text, not int" in str((await answered(engine)).result["error"])


async def test_a_function_that_ends_before_what_it_asked_for_fails(
    start: Start, server: ModelServer, till: Till
) -> None:
    async def work(context: ExecutorContext) -> str:
        asking = asyncio.ensure_future(context.ask_model("hello"))
        await server.until(lambda: len(server.requests) == 1)
        assert not asking.done()
        return "early"

    engine = await start(engine_with(till, work))
    server.script(Held(asyncio.Event(), Reply("Late answer."), after_chunks=1))
    failed = await answered(engine)
    assert failed.reason is Reason.EXECUTOR_FAILED
    assert "under way" in str(failed.result["error"])


async def test_a_step_must_not_use_the_context(start: Start, till: Till) -> None:
    async def work(context: ExecutorContext) -> str:
        with pytest.raises(RuntimeError, match="in a step"):
            await context.step("bad", lambda: context.call_tool("pay", {"to": "bob"}))
        return "fine"

    engine = await start(engine_with(till, work))
    assert (await answered(engine)).result["text"] == "fine"
    assert till.paid == []


async def test_a_function_that_swallows_its_end_reaches_nothing_any_more(start: Start, till: Till) -> None:
    tried: list[str] = []

    async def work(context: ExecutorContext) -> str:
        try:
            await context.ask_user("Which?")
        except asyncio.CancelledError:
            tried.append("cancelled")
            await context.call_tool("pay", {"to": "bob"})
        return "went on"

    engine = await start(engine_with(till, work))
    run = await answered(engine)

    async def has_let_go() -> bool:
        return engine.worker.holds == 0

    await engine.until(has_let_go, run.id)
    assert (run.reason, tried, till.paid) == (Reason.NEEDS_ANSWER, ["cancelled"], [])


@pytest.mark.usefixtures("quick_retries")
async def test_its_models_are_asked_again_and_fall_back(start: Start, server: ModelServer, till: Till) -> None:
    async def work(context: ExecutorContext) -> str:
        return (await context.ask_model("hello")).text + (await context.ask_model("more")).text

    engine = await start(engine_with(till, work, model="openai/test", fallbacks=[OTHER_MODEL]))
    server.script(server_error(), Reply("One. "), rate_limited(3_600), Reply("Two."))
    run = await answered(engine)
    assert run.result["text"] == "One. Two."
    assert [r.model for r in server.requests] == ["test", "test", "test", "other"]


async def test_its_calls_of_models_are_under_the_rules(start: Start, server: ModelServer, till: Till) -> None:
    async def work(context: ExecutorContext) -> str:
        for n in range(9):
            await context.ask_model(f"question {n}")
        return "all"

    engine = await start(engine_with(till, work, max_steps=2))
    server.script(*[Reply("Yes.")] * 9)
    failed = await answered(engine)
    assert (failed.reason, len(server.requests)) == (Reason.STEP_LIMIT, 2)
    await set_rules(engine, allowed_models=frozenset({"openai/none"}))
    denied = await answered(engine)
    assert (denied.reason, len(server.requests)) == (Reason.POLICY_DENIED, 2)


async def test_it_meets_budgets_and_goes_on_where_it_was(start: Start, server: ModelServer, till: Till) -> None:
    async def work(context: ExecutorContext) -> str:
        return "".join([(await context.ask_model(f"question {n}")).text for n in range(3)])

    engine = await start(engine_with(till, work))
    await set_rules(engine, run_budget=10_000_000, max_output_tokens=100)
    server.script(*[Reply(f"{n}", usage=(5_000, 10, 0)) for n in range(3)])
    run = await answered(engine)
    assert run.reason is Reason.BUDGET_EXCEEDED
    asked = len(server.requests)
    await engine.write(runs.resume, run.id, {"more": "1.00"}, "", caller=ADMIN)
    assert (await engine.settled(run.id, ENDED)).result["text"] == "012"
    assert len(server.requests) == 3 > asked


async def test_it_reports_the_steps_of_the_plan(start: Start, till: Till) -> None:
    async def work(context: ExecutorContext) -> str:
        assert context.plan is not None
        for step in context.plan.steps:
            await context.report_step(step.id, "done", "it went well")
        with pytest.raises(ToolFailed):
            await context.report_step("s9", "done")
        return "all done"

    engine = await start(engine_with(till, work))
    task = runs.Handoff("a task", "home", "button", steps=("look", "act"), executor="worker")
    done = await engine.settled((await engine.confirm(await engine.hand_off(task))).id, ENDED)
    assert (done.run_status, [s.status for s in done.plan.steps]) == (RunStatus.DONE, ["done", "done"])


async def test_a_message_meant_to_steer_a_function_begins_the_next_run(
    start: Start, server: ModelServer, till: Till
) -> None:
    async def work(context: ExecutorContext) -> str:
        return (await context.ask_model(context.task)).text

    engine = await start(engine_with(till, work))
    gate = asyncio.Event()
    server.script(Held(gate, Reply("First.")), Reply("Second."))
    run = await engine.chat("one", executor="worker")
    await server.until(lambda: len(server.requests) == 1)
    said = steering.Said("two", run.session_id, multitask=steering.Multitask.STEER)
    begun: runs.Started = await engine.write(steering.say, said, engine.roster, caller=ALICE)
    assert not begun.steered
    gate.set()
    assert (await engine.settled(begun.run.id, ENDED)).result["text"] == "Second."


async def test_a_cancelled_run_stops_its_function(start: Start, server: ModelServer, till: Till) -> None:
    stopped = asyncio.Event()

    async def work(context: ExecutorContext) -> str:
        try:
            return (await context.ask_model("hello")).text
        finally:
            stopped.set()

    engine = await start(engine_with(till, work))
    server.script(Held(asyncio.Event(), Reply("Never said."), after_chunks=1))
    run = await engine.chat("go", executor="worker")
    await engine.until_writing(run.id)
    await engine.cancel(run)
    async with asyncio.timeout(20):
        await stopped.wait()
    assert (await engine.get(run.id)).run_status is RunStatus.CANCELLED


@pytest.mark.parametrize("place", range(8))
async def test_a_worker_may_be_lost_at_every_await(
    open_engine: Open, server: ModelServer, till: Till, place: int
) -> None:
    reached, stands, looked = 0, asyncio.Event(), 0

    async def gate() -> None:
        nonlocal reached
        reached += 1
        if reached == place + 1 and not stands.is_set():
            stands.set()
            await asyncio.Event().wait()

    async def look() -> int:
        nonlocal looked
        looked += 1
        return 7

    async def work(context: ExecutorContext) -> str:
        await gate()
        first = await context.ask_model("one")
        await gate()
        await context.call_tool("pay", {"to": "bob"})
        await gate()
        seven = await context.step("look", look)
        await gate()
        await context.say("half")
        await gate()
        helped = await context.delegate("helper", "help")
        await gate()
        spoken = await context.conversation()
        await gate()
        last = await context.ask_model(f"{first.text} {seven} {helped} {len(spoken)}")
        await gate()
        return last.text

    options = engine_with(till, work)
    first = await open_engine(options)
    server.script(Reply("One."), Reply("Helped."), Reply("Last."))
    run = await first.chat("go", executor="worker")
    async with asyncio.timeout(20):
        await stands.wait()
    await first.abandon()
    second = await open_engine(options)
    done = await second.settled(run.id, ENDED)
    assert (done.run_status, done.result["text"]) == (RunStatus.DONE, "Last.")
    assert (till.paid, looked, len(server.requests)) == (["worker:bob"], 1, 3)
    assert server.requests[2].messages[-1]["content"] == "One. 7 Helped. 1"
    told = await second.types(run.id)
    assert [told.count(kind) for kind in ("executor.said", "executor.started", "executor.finished")] == [1, 1, 1]
