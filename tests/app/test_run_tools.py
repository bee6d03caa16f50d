"""Tool calls in a run: side by side, refused, failing, limited, each with its result behind it; and the plan's steps."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.support.engine import Options

import oneliner
from oneliner.app import governance, runs
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.run import ENDED, Reason, RunStatus
from oneliner.domain.user import Authority, Caller
from oneliner.testing import Call, Reply, garbage_arguments

if TYPE_CHECKING:
    import pytest
    from tests.app.conftest import Start
    from tests.support.engine import Engine

    from oneliner.domain.run import Run
    from oneliner.testing import ModelServer

ADMIN = Caller("root", Authority.ADMIN)


def results(server: ModelServer, request: int = -1) -> list[object]:
    return [m["content"] for m in server.requests[request].messages if m["role"] == "tool"]


async def answered(engine: Engine, text: str = "go") -> Run:
    return await engine.settled((await engine.chat(text)).id)


async def test_calls_of_one_answer_are_carried_out_side_by_side(start: Start, server: ModelServer) -> None:
    here = asyncio.Barrier(3)

    @oneliner.tool
    async def meet(name: str) -> str:
        """Wait until all are here."""
        await here.wait()
        return f"{name} was here"

    engine = await start(Options(tools=[meet]))
    server.script(Reply(tool_calls=[Call("meet", {"name": n}) for n in "abc"]), Reply("All."))
    done = await answered(engine)
    assert done.run_status is RunStatus.DONE
    assert results(server) == ["a was here", "b was here", "c was here"]
    events = await engine.events(done.id)
    assert [e.event_type for e in events if e.event_type.startswith("tool.")] == ["tool.started"] * 3 + [
        "tool.completed"
    ] * 3
    assert [(c.state, c.attempts) for c in await engine.calls(done.id)] == [("done", 1)] * 3


async def test_wrong_calls_are_told_to_the_model_and_touch_nothing(start: Start, server: ModelServer) -> None:
    touched: list[str] = []

    @oneliner.tool
    def touch(path: str) -> str:
        """Touch a path."""
        touched.append(path)
        return "touched"

    engine = await start(Options(tools=[touch]))
    server.script(
        garbage_arguments("touch"),
        Reply(tool_calls=[Call("touch", {"paht": "x"}), Call("nobody"), Call("touch", {"path": "y"})]),
        Reply("Sorry."),
    )
    done = await answered(engine)
    assert done.run_status is RunStatus.DONE
    assert touched == ["y"]
    said = [str(r) for r in results(server)]
    assert "not valid" in said[0]
    assert "paht" in said[1]
    assert "nobody" in said[2]
    assert said[3] == "touched"
    assert [c.state for c in await engine.calls(done.id)] == ["failed", "failed", "failed", "done"]
    types = await engine.types(done.id)
    assert (types.count("tool.failed"), types.count("tool.started"), types.count("tool.completed")) == (3, 1, 1)


async def test_a_tool_that_raises_or_hangs_is_a_result_and_not_the_end(start: Start, server: ModelServer) -> None:
    @oneliner.tool
    def explode() -> str:
        """Raise."""
        raise RuntimeError("kaboom")

    @oneliner.tool(timeout_seconds=0.05)
    async def hang() -> str:
        """Never come back."""
        await asyncio.Event().wait()
        return ""

    engine = await start(Options(tools=[explode, hang]))
    server.script(Reply(tool_calls=[Call("explode"), Call("hang")]), Reply("I see."))
    done = await answered(engine)
    assert (done.run_status, done.result["text"]) == (RunStatus.DONE, "I see.")
    raised, hung = (str(r) for r in results(server))
    assert "kaboom" in raised
    assert "0.05 seconds" in hung
    assert (await engine.types(done.id)).count("tool.failed") == 2


async def test_a_run_makes_no_more_tool_calls_than_it_may(engine: Engine, server: ModelServer) -> None:
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", Rules(max_tool_calls=3), None, caller=ADMIN)
    two = [Call("calculator", {"expression": f"{n}+0"}) for n in range(2)]
    server.script(Reply(tool_calls=two), Reply(tool_calls=two), Reply(tool_calls=two), Reply("Enough."))
    done = await answered(engine)
    assert done.run_status is RunStatus.DONE
    assert [c.state for c in await engine.calls(done.id)] == ["done"] * 3 + ["denied"] * 3
    assert (await engine.types(done.id)).count("tool.denied") == 3
    assert "denied" in str(results(server)[3])


async def confirmed(engine: Engine, *steps: str) -> Run:
    run = await engine.hand_off(runs.Handoff("a task", "home", "button", goal="do it", steps=steps))
    await engine.confirm(run, 1)
    return await engine.settled(run.id, ENDED)


async def test_steps_are_marked_once_and_unknown_ones_refused(engine: Engine, server: ModelServer) -> None:
    mark = {"step_id": "s1", "status": "done"}
    server.script(
        Reply(tool_calls=[Call("mark_step", mark), Call("mark_step", {"step_id": "s9", "status": "done"})]),
        Reply(tool_calls=[Call("mark_step", {"step_id": "s1", "status": "perfect"}), Call("mark_step", "[" * 3_000)]),
        Reply("Done."),
    )
    done = await confirmed(engine, "look")
    assert done.run_status is RunStatus.DONE
    assert [s.status for s in done.plan.steps] == ["done"]
    events = await engine.events(done.id)
    assert [e.details["step_id"] for e in events if e.event_type == "step.completed"] == ["s1"]
    said = [str(r) for r in results(server)]
    assert said[0] == "noted"
    assert "no step 's9'" in said[1]
    assert "perfect" in said[2]
    assert len(server.requests) == 3


async def test_the_model_is_reminded_of_its_steps_once(engine: Engine, server: ModelServer) -> None:
    server.script(
        Reply("All done, I think."),
        Reply(tool_calls=[Call("mark_step", {"step_id": "s1", "status": "done"})]),
        Reply(tool_calls=[Call("calculator", {"expression": "1+1"})]),
        Reply("Really done."),
    )
    done = await confirmed(engine, "look", "leap")
    assert (done.run_status, done.result["text"]) == (RunStatus.DONE, "Really done.")
    assert [s.status for s in done.plan.steps] == ["done", "active"]
    assert "s1, s2" in server.requests[1].last_user_text
    assert [("not reported yet" in r.last_user_text) for r in server.requests] == [False, True, False, False]
    assert not server.unscripted


async def test_a_tool_is_told_for_whom_it_works(start: Start, server: ModelServer) -> None:
    seen: list[oneliner.ToolContext] = []

    @oneliner.tool
    def note(context: oneliner.ToolContext) -> str:
        """Note who asks."""
        seen.append(context)
        return "noted"

    engine = await start(Options(tools=[note]))
    server.script(Reply(tool_calls=[Call("note"), Call("note")]), Reply("."))
    done = await answered(engine)
    assert {(c.run_id, c.session_id, c.user_id, c.project_id) for c in seen} == {
        (done.id, done.session_id, "alice", "")
    }
    assert {c.idempotency_key for c in seen} == {c.idempotency_key for c in await engine.calls(done.id)}


async def test_a_tool_call_in_an_answer_cut_at_its_limit_is_not_carried_out(
    engine: Engine, server: ModelServer
) -> None:
    server.script(
        Reply("I will", [Call("calculator", {"expression": "1+1"})], finish_reason="length"), Reply("Again, whole.")
    )
    failed = await answered(engine)
    assert failed.reason is Reason.OUTPUT_LIMIT
    assert await engine.calls(failed.id) == []
    await engine.retry(failed)
    assert (await engine.settled(failed.id, frozenset({RunStatus.DONE}))).result["text"] == "Again, whole."
    assert ["not carried out" in str(r) for r in results(server)] == [True]


async def test_a_fault_of_our_own_fails_the_run_without_its_text(
    engine: Engine, server: ModelServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_arguments: object) -> str:
        raise LookupError("some secret detail")

    server.script(Reply(tool_calls=[Call("calculator", {"expression": "1+1"})]), Reply("2"))
    monkeypatch.setattr(engine.tools, "call", broken)
    failed = await answered(engine)
    assert failed.reason is Reason.INTERNAL_ERROR
    assert "secret" not in str((await engine.events(failed.id))[-1].details)
    assert "run.broke" in caplog.text
    monkeypatch.undo()
    # What was begun before the fault may have had its effect; the calculator only reads, so it is simply run again.
    await engine.retry(failed)
    assert (await engine.settled(failed.id, frozenset({RunStatus.DONE}))).result["text"] == "2"
