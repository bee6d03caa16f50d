"""The writer thread of SQLite: shared commits that fail apart, a full disk, a locked file, and what it leaves alone."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.engine import ALICE, new_database

from oneliner.adapters.database.sqlite import MAX_BATCH, SqliteDatabase
from oneliner.app import runs
from oneliner.app.ports import Page
from oneliner.domain.errors import Invalid, StorageFull, Unavailable
from oneliner.domain.user import Caller, UserStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from oneliner.app.ports import Effects, Transaction

BUSY_TIMEOUT_MS = 200


class Told:
    """What left after commits."""

    def __init__(self) -> None:
        self.effects: list[Effects] = []

    def __call__(self, effects: Effects) -> None:
        self.effects.append(effects)

    @property
    def wakes(self) -> list[str]:
        return [run_id for e in self.effects for run_id in e.wakes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return new_database(tmp_path / "oneliner.db")


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def database(path: Path, told: Told) -> AsyncIterator[SqliteDatabase]:
    database = SqliteDatabase(path, told, busy_timeout_ms=BUSY_TIMEOUT_MS)
    await database.write(lambda tx: tx.users.admit(ALICE, UserStatus.APPROVED))
    yield database
    await database.close()


def admit(name: str) -> Callable[[Transaction], str]:
    def work(tx: Transaction) -> str:
        return tx.users.admit(Caller(name), UserStatus.APPROVED).id

    return work


async def users(database: SqliteDatabase) -> list[str]:
    return [u.id for u in await database.read(lambda tx: tx.users.page(Page(1000)))]


class Paused:
    """Holds the writer, so that what is asked for meanwhile becomes one batch."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database
        self._may_go = threading.Event()

    async def __aenter__(self) -> None:
        self._task = asyncio.ensure_future(self._database.write(lambda _: self._may_go.wait(10)))
        await asyncio.sleep(0)

    async def __aexit__(self, *_: object) -> None:
        # One turn of the loop, in which everything that was asked for is handed over.
        await asyncio.sleep(0)
        self._may_go.set()
        await self._task


async def test_a_function_that_fails_undoes_itself_alone(database: SqliteDatabase, told: Told) -> None:
    def fail(tx: Transaction) -> None:
        tx.users.admit(Caller("nobody"), UserStatus.APPROVED)
        tx.effects.wakes.append("never")
        raise Invalid("no")

    def twice(tx: Transaction) -> None:
        tx.sign_in_codes.add("hash", "alice", "member", 1000)
        tx.sign_in_codes.add("hash", "alice", "member", 1000)

    async with Paused(database):
        together = [database.write(w) for w in (admit("bob"), fail, admit("carol"), twice, admit("dora"))]
        results = asyncio.gather(*together, return_exceptions=True)
    bob, failed, carol, doubled, dora = await results
    assert (bob, carol, dora) == ("bob", "carol", "dora")
    assert isinstance(failed, Invalid)
    assert isinstance(doubled, sqlite3.IntegrityError)
    assert await users(database) == ["alice", "bob", "carol", "dora"]
    assert told.wakes == []


async def test_a_batch_that_the_database_refuses_is_tried_one_by_one(database: SqliteDatabase) -> None:
    def broken(tx: Transaction) -> None:
        execute(tx, "SELECT * FROM no_such_table")

    async with Paused(database):
        results = asyncio.gather(
            *(database.write(w) for w in (admit("bob"), broken, admit("carol"))), return_exceptions=True
        )
    _, failed, _ = await results
    assert isinstance(failed, sqlite3.OperationalError)
    assert await users(database) == ["alice", "bob", "carol"]


async def test_effects_leave_after_the_commit_and_in_its_order(
    database: SqliteDatabase, told: Told, path: Path
) -> None:
    started = await asyncio.gather(
        *(database.write(lambda tx: runs.start_chat(tx, ALICE, "hi", None)) for _ in range(5))
    )
    assert told.wakes == [s.run.id for s in started]
    assert [e.owner_seq for effects in told.effects for e in effects.events] == list(range(1, 11))
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT count(*) FROM agent_runs").fetchone() == (5,)


async def test_more_than_a_batch_is_written_in_order(database: SqliteDatabase) -> None:
    async with Paused(database):
        writes = asyncio.gather(*(database.write(lambda tx: tx.new_id()) for _ in range(3 * MAX_BATCH)))
    ids = await writes
    assert ids == sorted(set(ids))


async def test_a_caller_that_goes_away_takes_nothing_back(database: SqliteDatabase) -> None:
    async with Paused(database):
        task = asyncio.ensure_future(database.write(admit("bob")))
        await asyncio.sleep(0)
        task.cancel()
    # Writes are taken in order: when this one is done, that one is.
    await database.write(lambda tx: tx.now_ms)
    assert "bob" in await users(database)
    assert task.cancelled()


async def test_a_reader_sees_one_moment_and_cannot_write(database: SqliteDatabase, path: Path) -> None:
    def look_twice(tx: Transaction) -> tuple[int, int]:
        first = execute(tx, "SELECT count(*) FROM users").fetchone()[0]
        with closing(sqlite3.connect(path)) as other, other:
            other.execute("INSERT INTO users (id, status, created_at) VALUES ('zoe', 'approved', 0)")
        return first, execute(tx, "SELECT count(*) FROM users").fetchone()[0]

    assert await database.read(look_twice) == (1, 1)
    assert await users(database) == ["alice", "zoe"]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await database.read(admit("bob"))


async def test_a_full_disk_is_said_and_passes(database: SqliteDatabase) -> None:
    pages = await database.write(lambda tx: execute(tx, "PRAGMA page_count").fetchone()[0])
    await database.write(lambda tx: execute(tx, f"PRAGMA max_page_count = {pages + 2}").fetchone())
    with pytest.raises(StorageFull) as full:
        await database.write(lambda tx: runs.start_chat(tx, ALICE, "x" * 100_000, None))
    assert full.value.params["retry_after_seconds"]
    # What fits is still written beside what does not.
    async with Paused(database):
        both = asyncio.gather(
            database.write(admit("bob")),
            database.write(lambda tx: runs.start_chat(tx, ALICE, "x" * 100_000, None)),
            return_exceptions=True,
        )
    bob, refused = await both
    assert bob == "bob"
    assert isinstance(refused, StorageFull)
    assert await users(database) == ["alice", "bob"]
    await database.write(lambda tx: execute(tx, "PRAGMA max_page_count = 1000000").fetchone())
    assert (await database.write(lambda tx: runs.start_chat(tx, ALICE, "x" * 100_000, None))).run
    assert await database.read(lambda tx: execute(tx, "PRAGMA integrity_check").fetchone()) == ("ok",)


async def test_a_locked_file_is_said_within_the_timeout_and_passes(database: SqliteDatabase, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        results = await asyncio.gather(*(database.write(admit(f"u{n}")) for n in range(20)), return_exceptions=True)
        waited_seconds = time.monotonic() - begun
        assert all(isinstance(r, Unavailable) and not isinstance(r, StorageFull) for r in results)
        # Two batches at most: what came while the first one waited does not wait once for each.
        assert waited_seconds < 3 * BUSY_TIMEOUT_MS / 1000
        assert await users(database) == ["alice"]
        other.execute("ROLLBACK")
    assert await database.write(admit("bob")) == "bob"


async def test_a_damaged_file_is_an_error_and_not_a_silence(database: SqliteDatabase, path: Path) -> None:
    page = await database.read(
        lambda tx: execute(tx, "SELECT rootpage FROM sqlite_master WHERE name = 'users'").fetchone()[0]
    )
    await database.close()
    # Whichever connection was the last to close, the page is in the file and no longer in the log beside it.
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    again = SqliteDatabase(path, lambda _: None)
    for _ in range(2):
        async with asyncio.timeout(5):
            with pytest.raises(sqlite3.DatabaseError):
                await again.write(admit("bob"))
            with pytest.raises(sqlite3.DatabaseError):
                await again.read(lambda tx: tx.users.find("alice"))
    await again.close()


async def test_a_closed_database_refuses(database: SqliteDatabase) -> None:
    await database.close()
    for access in (database.write, database.read):
        with pytest.raises(Unavailable):
            await access(lambda tx: tx.now_ms)
    await database.close()


async def test_events_cannot_be_rewritten(database: SqliteDatabase, path: Path) -> None:
    await database.write(lambda tx: runs.start_chat(tx, ALICE, "hi", None))
    with closing(sqlite3.connect(path)) as other:
        for statement in ("UPDATE agent_run_events SET summary = 'x'", "DELETE FROM agent_run_events"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                other.execute(statement)


async def test_the_writer_keeps_every_commit_over_a_power_cut(database: SqliteDatabase) -> None:
    pragmas = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": BUSY_TIMEOUT_MS}
    for name, value in pragmas.items():
        assert (await database.write(lambda tx, name=name: execute(tx, f"PRAGMA {name}").fetchone()))[0] == value


def execute(tx: Any, statement: str) -> sqlite3.Cursor:
    """A statement of the test's own, on the connection of the transaction."""
    return tx.users._driver.connection.execute(statement)
