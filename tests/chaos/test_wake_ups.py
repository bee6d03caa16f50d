"""A wake-up is a hint: none, several or late ones, a run is claimed once for each of its fences."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack, nullcontext
from typing import TYPE_CHECKING

import pytest

from oneliner.domain.run import ENDED
from oneliner.testing import ModelServer, Reply
from tests.support.databases import stand_in, tables
from tests.support.engine import ALICE, Engine, Options, new_database
from tests.support.invariants import check_database, check_ended

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.engine import Engine as _Engine


@pytest.mark.parametrize("runs", [40, pytest.param(1_000, marks=[pytest.mark.slow, pytest.mark.timeout(1_800)])])
async def test_the_same_wake_up_delivered_never_or_often_or_late_makes_one_claim(
    tmp_path: Path,
    seed: int,
    say: Callable[[str], None],
    database_kind: str,
    request: pytest.FixtureRequest,
    runs: int,
) -> None:
    dice = random.Random(seed)
    path = tmp_path / "oneliner.db"
    url = "" if database_kind == "sqlite" else request.getfixturevalue("postgres_url")
    async with AsyncExitStack() as stack:
        stack.enter_context(stand_in(path, url) if url else nullcontext())
        server = await stack.enter_async_context(ModelServer(lambda _: Reply("done", delay_seconds=0.01)))
        new_database(path)
        # It only accepts; what it wakes is lost.
        front = Engine(path, server.base_url, Options(concurrency=0))
        await front.admit(ALICE)
        engines = [Engine(path, server.base_url, Options(sweep_seconds=1.0)) for _ in range(3)]
        for engine in (front, *engines):
            stack.push_async_callback(engine.stop)
        for engine in engines:
            engine.start()

        async def deliver(engine: _Engine, run_id: str, after_seconds: float) -> None:
            await asyncio.sleep(after_seconds)
            engine.queue.wake(run_id)

        started: list[str] = []
        async with asyncio.TaskGroup() as group:
            for n in range(runs):
                run = await front.chat(f"number {n}")
                started.append(run.id)
                for _ in range(dice.randrange(6)):
                    group.create_task(deliver(dice.choice(engines), run.id, dice.choice([0.0, 0.0, dice.random()])))
        for run_id in started:
            await front.settled(run_id, ENDED, seconds=60)
        check_database(path)
        check_ended(path)
        rows = tables(path)
    claims = [e["run_id"] for e in rows["agent_run_events"] if e["event_type"] == "run.started"]
    assert sorted(claims) == sorted(started)
    assert {r["fence"] for r in rows["agent_runs"]} == {1}
    assert len(server.requests) == runs
    say(f"{database_kind}: {runs} runs, each woken 0 to 5 times at three workers: one claim each")
