"""Many at once on one database: one winner each, nobody stuck, and never two transactions that wait for each other."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.databases import open_database, stand_in
from tests.support.engine import ALICE, BOB, new_database
from tests.support.invariants import check_database
from tests.support.moves import Mover

from oneliner.app import documents, governance, runs, session_deletion, sessions, steering
from oneliner.app.journal import EVERYTHING
from oneliner.domain.errors import Conflict, Invalid, LeaseLost, NotFound, VersionChanged
from oneliner.domain.executor import Roster
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.run import ENDED, TERMINAL_EVENTS, RunStatus, Trigger
from oneliner.domain.user import Authority, Caller, UserStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from oneliner.app.ports import Database, Transaction
    from oneliner.domain.policy import Layer
    from oneliner.domain.run import Run

ADMIN = Caller("root", authority=Authority.ADMIN)
COUNTS = [40, pytest.param(300, marks=pytest.mark.slow)]
REFUSED = (Conflict, LeaseLost, NotFound, Invalid)


@pytest.fixture
def path(tmp_path: Path, database_kind: str, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = tmp_path / "oneliner.db"
    if database_kind == "sqlite":
        yield path
    else:
        with stand_in(path, request.getfixturevalue("postgres_url")):
            yield path


@pytest.fixture
async def database(path: Path, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Database]:
    caplog.set_level("INFO", "oneliner.database")
    database = open_database(new_database(path), lambda _: None)

    def admit(tx: Transaction) -> None:
        for user in (ALICE, BOB):
            tx.users.admit(user, UserStatus.APPROVED)

    await database.write(admit)
    yield database
    await database.close()
    check_database(path)
    repeated = [r.getMessage() for r in caplog.get_records("call") if "transaction.repeated" in r.getMessage()]
    # Every transaction keeps to one order of locks, so none had to be repeated.
    assert not repeated


@pytest.fixture
def mover() -> Mover:
    return Mover()


async def tried(database: Database, work: Callable[[Transaction], Any]) -> bool:
    """Whether *work* was not refused."""
    try:
        await database.write(work)
    except REFUSED:
        return False
    return True


async def moved(database: Database, mover: Mover, run_id: str, trigger: Trigger) -> bool:
    """Whether a run let itself be moved."""
    return await tried(database, partial(mover.try_move, run_id=run_id, trigger=trigger))


async def events_of(database: Database, run: Run) -> Counter[str]:
    found = await database.read(lambda tx: tx.events.after(run.id, 0, 1_000))
    return Counter(e.event_type for e in found)


async def status_of(database: Database, run_id: str) -> RunStatus:
    return (await database.read(lambda tx: tx.runs.get(run_id, EVERYTHING))).run_status


@pytest.mark.parametrize("count", COUNTS)
async def test_two_confirms_and_a_cancel_have_one_winner(database: Database, mover: Mover, count: int) -> None:
    async def race() -> None:
        run = await database.write(lambda tx: mover.begin(tx, "handoff"))
        first, second, cancelled = await asyncio.gather(
            tried(database, lambda tx: runs.confirm(tx, ALICE, run.id, 0, "")),
            tried(database, lambda tx: runs.confirm(tx, ALICE, run.id, 0, "")),
            tried(database, lambda tx: runs.cancel(tx, ALICE, run.id, "")),
        )
        told = await events_of(database, run)
        # A confirmed run can still be cancelled, so the cancel always finds a state that it leads out of.
        assert cancelled
        assert told["run.cancelled"] == 1
        assert told["run.confirmed"] == int(first) + int(second) <= 1

    await _many(race, count)


@pytest.mark.parametrize("count", COUNTS)
async def test_a_cancel_and_an_end_have_one_winner(database: Database, mover: Mover, count: int) -> None:
    async def race() -> None:
        run = await database.write(lambda tx: mover.begin(tx, "chat"))
        await database.write(lambda tx: mover.try_move(tx, run.id, Trigger.CLAIM))
        ends = await asyncio.gather(
            tried(database, lambda tx: mover.try_move(tx, run.id, Trigger.COMPLETE)),
            tried(database, lambda tx: mover.try_move(tx, run.id, Trigger.CANCEL)),
        )
        told = await events_of(database, run)
        assert sum(ends) == 1
        assert sum(told[str(e)] for e in TERMINAL_EVENTS) == 1

    await _many(race, count)


@pytest.mark.parametrize("count", COUNTS)
async def test_one_lane_is_worked_off_by_many_without_getting_stuck(
    database: Database, mover: Mover, count: int
) -> None:
    """Confirmations, claims, ends and cancellations of one lane, all at once."""
    waiting = [(await database.write(lambda tx: mover.begin(tx, "handoff"))).id for _ in range(count)]

    async def confirm(run_id: str) -> None:
        # Refused when it was cancelled before.
        await tried(database, lambda tx: runs.confirm(tx, ALICE, run_id, 0, ""))

    async def work(seed: int) -> None:
        chance = random.Random(seed)
        while waiting:
            run_id = chance.choice(waiting[:12])
            if chance.random() < 0.1:
                await moved(database, mover, run_id, Trigger.CANCEL)
            elif await moved(database, mover, run_id, Trigger.CLAIM):
                await moved(database, mover, run_id, Trigger.COMPLETE)
            if run_id in waiting and await status_of(database, run_id) in ENDED:
                with suppress(ValueError):
                    waiting.remove(run_id)

    async with asyncio.timeout(120):
        await asyncio.gather(*[confirm(run_id) for run_id in list(waiting)], *[work(seed) for seed in range(10)])


@pytest.mark.parametrize("count", [40, pytest.param(400, marks=pytest.mark.slow)])
async def test_all_moves_at_once_in_shared_sessions_never_wait_for_each_other(
    database: Database, mover: Mover, count: int
) -> None:
    """Chats and handoffs of one session have different lanes, and meet in the rows of session and user."""
    chats = [await database.write(lambda tx: mover.begin(tx, "chat")) for _ in range(2)]
    known = [run.id for run in chats]
    moves = [t for t in Trigger if t is not Trigger.RECOVER]

    async def disturb(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(count):
            run_id, session_id = chance.choice(known), chance.choice(chats).session_id
            match chance.randrange(13):
                case 0:
                    await _begin(database, mover, chance.choice(["chat", "handoff", "draft"]), session_id, known)
                case 1:
                    await tried(database, lambda tx: tx.runs.renew("w", 60_000, known))
                case 2:
                    edit = partial(runs.edit_plan, caller=ALICE, run_id=run_id, plan_rev=0, goal="another", steps=None)
                    await tried(database, edit)
                case 3:
                    await moved(database, mover, run_id, Trigger.RECOVER)
                case 4 if chance.random() < 0.3:
                    await tried(database, partial(session_deletion.delete, caller=ALICE, session_id=session_id))
                    await tried(database, partial(sessions.restore, caller=ADMIN, session_id=session_id))
                case 5:
                    await tried(database, lambda tx: documents.write(tx, "alice", "p", "a.md", "x", None, "alice"))
                case 6:
                    how = chance.choice(list(steering.Multitask))
                    said = steering.Said("hear", session_id, multitask=how)
                    await tried(database, partial(steering.say, caller=ALICE, said=said, roster=Roster()))
                case _:
                    await moved(database, mover, run_id, chance.choice(moves))

    async with asyncio.timeout(150):
        await asyncio.gather(*[disturb(seed) for seed in range(10)])


async def test_of_two_who_write_a_document_first_one_is_told(database: Database) -> None:
    def write(seen_version: int | None) -> Callable[[Transaction], Any]:
        return lambda tx: documents.write(tx, "alice", "p", f"{seen_version}.md", "x", seen_version, "alice")

    for seen_version, winners in ((0, 1), (None, 4)):
        outcomes = await asyncio.gather(
            *[database.write(write(seen_version)) for _ in range(4)], return_exceptions=True
        )
        assert sum(not isinstance(o, BaseException) for o in outcomes) == winners
        assert all(isinstance(o, VersionChanged) for o in outcomes if isinstance(o, BaseException))


async def test_of_two_who_change_a_policy_layer_one_is_told(database: Database) -> None:
    def put(tx: Transaction, version: int) -> Layer:
        return governance.put_layer(tx, ADMIN, LayerName.PROJECT, "p", Rules(), version)

    for version in range(3):
        outcomes = await asyncio.gather(
            *[database.write(partial(put, version=version)) for _ in range(8)], return_exceptions=True
        )
        assert sum(not isinstance(o, BaseException) for o in outcomes) == 1
        assert all(isinstance(o, VersionChanged) for o in outcomes if isinstance(o, BaseException))


async def _begin(database: Database, mover: Mover, kind: str, session_id: str, known: list[str]) -> None:
    def work(tx: Transaction) -> Run:
        if kind == "chat":
            return mover.begin(tx, kind, session_id)
        handoff = runs.Handoff("a task", "home", "button", draft=kind == "draft", session_id=session_id)
        return runs.hand_off(tx, ALICE, handoff).run

    try:
        run = await database.write(work)
    except NotFound:
        return
    known.append(run.id)
    del known[:-6]


async def _many(race: Callable[[], Any], count: int) -> None:
    limit = asyncio.Semaphore(16)

    async def one() -> None:
        async with limit:
            await race()

    async with asyncio.timeout(150):
        await asyncio.gather(*[one() for _ in range(count)])
