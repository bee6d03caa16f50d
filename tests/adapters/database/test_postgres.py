"""Transactions over PostgreSQL: what is whole, what is run again, what is refused, and what is not known."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from tests.support.databases import statement
from tests.support.proxy import Cut, Proxy, proxied

from oneliner.adapters.database.postgres import PostgresDatabase, migrate_postgres, schema_of_postgres
from oneliner.adapters.database.schema_version import Schema
from oneliner.adapters.database.tables import metadata
from oneliner.app import runs
from oneliner.app.journal import EVERYTHING
from oneliner.app.ports import Page, RunFilter
from oneliner.domain.errors import NotFound, StorageFull, Unavailable
from oneliner.domain.user import Caller, UserStatus

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from tests.support.databases import PostgresServer

    from oneliner.app.ports import Effects, Transaction

ALICE = Caller("alice")


@pytest.fixture
def told() -> list[Effects]:
    return []


@pytest.fixture
async def database(postgres_url: str, told: list[Effects]) -> AsyncIterator[PostgresDatabase]:
    database = PostgresDatabase(postgres_url, told.append, pool_size=8)
    yield database
    await database.close()


def admit(tx: Transaction) -> None:
    tx.users.admit(ALICE, UserStatus.APPROVED)


def count_up(tx: Transaction) -> int:
    return tx.users.advance_cursor("alice", 1, "")[0]


def send(tx: Transaction, text: str) -> Any:
    """The first value of a statement of the test's own, sent within the transaction."""
    driver: Any = tx.users
    cursor = driver._driver.connection.cursor()
    cursor.execute(text)
    row = cursor.fetchone()
    return row[0] if row else None


class Tries:
    """A function that counts how often it is run, and does *first* on the first run alone."""

    def __init__(self, first: Callable[[Transaction], object]) -> None:
        self._first = first
        self.count = 0

    def __call__(self, tx: Transaction) -> int:
        self.count += 1
        found = count_up(tx)
        if self.count == 1:
            self._first(tx)
        return found


# The schema.


async def test_the_migrations_of_an_empty_database_make_the_tables(postgres_server: PostgresServer) -> None:
    with postgres_server.fresh(migrated=False) as url:
        assert await schema_of_postgres(url) is Schema.BEHIND
        assert await migrate_postgres(url)
        assert not await migrate_postgres(url)
        assert await schema_of_postgres(url) is Schema.UP_TO_DATE
        engine = create_async_engine(url)
        async with engine.connect() as connection:
            found = await connection.run_sync(lambda c: compare_metadata(MigrationContext.configure(c), metadata))
        await engine.dispose()
    assert found == []


async def test_processes_that_start_together_migrate_once(postgres_server: PostgresServer) -> None:
    with postgres_server.fresh(migrated=False) as url:
        await asyncio.gather(*[migrate_postgres(url) for _ in range(4)])
        assert await schema_of_postgres(url) is Schema.UP_TO_DATE


@pytest.mark.parametrize("change", ["UPDATE agent_run_events SET summary = ''", "DELETE FROM agent_run_events"])
async def test_the_history_of_a_run_cannot_be_rewritten(postgres_url: str, change: str) -> None:
    await statement(
        postgres_url,
        "INSERT INTO agent_run_events (id, run_id, seq, session_id, user_id, event_type, created_at)"
        " VALUES ('e', 'r', 1, 's', 'u', 'run.created', 0)",
    )
    engine = create_async_engine(postgres_url)
    with pytest.raises(DBAPIError, match="append-only"):
        async with engine.begin() as connection:
            await connection.exec_driver_sql(change)
    await engine.dispose()


# What is whole.


async def test_effects_leave_after_the_commit(database: PostgresDatabase, told: list[Effects]) -> None:
    def work(tx: Transaction) -> None:
        admit(tx)
        tx.effects.wakes.append("r")
        assert told == []

    await database.write(work)
    assert [e.wakes for e in told] == [["r"]]


async def test_a_function_that_raises_leaves_nothing(database: PostgresDatabase, told: list[Effects]) -> None:
    def work(tx: Transaction) -> None:
        admit(tx)
        raise NotFound("run", "x")

    with pytest.raises(NotFound):
        await database.write(work)
    assert await database.read(lambda tx: tx.users.find("alice")) is None
    assert told == []


async def test_the_time_is_the_databases_and_one_for_the_transaction(database: PostgresDatabase) -> None:
    def work(tx: Transaction) -> tuple[int, int, int]:
        before = tx.now_ms
        send(tx, "SELECT pg_sleep(0.02)")
        return before, tx.now_ms, send(tx, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")

    first, second, clock = await database.write(work)
    assert first == second
    assert 20 <= clock - first < 5_000


async def test_a_read_sees_one_moment_and_cannot_write(database: PostgresDatabase) -> None:
    await database.write(admit)

    def look(tx: Transaction) -> tuple[str, int, int]:
        before = tx.events.cursor_of("alice")
        loop.call_soon_threadsafe(lambda: others.append(loop.create_task(database.write(count_up))))
        send(tx, "SELECT pg_sleep(0.2)")
        return send(tx, "SHOW transaction_read_only"), before, tx.events.cursor_of("alice")

    loop = asyncio.get_running_loop()
    others: list[asyncio.Task[int]] = []
    assert await database.read(look) == ("on", 0, 0)
    assert await others[0] == 1
    with pytest.raises(Exception, match="read-only"):
        await database.read(count_up)
    assert await database.write(count_up) == 2


async def test_a_caller_who_is_cancelled_does_not_tear_the_transaction_apart(
    database: PostgresDatabase, told: list[Effects]
) -> None:
    await database.write(admit)
    begun = asyncio.Event()

    def work(tx: Transaction) -> None:
        begun.set()
        count_up(tx)
        send(tx, "SELECT pg_sleep(0.1)")
        tx.effects.wakes.append("r")

    waiting = asyncio.ensure_future(database.write(work))
    await begun.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await database.close()
    assert ["r"] in [e.wakes for e in told]


async def test_every_connection_carries_the_limits(database: PostgresDatabase) -> None:
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_isolation")
    found = await database.write(lambda tx: [send(tx, f"SHOW {name}") for name in names])
    assert found == ["15s", "5s", "10s", "read committed"]


async def test_a_closed_database_refuses(database: PostgresDatabase) -> None:
    await database.close()
    with pytest.raises(Unavailable):
        await database.write(admit)


# What is run again.


async def test_deadlocked_transactions_are_run_again(database: PostgresDatabase) -> None:
    def both(first: str, second: str) -> Callable[[Transaction], None]:
        def work(tx: Transaction) -> None:
            tx.lanes.lock(first)
            send(tx, "SELECT pg_sleep(0.05)")
            tx.lanes.lock(second)

        return work

    await asyncio.gather(*[database.write(both(*pair)) for pair in (("a", "b"), ("b", "a"))])
    assert await database.write(lambda tx: send(tx, "SELECT sum(turn)::bigint FROM lanes")) == 4


@pytest.mark.parametrize("state", ["40001", "40P01", "57P01", "08006"])
async def test_what_the_server_undid_is_run_again_from_the_start(
    database: PostgresDatabase, told: list[Effects], state: str
) -> None:
    await database.write(admit)
    tries = Tries(lambda tx: send(tx, f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$"))
    told.clear()
    assert await database.write(tries) == 1
    assert tries.count == 2
    assert len(told) == 1


async def test_who_finds_that_a_row_was_added_meanwhile_looks_again(database: PostgresDatabase) -> None:
    hashes = "h" * 3

    def take_or_add(tx: Transaction) -> str:
        found = send(tx, "SELECT count(*) FROM sign_in_codes")
        send(tx, "SELECT pg_sleep(0.05)")
        if found:
            return "found"
        tx.sign_in_codes.add(hashes, "alice", "member", 60_000)
        return "added"

    assert sorted(await asyncio.gather(*[database.write(take_or_add) for _ in range(2)])) == ["added", "found"]


async def test_a_row_that_is_there_already_for_good_is_the_functions_fault(database: PostgresDatabase) -> None:
    def work(tx: Transaction) -> None:
        for _ in range(2):
            tx.sign_in_codes.add("same", "alice", "member", 60_000)

    with pytest.raises(Exception, match="duplicate key"):
        await database.write(work)


async def test_a_connection_that_is_lost_in_the_middle_costs_a_try(database: PostgresDatabase) -> None:
    await database.write(admit)
    tries = Tries(lambda tx: send(tx, "SELECT pg_terminate_backend(pg_backend_pid())"))
    assert await database.write(tries) == 1
    assert tries.count == 2


async def test_connections_that_died_in_the_pool_cost_nothing(database: PostgresDatabase, postgres_url: str) -> None:
    await database.write(admit)
    await asyncio.gather(*[database.write(count_up) for _ in range(8)])
    killed = await statement(
        postgres_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    assert len(killed) > 1
    assert max(await asyncio.gather(*[database.write(count_up) for _ in range(8)])) == 16


async def test_connections_killed_under_load_lose_and_double_nothing(
    database: PostgresDatabase, postgres_url: str
) -> None:
    await database.write(admit)
    outcomes: list[str] = []

    async def one() -> None:
        try:
            await database.write(count_up)
        except Unavailable:
            outcomes.append("unknown")
        else:
            outcomes.append("done")

    async def kill() -> None:
        for _ in range(10):
            await statement(
                postgres_url,
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()",
            )

    await asyncio.gather(kill(), *[one() for _ in range(400)])
    counted = await database.read(lambda tx: tx.events.cursor_of("alice"))
    done = outcomes.count("done")
    assert done <= counted <= done + outcomes.count("unknown")
    assert done > 350


# What is not known, and what is refused.


@asynccontextmanager
async def behind_a_proxy(postgres_url: str, told: list[Effects]) -> AsyncGenerator[tuple[PostgresDatabase, Proxy]]:
    """A database that can be cut off."""
    url = make_url(postgres_url)
    async with proxied(url.host or "127.0.0.1", url.port or 5432) as proxy:
        address = url.set(host="127.0.0.1", port=proxy.port)
        database = PostgresDatabase(address.render_as_string(hide_password=False), told.append)
        yield database, proxy
        await database.close()


@pytest.mark.parametrize("cut", list(Cut))
async def test_what_a_commit_without_an_answer_did_is_done_exactly_once(
    postgres_url: str, told: list[Effects], cut: Cut
) -> None:
    async with behind_a_proxy(postgres_url, told) as (database, proxy):
        await database.write(admit)
        told.clear()
        tries: list[Cut | None] = []

        def work(tx: Transaction) -> str:
            tries.append(None if tries else cut)
            if tries[-1] is not None:
                proxy.cut_at(b"COMMIT", cut)
            return runs.start_chat(tx, ALICE, "hello", None).run.id

        run_id = await database.write(work)
        # What did not happen is done again, what did happen is not; and its effects leave in either case.
        assert len(tries) == (2 if cut is Cut.BEFORE else 1)
        found = await database.read(lambda tx: tx.runs.page(EVERYTHING, Page(10), RunFilter()))
        assert [run.id for run in found] == [run_id]
        assert [effects.wakes for effects in told] == [[run_id]]


async def test_a_commit_that_left_no_event_cannot_be_told_from_another_and_is_not_repeated(
    postgres_url: str, told: list[Effects]
) -> None:
    async with behind_a_proxy(postgres_url, told) as (database, proxy):
        await database.write(admit)
        tries = Tries(lambda _: proxy.cut_at(b"COMMIT", Cut.AFTER))
        with pytest.raises(Unavailable, match="during a commit"):
            await database.write(tries)
        assert tries.count == 1


async def test_a_commit_whose_outcome_cannot_be_asked_is_not_repeated(postgres_url: str, told: list[Effects]) -> None:
    async with behind_a_proxy(postgres_url, told) as (database, proxy):
        await database.write(admit)

        def cut_for_good(_: Transaction) -> None:
            proxy.cut_at(b"COMMIT", Cut.AFTER)
            proxy.refuse()

        tries = Tries(cut_for_good)
        with pytest.raises(Unavailable, match="during a commit"):
            await database.write(tries)
        assert tries.count == 1


async def test_who_is_patient_waits_for_a_database_that_is_away(postgres_url: str, told: list[Effects]) -> None:
    async with behind_a_proxy(postgres_url, told) as (database, proxy):
        await database.write(admit)
        proxy.refuse()
        proxy.cut_all()
        waiting = asyncio.ensure_future(database.write(count_up, patience_seconds=60))
        with pytest.raises(Unavailable):
            await database.write(count_up)
        assert not waiting.done()
        proxy.accept()
        assert await waiting == 1


async def test_who_is_patient_and_goes_away_is_not_waited_for(postgres_url: str, told: list[Effects]) -> None:
    async with behind_a_proxy(postgres_url, told) as (database, proxy):
        await database.write(admit)
        proxy.refuse()
        proxy.cut_all()
        waiting = asyncio.ensure_future(database.write(count_up, patience_seconds=3_600))
        with pytest.raises(Unavailable):
            await database.write(count_up)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with asyncio.timeout(30):
            await database.close()


async def test_what_is_reserved_finds_a_connection_when_all_are_in_use(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, lambda _: None, pool_size=2, wait_seconds=30)
    await database.write(admit)
    holders = [asyncio.ensure_future(database.write(lambda tx: send(tx, "SELECT pg_sleep(60)"))) for _ in range(2)]
    queued = asyncio.ensure_future(database.write(count_up))
    assert await database.write(count_up, reserved=True) == 1
    assert not queued.done()
    assert not any(holder.done() for holder in holders)
    await statement(
        postgres_url,
        "SELECT pg_cancel_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'",
    )
    assert await queued == 2
    await asyncio.gather(*holders, return_exceptions=True)
    await database.close()


async def test_a_server_that_is_not_there_is_unavailable(unused_tcp_port: int) -> None:
    database = PostgresDatabase(f"postgresql+asyncpg://postgres@127.0.0.1:{unused_tcp_port}/x", lambda _: None)
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        await database.write(admit)
    assert caught.value.params["retry_after_seconds"] == 1
    await database.close()
    with pytest.raises(Unavailable):
        await migrate_postgres(f"postgresql+asyncpg://postgres@127.0.0.1:{unused_tcp_port}/x")


async def test_who_gets_no_connection_in_time_is_told_so(postgres_url: str) -> None:
    database = PostgresDatabase(postgres_url, lambda _: None, pool_size=1, wait_seconds=0.05)
    holder = asyncio.ensure_future(database.write(lambda tx: send(tx, "SELECT pg_sleep(0.5)")))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="in use"):
        await database.write(admit)
    await holder
    await database.write(admit)
    await database.close()


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("DO $$ BEGIN RAISE EXCEPTION 'no space' USING ERRCODE = '53100'; END $$", StorageFull),
        ("DO $$ BEGIN SET LOCAL statement_timeout = 20; PERFORM pg_sleep(1); END $$", Unavailable),
        ("DO $$ BEGIN RAISE EXCEPTION 'locked' USING ERRCODE = '55P03'; END $$", Unavailable),
    ],
)
async def test_what_the_server_cannot_take_now_is_said(
    database: PostgresDatabase, text: str, refusal: type[Unavailable]
) -> None:
    await database.write(admit)

    def work(tx: Transaction) -> None:
        count_up(tx)
        if "timeout" in text:
            send(tx, "SET LOCAL statement_timeout = 20")
            send(tx, "SELECT pg_sleep(1)")
        send(tx, text)

    with pytest.raises(Unavailable) as caught:
        await database.write(work)
    assert type(caught.value) is refusal
    assert await database.write(count_up) == 1


async def test_two_requests_with_one_idempotency_key_do_not_overlap(database: PostgresDatabase) -> None:
    def keep(tx: Transaction) -> str:
        found = tx.keys.find("alice", "POST /x", "k")
        if found:
            return found[2]
        send(tx, "SELECT pg_sleep(0.1)")
        tx.keys.keep("alice", "POST /x", "k", "hash", 200, "answer")
        return "answer"

    outcomes = await asyncio.gather(*[database.write(keep) for _ in range(4)], return_exceptions=True)
    assert sum(o == "answer" for o in outcomes) >= 1
    assert {getattr(o, "code", "answer") for o in outcomes} == {"answer", "request_in_flight"}
    assert await database.write(keep) == "answer"
