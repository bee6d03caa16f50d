"""Schedules: one run for each due time, whoever sweeps; confirmed as the rules say; and nothing for what was paused."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.engine import ALICE, Engine, Options, new_database

from oneliner.app import governance, recovery, run_views, runs, schedules
from oneliner.app.ports import Page, RunFilter
from oneliner.domain.errors import Forbidden, Invalid, NotFound, PolicyDenied
from oneliner.domain.policy import Confirmation, LayerName, Rules
from oneliner.domain.run import ENDED, RunStatus
from oneliner.domain.schedule import FireOutcome
from oneliner.domain.user import Authority, Caller, UserStatus
from oneliner.testing import Reply

if TYPE_CHECKING:
    from tests.app.conftest import Open

    from oneliner.app.ports import Transaction
    from oneliner.domain.schedule import Fire, Schedule
    from oneliner.testing import ModelServer

ROOT = Path(__file__).parents[2]
ADMIN = Caller("root", Authority.ADMIN)
MINUTE_MS = 60_000
WEEKLY = runs.Handoff("weekly review", "home", "button", goal="review", steps=("look",), project_id="p")
EVER = Options(sweep_seconds=3_600)


async def permit_ahead(engine: Engine, confirmation: Confirmation = Confirmation.NEVER) -> None:
    rules = Rules(schedule_confirmation=confirmation)
    await engine.admit(ADMIN)
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", rules, None, caller=ADMIN)


async def every_minute(engine: Engine, handoff: runs.Handoff = WEEKLY, *, ahead: bool = False) -> Schedule:
    return await engine.database.write(
        lambda tx: schedules.create(tx, ALICE, handoff, "* * * * *", "UTC", confirmed_ahead=ahead)
    )


async def make_due(engine: Engine, schedule: Schedule, minutes: int = 0) -> int:
    """Have a schedule be due since so many whole minutes; the time."""

    def work(tx: Transaction) -> int:
        since = (tx.now_ms // MINUTE_MS - minutes) * MINUTE_MS
        tx.schedules.set_next(schedule.id, paused=False, next_due_at=since)
        return since

    return await engine.database.write(work)


async def sweep(*engines: Engine) -> None:
    await asyncio.gather(
        *(recovery.sweep(e.database, e.queue, worker_id="sweeper", undelivered_after_ms=60_000) for e in engines)
    )


async def fires(engine: Engine, schedule: Schedule) -> list[Fire]:
    return await engine.write(schedules.fires, schedule.id, 100, None)


async def test_a_due_time_makes_one_run_whatever_number_of_processes_sweeps(open_engine: Open) -> None:
    engines = [await open_engine(EVER, starts=False) for _ in range(4)]
    made = [await every_minute(engines[0], replace(WEEKLY, project_id=f"p{n % 3}")) for n in range(20)]
    for schedule in made:
        await make_due(engines[0], schedule)
    await sweep(*engines)
    for schedule in made:
        (fire,) = await fires(engines[0], schedule)
        run = await engines[0].get(fire.run_id)
        assert (run.title, run.run_status) == (WEEKLY.title, RunStatus.NEEDS_CONFIRMATION)
    found = await engines[0].write(run_views.page, Page(100), RunFilter())
    assert len(found) == len(made)


async def test_real_processes_that_sweep_at_once_make_one_run(tmp_path: Path, server: ModelServer) -> None:
    path, effects = new_database(tmp_path / "oneliner.db"), tmp_path / "effects"
    effects.touch()
    watcher = Engine(path, server.base_url, Options(concurrency=0))
    await watcher.admit(ALICE)
    made = [await every_minute(watcher, replace(WEEKLY, project_id=f"p{n}")) for n in range(10)]
    arguments = ["-m", "tests.support.engine_process", str(path), server.base_url, str(effects)]
    pipe = asyncio.subprocess.PIPE
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT, stdin=pipe, stdout=pipe)
        for _ in range(3)
    ]
    pids: list[int] = []
    try:
        for process in processes:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"go\n")
            async with asyncio.timeout(60):
                pids.append(int(await process.stdout.readline()))
        due = [await make_due(watcher, schedule) for schedule in made]

        async def all_fired() -> bool:
            return all([await fires(watcher, schedule) for schedule in made])

        await watcher.until(all_fired, "", 60)
        for schedule, since in zip(made, due, strict=True):
            assert [f.due_at for f in await fires(watcher, schedule)].count(since) == 1
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        for process in processes:
            process.kill()
            await process.communicate()
    told = [await fires(watcher, schedule) for schedule in made]
    found = await watcher.write(run_views.page, Page(100), RunFilter())
    assert len(found) == sum(len(some) for some in told)
    await watcher.stop()


async def test_times_that_were_missed_are_made_up_for_once_by_the_latest(open_engine: Open) -> None:
    engine = await open_engine(EVER, starts=False)
    schedule = await every_minute(engine)
    first = await make_due(engine, schedule, 90)
    await sweep(engine)
    (fire,) = await fires(engine, schedule)
    assert fire.first_due_at == first
    assert fire.due_at >= first + 90 * MINUTE_MS
    following = (await engine.write(schedules.get, schedule.id)).next_due_at
    assert fire.fired_at < following <= fire.fired_at + MINUTE_MS


async def test_a_run_confirmed_ahead_goes_at_once_where_the_rules_allow_it(
    open_engine: Open, server: ModelServer
) -> None:
    engine = await open_engine(EVER)
    with pytest.raises(PolicyDenied):
        await every_minute(engine, ahead=True)
    await permit_ahead(engine)
    schedule = await every_minute(engine, ahead=True)
    server.script(*[Reply("Done.")] * 4)
    await make_due(engine, schedule)
    await sweep(engine)
    (fire,) = await fires(engine, schedule)
    assert (await engine.settled(fire.run_id, ENDED)).run_status is RunStatus.DONE
    assert (await engine.until_told(fire.run_id, "run.confirmed")).details["by"] == "alice"


async def test_what_was_confirmed_ahead_waits_when_the_rules_have_become_stricter(open_engine: Open) -> None:
    engine = await open_engine(EVER, starts=False)
    await permit_ahead(engine)
    schedule = await every_minute(engine, ahead=True)
    await permit_ahead(engine, Confirmation.ALWAYS)
    await make_due(engine, schedule)
    await sweep(engine)
    (fire,) = await fires(engine, schedule)
    assert (await engine.get(fire.run_id)).run_status is RunStatus.NEEDS_CONFIRMATION


async def test_a_paused_schedule_does_not_fire_and_makes_up_for_nothing(open_engine: Open) -> None:
    engine = await open_engine(EVER, starts=False)
    schedule = await every_minute(engine)
    await make_due(engine, schedule, 5)
    paused = await engine.write(schedules.pause, schedule.id)
    assert (paused.paused, paused.next_due_at) == (True, None)
    await sweep(engine)
    assert await fires(engine, schedule) == []
    resumed = await engine.write(schedules.resume, schedule.id)
    assert not resumed.paused
    assert resumed.next_due_at > resumed.updated_at
    await sweep(engine)
    assert await fires(engine, schedule) == []


async def test_nobody_works_for_a_user_who_may_not(open_engine: Open) -> None:
    engine = await open_engine(EVER, starts=False)
    schedule = await every_minute(engine)
    await engine.database.write(lambda tx: tx.users.set_status("alice", UserStatus.SUSPENDED))
    await make_due(engine, schedule)
    await sweep(engine)
    (fire,) = await fires(engine, schedule)
    assert (fire.outcome, fire.run_id) == (FireOutcome.REFUSED, "")


async def test_a_deleted_schedule_is_gone_and_its_runs_stay(open_engine: Open) -> None:
    engine = await open_engine(EVER, starts=False)
    schedule = await every_minute(engine)
    await make_due(engine, schedule)
    await sweep(engine)
    (fire,) = await fires(engine, schedule)
    await engine.write(schedules.delete, schedule.id)
    with pytest.raises(NotFound):
        await engine.write(schedules.get, schedule.id)
    assert (await engine.get(fire.run_id)).run_status is RunStatus.NEEDS_CONFIRMATION


@pytest.mark.parametrize(
    "handoff",
    [replace(WEEKLY, session_id="x"), replace(WEEKLY, draft=True, steps=()), replace(WEEKLY, steps=("",))],
)
async def test_what_could_not_be_handed_over_is_not_scheduled(open_engine: Open, handoff: runs.Handoff) -> None:
    engine = await open_engine(EVER, starts=False)
    await permit_ahead(engine)
    with pytest.raises(Invalid):
        await every_minute(engine, handoff, ahead=True)
    assert await engine.write(schedules.page, Page(9), None) == []


async def test_a_token_that_names_projects_schedules_in_those_alone(open_engine: Open) -> None:
    engine = await open_engine(EVER, starts=False)
    narrow = Caller("alice", projects=frozenset({"q"}))
    with pytest.raises(Forbidden):
        await engine.database.write(
            lambda tx: schedules.create(tx, narrow, WEEKLY, "* * * * *", "UTC", confirmed_ahead=False)
        )
