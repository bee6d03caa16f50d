"""Workers that are lost, frozen, shut down or cut off from the database: every run goes on, and nothing is done twice."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.support.engine import Engine, Options
from tests.support.invariants import check_ended

import oneliner
from oneliner.app import recovery, runs
from oneliner.app.claiming import name_of
from oneliner.domain.errors import Unavailable
from oneliner.domain.run import ENDED, Reason, RunStatus
from oneliner.domain.times import rfc3339
from oneliner.testing import Call, Held, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable
    from pathlib import Path

    from tests.app.conftest import Open

    from oneliner.domain.run import Run
    from oneliner.testing import ModelServer

WORDS = Reply("one two three four five", chunk_chars=4)
RUNNING = frozenset({RunStatus.RUNNING})
DRAFT = runs.Handoff("a task", "home", "button", draft=True)
PROPOSAL = Reply(tool_calls=[Call("propose_plan", {"goal": "g", "steps": ["look"]})])


def held() -> Held:
    """An answer that stops after two words, for ever."""
    return Held(asyncio.Event(), WORDS, after_chunks=2)


async def lost_in_mid_answer(open_engine: Open, server: ModelServer, run: Run | None = None) -> Run:
    """A run whose worker was killed while the model spoke."""
    server.script(held())
    engine = await open_engine()
    run = run or await engine.chat("go")
    await engine.until_writing(run.id)
    await engine.abandon()
    return run


async def test_a_run_whose_worker_was_killed_goes_on_elsewhere(open_engine: Open, server: ModelServer) -> None:
    run = await lost_in_mid_answer(open_engine, server)
    server.script(Reply("Here again."))
    other = await open_engine()
    done = await other.settled(run.id, ENDED)
    assert (done.run_status, done.result["text"], done.fence) == (RunStatus.DONE, "Here again.", 2)
    assert await other.types(run.id) == [
        "run.created",
        "run.queued",
        "run.started",
        "message.interrupted",
        "run.recovered",
        "run.queued",
        "run.started",
        "message.completed",
        "run.completed",
    ]
    (cut,) = [m for m in await other.messages(run.session_id) if m.state == "interrupted"]
    assert cut.usage.estimated
    assert cut.cost_nanos


async def test_the_history_says_which_worker_held_a_run_and_who_noticed_that_it_was_lost(
    open_engine: Open, server: ModelServer
) -> None:
    server.script(held())
    lost = await open_engine()
    run = await lost.chat("go")
    await lost.until_writing(run.id)
    await lost.abandon()
    server.script(Reply("Here again."))
    other = await open_engine()
    await other.settled(run.id, ENDED)
    events = await other.events(run.id)
    first, second = [e.details for e in events if e.event_type == "run.started"]
    assert (first["worker"], first["fence"], first["attempt"]) == (lost.worker_id, 1, 0)
    assert (second["worker"], second["fence"], second["attempt"]) == (other.worker_id, 2, 1)
    (recovered,) = [e.details for e in events if e.event_type == "run.recovered"]
    assert (recovered["recovered_by"], recovered["fence"], recovered["attempt"]) == (other.worker_id, 1, 1)


async def test_the_plan_says_who_has_drafted_it_and_since_when(open_engine: Open, server: ModelServer) -> None:
    server.script(PROPOSAL)
    engine = await open_engine()
    run = await engine.hand_off(DRAFT)
    await engine.settled(run.id)
    planned = next(e for e in await engine.events(run.id) if e.event_type == "run.planned")
    assert (planned.details["worker"], planned.details["fence"]) == (engine.worker_id, 1)
    assert rfc3339(run.created_at) <= str(planned.details["claimed_at"]) <= rfc3339(planned.created_at)


def test_no_host_name_stands_in_what_users_are_told_of_a_worker() -> None:
    assert name_of("build-7.internal:4711:a1b2c3d4") == "a1b2c3d4"


async def test_a_lease_that_nobody_renews_runs_out_by_itself(open_engine: Open, server: ModelServer) -> None:
    server.script(held(), Reply("Here again."))
    engine = await open_engine(Options(lease_seconds=0.3), starts=False)
    run = await engine.chat("go")
    await engine.until_writing(run.id)
    other = await open_engine()
    assert (await other.settled(run.id, ENDED)).result["text"] == "Here again."


async def test_a_draft_whose_worker_was_killed_is_drafted_elsewhere(open_engine: Open, server: ModelServer) -> None:
    server.script(held())
    engine = await open_engine()
    run = await engine.hand_off(DRAFT)
    await engine.until_writing(run.id)
    await engine.abandon()
    server.script(PROPOSAL)
    other = await open_engine()
    assert (await other.settled(run.id)).run_status is RunStatus.NEEDS_CONFIRMATION


async def test_a_restarted_process_takes_its_runs_back_at_once(open_engine: Open, server: ModelServer) -> None:
    long_lease = Options(lease_seconds=3600, sweep_seconds=0.05)
    server.script(held())
    engine = await open_engine(long_lease)
    run = await engine.chat("go")
    await engine.until_writing(run.id)
    await engine.abandon()
    server.script(Reply("Back."))
    again = await open_engine(long_lease, starts=False)
    assert (
        await recovery.recover_all(
            again.database, await again.database.read(lambda tx: tx.runs.leased(runs.VERSION)), "tests"
        )
        == 1
    )
    assert (await again.settled(run.id, ENDED)).result["text"] == "Back."


async def test_a_frozen_worker_that_wakes_after_its_lease_writes_nothing(
    open_engine: Open, server: ModelServer, caplog: pytest.LogCaptureFixture
) -> None:
    gate = asyncio.Event()
    server.script(Held(gate, WORDS, after_chunks=2), Reply("Mine."))
    frozen = await open_engine()
    run = await frozen.chat("go")
    await frozen.until_writing(run.id)
    await frozen.freeze()
    other = await open_engine()
    done = await other.settled(run.id, ENDED)
    before = await other.events(run.id)
    gate.set()

    async def has_let_go() -> bool:
        return frozen.worker.holds == 0

    await frozen.until(has_let_go, run.id)
    assert "run.lease_lost" in caplog.text
    assert await other.events(run.id) == before
    assert (await other.get(run.id)) == done
    assert done.result["text"] == "Mine."


async def test_a_worker_that_cannot_renew_lets_go_before_its_lease_is_over(
    open_engine: Open, server: ModelServer, database_kind: str
) -> None:
    if database_kind != "sqlite":
        pytest.skip("locks the whole file")
    server.script(held(), Reply("On."))
    engine = await open_engine(Options(lease_seconds=0.6, sweep_seconds=0.05, busy_timeout_ms=20))
    run = await engine.chat("go")
    await engine.until_writing(run.id)
    async with locked(engine.path):
        await server.until(lambda: server.bill()["aborted"] == 1)
    assert (await engine.settled(run.id, ENDED)).result["text"] == "On."


@asynccontextmanager
async def locked(path: Path) -> AsyncGenerator[None]:
    """Another process is writing to the file."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.close()


async def test_an_answer_that_cannot_be_stored_now_waits_for_the_database(
    open_engine: Open, server: ModelServer, database_kind: str
) -> None:
    if database_kind != "sqlite":
        pytest.skip("locks the whole file")
    gate = asyncio.Event()
    server.script(Held(gate, Reply("kept")))
    engine = await open_engine(Options(lease_seconds=60, sweep_seconds=0.05, busy_timeout_ms=20))
    run = await engine.chat("go")
    await engine.settled(run.id, RUNNING)
    async with locked(engine.path):
        gate.set()
        await server.until(lambda: server.bill()["completed"] == 1)
        # Refused like anybody who does not wait.
        with pytest.raises(Unavailable):
            await engine.chat("another")
        assert engine.worker.holds == 1
    assert (await engine.settled(run.id, ENDED)).result["text"] == "kept"
    assert "run.recovered" not in await engine.types(run.id)
    assert len(server.requests) == 1


async def test_what_was_cut_off_is_handed_back_when_the_database_is_there_again(
    open_engine: Open, server: ModelServer, database_kind: str
) -> None:
    if database_kind != "sqlite":
        pytest.skip("locks the whole file")
    server.script(held(), Reply("On."))
    engine = await open_engine(Options(lease_seconds=1.5, sweep_seconds=0.05, busy_timeout_ms=20))
    run = await engine.chat("go")
    await engine.until_writing(run.id)
    async with locked(engine.path):
        await server.until(lambda: server.bill()["aborted"] == 1)
    assert (await engine.settled(run.id, ENDED)).result["text"] == "On."
    recovered = await engine.until_told(run.id, "run.recovered")
    assert recovered.details["cause"] == "handed_back"
    assert recovered.details["attempt"] == 0


async def test_renewal_keeps_a_run_for_longer_than_its_lease(open_engine: Open, server: ModelServer) -> None:
    gate = asyncio.Event()
    server.script(Held(gate, WORDS, after_chunks=1))
    options = Options(lease_seconds=1.5, sweep_seconds=0.05)
    engine, other = await open_engine(options), await open_engine(options)
    run = await engine.chat("go")
    await engine.until_writing(run.id)
    asyncio.get_running_loop().call_later(2 * options.lease_seconds, gate.set)
    done = await other.settled(run.id, ENDED)
    assert (done.run_status, done.fence, done.attempt) == (RunStatus.DONE, 1, 0)


@pytest.mark.parametrize("kind", ["chat", "draft"])
async def test_three_workers_lost_at_one_place_fail_the_run(open_engine: Open, server: ModelServer, kind: str) -> None:
    first = await open_engine(starts=False)
    server.script(held())
    run = await (first.chat("go") if kind == "chat" else first.hand_off(DRAFT))
    await first.until_writing(run.id)
    await first.abandon()
    for _ in range(2):
        await lost_in_mid_answer(open_engine, server, run)
    last = await open_engine()
    failed = await last.settled(run.id, ENDED)
    assert (failed.run_status, failed.reason, failed.attempt) == (RunStatus.FAILED, Reason.WORKER_LOST, 3)
    server.script(Reply("Finally.") if kind == "chat" else PROPOSAL)
    await last.retry(run)
    after = await last.settled(run.id, frozenset({RunStatus.DONE, RunStatus.NEEDS_CONFIRMATION}))
    assert after.attempt == 0
    assert len(server.requests) == 4


async def test_a_run_that_gets_on_between_its_losses_is_not_given_up(open_engine: Open, server: ModelServer) -> None:
    run = await lost_in_mid_answer(open_engine, server)
    for n in range(4):
        server.script(Reply(tool_calls=[Call("calculator", {"expression": f"{n}+1"})]))
        await lost_in_mid_answer(open_engine, server, run)
    server.script(Reply("Done."))
    last = await open_engine()
    assert (await last.settled(run.id, ENDED)).run_status is RunStatus.DONE
    assert (await last.types(run.id)).count("run.recovered") == 5


class Effects:
    """What tools did, by idempotency key, across processes. A tool hangs until *lets_go* is set."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.lets_go = asyncio.Event()

    def tools(self) -> list[Callable[..., object]]:
        async def effect(context: oneliner.ToolContext) -> str:
            """Do it."""
            self.keys.append(context.idempotency_key)
            await self.lets_go.wait()
            return "did it"

        @oneliner.tool
        async def once(context: oneliner.ToolContext) -> str:
            """Do it, once only."""
            return await effect(context)

        @oneliner.tool(idempotent=True)
        async def again(context: oneliner.ToolContext) -> str:
            """Do it, or see that it is done."""
            return await effect(context)

        return [once, again]


async def lost_in_a_tool(open_engine: Open, server: ModelServer, effects: Effects, name: str) -> tuple[Run, Engine]:
    """A run whose worker was killed while a tool was at work, and the engine that takes over."""
    options = Options(sweep_seconds=0.05, tools=effects.tools())
    server.script(Reply(tool_calls=[Call(name), Call("calculator", {"expression": "6*7"})]))
    engine = await open_engine(options)
    run = await engine.chat("go")

    async def is_at_work() -> bool:
        return bool(effects.keys) and "tool.completed" in await engine.types(run.id)

    await engine.until(is_at_work, run.id)
    await engine.abandon()
    effects.lets_go.set()
    return run, await open_engine(options)


async def test_a_repeatable_tool_is_run_again_under_the_same_key(open_engine: Open, server: ModelServer) -> None:
    effects = Effects()
    server.script(Reply("All done."), marker="nothing of the kind")
    run, other = await lost_in_a_tool(open_engine, server, effects, "again")
    server.script(Reply("All done."))
    done = await other.settled(run.id, ENDED)
    assert done.run_status is RunStatus.DONE
    assert len(effects.keys) == 2
    assert len(set(effects.keys)) == 1
    calls = {c.name: c for c in await other.calls(run.id)}
    assert (calls["again"].attempts, calls["again"].state) == (2, "done")
    assert calls["calculator"].attempts == 1
    assert (await other.types(run.id)).count("tool.completed") == 2


@pytest.mark.parametrize(
    ("decision", "times", "state"),
    [("run_again", 2, "done"), ("treat_as_done", 1, "done"), ("treat_as_failed", 1, "failed")],
)
async def test_a_tool_whose_outcome_is_unknown_waits_for_a_person(
    open_engine: Open, server: ModelServer, decision: str, times: int, state: str
) -> None:
    effects = Effects()
    run, other = await lost_in_a_tool(open_engine, server, effects, "once")
    blocked = await other.settled(run.id)
    assert (blocked.run_status, blocked.reason) == (RunStatus.BLOCKED, Reason.TOOL_OUTCOME_UNKNOWN)
    assert (await other.types(run.id))[-2:] == ["tool.unknown", "run.blocked"]
    server.script(Reply("I see."))
    await other.resume(blocked, {"decision": decision, "note": "I looked"})
    done = await other.settled(run.id, ENDED)
    assert done.run_status is RunStatus.DONE
    assert (len(effects.keys), len(set(effects.keys))) == (times, 1)
    (call,) = [c for c in await other.calls(run.id) if c.name == "once"]
    assert call.state == state
    results = [str(m["content"]) for m in server.requests[-1].messages if m["role"] == "tool"]
    assert results[0] == "did it" if decision == "run_again" else "I looked" in results[0]
    assert results[1] == "42"


async def test_a_graceful_stop_hands_runs_back_at_no_cost_to_them(open_engine: Open, server: ModelServer) -> None:
    long_lease = Options(lease_seconds=3600, sweep_seconds=0.05)
    server.script(held(), Reply("On."))
    engine = await open_engine(long_lease)
    other = await open_engine(Options(lease_seconds=3600, sweep_seconds=0.05), starts=False)
    run = await engine.chat("go")
    text = await engine.until_writing(run.id)
    await engine.stop()
    assert (await other.get(run.id)).run_status is RunStatus.QUEUED
    other.start()
    done = await other.settled(run.id, ENDED)
    assert (done.run_status, done.attempt, done.fence) == (RunStatus.DONE, 0, 2)
    recovered = next(e for e in await other.events(run.id) if e.event_type == "run.recovered")
    assert recovered.details["cause"] == "handed_back"
    assert (recovered.details["worker"], recovered.details["fence"]) == (engine.worker_id, 1)
    (cut,) = [m for m in await other.messages(run.session_id) if m.state == "interrupted"]
    assert cut.content == text


async def test_a_graceful_stop_lets_finish_what_finishes_in_time(open_engine: Open, server: ModelServer) -> None:
    gate = asyncio.Event()
    server.script(Held(gate, WORDS, after_chunks=2))
    engine = await open_engine()
    run = await engine.chat("go")
    await engine.until_writing(run.id)
    stopping = asyncio.ensure_future(engine.worker.shut_down(10))
    gate.set()
    await stopping
    assert (await engine.get(run.id)).run_status is RunStatus.DONE


async def test_a_claim_under_way_at_a_graceful_stop_is_handed_back(open_engine: Open, server: ModelServer) -> None:
    engine = await open_engine(Options(lease_seconds=3600, concurrency=0), starts=False)
    run = await engine.chat("go")
    may_go = threading.Event()
    busy = asyncio.ensure_future(engine.database.write(lambda _: may_go.wait(10)))
    claiming = asyncio.ensure_future(engine.worker.execute(run.id))
    await asyncio.sleep(0)
    await engine.worker.shut_down(10)
    may_go.set()
    await asyncio.gather(busy, claiming)
    back = await engine.get(run.id)
    assert (back.run_status, back.fence, back.attempt) == (RunStatus.QUEUED, 1, 0)
    server.script(Reply("On."))
    other = await open_engine(Options(sweep_seconds=0.05))
    assert (await other.settled(run.id, ENDED)).result["text"] == "On."


@pytest.mark.parametrize("kind", ["chat", "draft"])
async def test_a_wake_up_that_was_lost_is_made_up_for(open_engine: Open, server: ModelServer, kind: str) -> None:
    deaf = await open_engine(Options(concurrency=0), starts=False)
    run = await (deaf.chat("go") if kind == "chat" else deaf.hand_off(DRAFT))
    server.script(Reply("Found.") if kind == "chat" else PROPOSAL)
    other = await open_engine()
    await other.settled(run.id)
    assert len(server.requests) == 1


async def test_a_message_nobody_writes_any_more_is_closed_and_billed(open_engine: Open, server: ModelServer) -> None:
    run = await lost_in_mid_answer(open_engine, server)
    other = await open_engine(starts=False)
    await other.cancel(run)
    assert await other.database.read(lambda tx: tx.messages.orphaned(10))
    other.start()

    async def is_closed() -> bool:
        return not await other.database.read(lambda tx: tx.messages.orphaned(10))

    await other.until(is_closed, run.id)
    after = await other.get(run.id)
    assert after.totals.estimated_count == 1
    assert after.totals.cost_nanos > 0
    check_ended(other.path)


async def test_a_cancellation_elsewhere_stops_the_worker(open_engine: Open, server: ModelServer) -> None:
    server.script(held())
    engine = await open_engine(Options(lease_seconds=0.6))
    other = await open_engine(Options(concurrency=0, lease_seconds=3600), starts=False)
    run = await engine.chat("go")
    text = await engine.until_writing(run.id)
    await other.cancel(run)
    await server.until(lambda: server.bill()["aborted"] == 1)

    async def is_billed() -> bool:
        return engine.worker.holds == 0 and not await engine.database.read(lambda tx: tx.messages.streaming(run.id))

    await engine.until(is_billed, run.id)
    (cut,) = [m for m in await engine.messages(run.session_id) if m.role == "assistant"]
    assert cut.content in {text, ""}


async def test_a_row_that_newer_code_wrote_does_not_stop_the_sweep(
    open_engine: Open, server: ModelServer, database_kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    if database_kind != "sqlite":
        pytest.skip("writes to the file around the product")
    run = await lost_in_mid_answer(open_engine, server)
    connection = sqlite3.connect(new_path := (await open_engine(starts=False)).path, isolation_level=None)
    connection.execute("UPDATE agent_runs SET reason = 'of the future'")
    other = await open_engine()

    async def has_stumbled() -> bool:
        return "sweep.broke" in caplog.text

    await other.until(has_stumbled, "")
    connection.execute("UPDATE agent_runs SET reason = ''")
    connection.close()
    server.script(Reply("On."))
    assert (await other.settled(run.id, ENDED)).result["text"] == "On."
    assert new_path == other.path
