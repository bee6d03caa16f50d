"""Moves that meet: each has one winner, the loser is told so, and what is written is the winner's alone."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from tests.support.engine import Options
from tests.support.invariants import check_ended
from tests.support.meeting import Meeting, many

from oneliner.app import runs
from oneliner.domain.errors import IllegalMove, PlanChanged
from oneliner.domain.run import ENDED, Run, RunStatus
from oneliner.testing import Call, Held, Reply

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tests.app.conftest import Start
    from tests.support.engine import Engine

    from oneliner.testing import ModelServer


@pytest.fixture
def races(database_kind: str) -> int:
    """How many; another suite races over PostgreSQL at length."""
    return 300 if database_kind == "sqlite" else 40


async def outcome(move: Awaitable[Run]) -> Run | IllegalMove:
    try:
        return await move
    except IllegalMove as refused:
        return refused


async def test_confirmations_and_a_cancellation_at_once(start: Start, server: ModelServer, races: int) -> None:
    """Two confirmations have one winner; a cancellation before both has the only one; one after the winner cancels
    the confirmed run, as the table allows at any time."""
    engine = await start(Options(sweep_seconds=5))
    gate = asyncio.Event()
    server.script(*[Held(gate)] * races)
    dice = random.Random(7)

    async def race(n: int) -> None:
        run = await engine.hand_off(runs.Handoff("t", "s", "k", project_id=f"p{n}"))
        moves = {"confirm 1": engine.confirm(run), "confirm 2": engine.confirm(run), "cancel": engine.cancel(run)}
        order = dice.sample(sorted(moves), 3)
        ended = dict(zip(order, await asyncio.gather(*(outcome(moves[name]) for name in order)), strict=True))
        winners = {name for name, result in ended.items() if isinstance(result, Run)}
        assert "cancel" in winners
        confirmed = winners - {"cancel"}
        told = await engine.types(run.id)
        assert len(confirmed) <= 1
        assert told.count("run.confirmed") == len(confirmed)
        for name in set(ended) - winners:
            refusal = ended[name]
            assert isinstance(refusal, IllegalMove)
            assert refusal.status in {RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.CANCELLED}
        assert told[-1] == "run.cancelled"
        assert (await engine.get(run.id)).run_status is RunStatus.CANCELLED

    await asyncio.gather(*(race(n) for n in range(races)))
    gate.set()


async def test_two_confirmations_at_once_have_one_winner(start: Start, server: ModelServer, races: int) -> None:
    engine = await start(Options(sweep_seconds=5))
    server.script(*[Reply(".")] * races)

    async def race(n: int) -> None:
        run = await engine.hand_off(runs.Handoff("t", "s", "k", project_id=f"p{n}"))
        results = await asyncio.gather(*(outcome(engine.confirm(run)) for _ in range(2)))
        assert sorted(isinstance(r, Run) for r in results) == [False, True]
        assert (await engine.settled(run.id, ENDED)).run_status is RunStatus.DONE

    await asyncio.gather(*(race(n) for n in range(races)))
    check_ended(engine.path)


async def test_a_cancellation_and_the_end_at_once_have_one_winner(
    start: Start, server: ModelServer, races: int
) -> None:
    engine = await start(Options(sweep_seconds=5))
    meeting = Meeting(11)
    won: list[str] = []

    async def race(n: int) -> None:
        gate = asyncio.Event()
        server.script(Held(gate, Reply("almost done"), after_chunks=1), marker=f"<{n}>")
        run = await engine.chat(f"<{n}>")
        await engine.until_writing(run.id)
        cancelled = await meeting.race(gate, lambda: outcome(engine.cancel(run)))
        ended = await engine.settled(run.id, ENDED)
        if isinstance(cancelled, IllegalMove):
            assert (ended.run_status, cancelled.status) == (RunStatus.DONE, RunStatus.DONE)
        else:
            assert ended.run_status is RunStatus.CANCELLED
        won.append(str(ended.run_status))
        meeting.won(by_move=ended.run_status is RunStatus.CANCELLED)

    await many(races, race)
    assert set(won) == {"done", "cancelled"}, "no race: one side always wins"

    async def is_quiet() -> bool:
        return engine.worker.holds == 0 and not await engine.database.read(lambda tx: tx.messages.orphaned(1))

    await engine.until(is_quiet, "")
    check_ended(engine.path)


async def test_edits_of_one_revision_at_once_have_one_winner(engine: Engine) -> None:
    run = await engine.hand_off(runs.Handoff("t", "s", "k", steps=("a", "b")))
    edits = [engine.write(runs.edit_plan, run.id, 1, f"goal {n}", None) for n in range(20)]
    results = await asyncio.gather(*edits, return_exceptions=True)
    (winner,) = [r for r in results if isinstance(r, Run)]
    assert all(isinstance(r, PlanChanged) for r in results if r is not winner)
    assert (await engine.get(run.id)).plan == winner.plan
    assert await engine.types(run.id) == ["run.created", "run.plan_edited"]


async def test_an_edit_and_a_confirmation_of_one_revision_at_once_have_one_winner(
    engine: Engine, server: ModelServer
) -> None:
    server.script(*[Reply(".")] * 200)

    async def race(n: int) -> None:
        run = await engine.hand_off(runs.Handoff("t", "s", "k", goal="old", project_id=f"p{n}"))
        edit, confirm = engine.write(runs.edit_plan, run.id, 1, "new", None), engine.confirm(run, 1)
        both = (edit, confirm) if n % 2 else (confirm, edit)
        results = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(isinstance(r, Run) for r in results) == [False, True]
        now = await engine.get(run.id)
        is_waiting = now.run_status is RunStatus.NEEDS_CONFIRMATION
        assert now.plan.goal == ("new" if is_waiting else "old")

    await asyncio.gather(*(race(n) for n in range(100)))


async def test_answers_at_once_have_one_winner(engine: Engine, server: ModelServer) -> None:
    server.script(Reply(tool_calls=[Call("ask_user", {"question": "?"})]), Reply("Thanks."))
    run = await engine.settled((await engine.chat("ask")).id)
    results = await asyncio.gather(*(outcome(engine.resume(run, {"answer": str(n)})) for n in range(10)))
    assert sum(isinstance(r, Run) for r in results) == 1
    await engine.settled(run.id, ENDED)
    assert len([m for m in await engine.messages(run.session_id) if m.role == "tool"]) == 1


@pytest.mark.parametrize("move", ["retry", "cancel"])
async def test_the_same_button_twice_at_once_counts_once(engine: Engine, server: ModelServer, move: str) -> None:
    server.script(Reply("Half", finish_reason="length"), Reply("Whole"))
    run = await engine.settled((await engine.chat("go")).id)
    if move == "cancel":
        run = await engine.hand_off()
    results = await asyncio.gather(*(outcome(getattr(engine, move)(run)) for _ in range(10)))
    assert sum(isinstance(r, Run) for r in results) == 1
    await engine.settled(run.id, frozenset({RunStatus.DONE, RunStatus.CANCELLED}))
