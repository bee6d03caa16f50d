"""What was said in a deleted session goes after a time of grace, and its books stay to the digit."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncpg
import pytest
from tests.support.databases import dsn, is_stood_in, open_database, tables
from tests.support.engine import ALICE, Options
from tests.support.invariants import all_text

import oneliner
from oneliner.app import purging, recovery, runs, session_deletion, sessions, usage
from oneliner.app.ports import Page, UsageFilter
from oneliner.domain.errors import Purged
from oneliner.domain.run import RunStatus
from oneliner.domain.user import Authority, Caller
from oneliner.testing import Call, Held, Reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.app.conftest import Start
    from tests.support.engine import Engine

    from oneliner.app.ports import Transaction, UsageRow
    from oneliner.domain.run import Run
    from oneliner.testing import ModelServer

ADMIN = Caller("root", Authority.ADMIN)
SAID = "nightingale"
DAY_MS = 86_400_000
BOOKS = {
    "messages": ("id", "position", "role", "model", "input_tokens", "output_tokens", "cost_nanos", "created_at"),
    "agent_runs": ("id", "run_status", "input_tokens", "cost_nanos", "created_at", "governance_snapshot_json"),
    "agent_run_events": ("id", "run_id", "seq", "owner_seq", "event_type", "created_at"),
    "tool_calls": ("id", "name", "state", "started_at", "finished_at"),
    "sessions": ("id", "message_count", "input_tokens", "output_tokens", "cost_nanos", "created_at"),
}


def books(path: Path) -> dict[str, list[tuple[object, ...]]]:
    found = tables(path)
    return {name: sorted(tuple(row[c] for c in columns) for row in found[name]) for name, columns in BOOKS.items()}


async def bills(engine: Engine) -> list[tuple[list[UsageRow], UsageRow]]:
    def read(tx: Transaction) -> list[tuple[list[UsageRow], UsageRow]]:
        return [usage.bill(tx, ADMIN, by, UsageFilter(0, 2**52), Page(100)) for by in usage.GroupBy]

    return await engine.database.read(read)


@oneliner.tool(read_only=True)
def listen(bird: str) -> str:
    """What a bird says."""
    return f"the {bird} sings"


async def said_everywhere(start: Start, server: ModelServer) -> tuple[Engine, list[Run]]:
    """An engine with a session of two runs in which everything holds :data:`SAID`."""
    engine = await start(Options(tools=[listen]))
    server.script(
        Reply(f"Let me hear the {SAID}.", tool_calls=[Call("listen", {"bird": SAID})], usage=(100, 7, 40)),
        Reply(f"The {SAID} sings.", usage=(150, 9, 0)),
    )
    first = await engine.settled((await engine.chat(f"what says the {SAID}?")).id)
    assert first.run_status is RunStatus.DONE
    handoff = runs.Handoff(
        f"a {SAID}", "home", "button", summary=f"of the {SAID}", goal=f"hear a {SAID}", steps=(SAID,)
    )
    return engine, [first, await engine.hand_off(replace(handoff, session_id=first.session_id))]


async def test_purging_takes_what_was_said_and_leaves_the_books(start: Start, server: ModelServer, path: Path) -> None:
    engine, (run, waiting) = await said_everywhere(start, server)
    assert all_text(path).count(SAID) > 10
    await engine.write(session_deletion.delete, run.session_id)
    before, billed = books(path), await bills(engine)
    assert await purging.purge_deleted(engine.database, after_ms=0) == 1
    assert SAID not in all_text(path)
    assert books(path) == before
    assert await bills(engine) == billed
    assert any(rows for rows in billed)
    # The cancelled handoff as well; and done is done.
    assert (await engine.get(waiting.id)).title == ""
    assert await purging.purge_deleted(engine.database, after_ms=0) == 0


async def test_a_session_is_purged_after_its_grace_only(start: Start, server: ModelServer, path: Path) -> None:
    engine, (run, _) = await said_everywhere(start, server)
    assert await purging.purge_deleted(engine.database, after_ms=0) == 0
    await engine.write(session_deletion.delete, run.session_id)
    assert await purging.purge_deleted(engine.database, after_ms=DAY_MS) == 0
    restored = await engine.write(sessions.restore, run.session_id, caller=ADMIN)
    assert SAID in restored.title
    assert await purging.purge_deleted(engine.database, after_ms=0) == 0
    assert SAID in all_text(path)


async def test_a_purged_session_cannot_be_restored(start: Start, server: ModelServer) -> None:
    engine, (run, _) = await said_everywhere(start, server)
    await engine.write(session_deletion.delete, run.session_id)
    await purging.purge_deleted(engine.database, after_ms=0)
    with pytest.raises(Purged, match="cannot be restored"):
        await engine.write(sessions.restore, run.session_id, caller=ADMIN)


async def test_many_processes_purge_a_session_once(start: Start, server: ModelServer) -> None:
    engine, (run, _) = await said_everywhere(start, server)
    await engine.write(session_deletion.delete, run.session_id)
    purged = await asyncio.gather(*[purging.purge_deleted(engine.database, after_ms=0) for _ in range(4)])
    assert sum(purged) == 1


async def test_a_session_that_somebody_still_writes_to_waits(engine: Engine, server: ModelServer, path: Path) -> None:
    server.script(Held(asyncio.Event(), Reply(f"{SAID} and more words"), after_chunks=1))
    run = await engine.chat("sing")
    await engine.until_writing(run.id)
    await engine.stop_background()
    # Deleted by a process whose interrupts do not get through, so the call of the model goes on.
    elsewhere = open_database(path, lambda _: None)
    await elsewhere.write(lambda tx: session_deletion.delete(tx, ALICE, run.session_id))
    await elsewhere.close()
    assert await purging.purge_deleted(engine.database, after_ms=0) == 0
    await recovery.sweep(engine.database, engine.queue, worker_id="sweeper", undelivered_after_ms=60_000)
    assert await purging.purge_deleted(engine.database, after_ms=0) == 1
    assert SAID not in all_text(path)


@pytest.mark.parametrize("purged", [False, True])
async def test_events_lose_their_content_only_after_their_run_did(
    start: Start, server: ModelServer, path: Path, postgres_url: str, *, purged: bool
) -> None:
    engine, (run, _) = await said_everywhere(start, server)
    if purged:
        await engine.write(session_deletion.delete, run.session_id)
        await purging.purge_deleted(engine.database, after_ms=0)
    url = postgres_url if is_stood_in(path) else ""
    refused = [
        "UPDATE agent_run_events SET summary = 'x', details_json = '{}'",
        "UPDATE agent_run_events SET summary = '', details_json = '{\"a\": 1}'",
        "UPDATE agent_run_events SET summary = '', details_json = '{}', event_type = 'run.failed'",
        "UPDATE agent_run_events SET summary = '', details_json = '{}', seq = seq + 100",
        "DELETE FROM agent_run_events",
    ]
    emptied = "UPDATE agent_run_events SET summary = '', details_json = '{}'"
    for change in refused if purged else [*refused, emptied]:
        with pytest.raises((sqlite3.IntegrityError, asyncpg.RaiseError), match="append-only"):
            await changed(path, url, change)
    if purged:
        await changed(path, url, emptied)


async def changed(path: Path, url: str, change: str) -> None:
    """Send *change* around the product, and undo it."""
    if not url:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(change)
        return
    connection = await asyncpg.connect(dsn(url))
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(change)
        await transaction.rollback()
    finally:
        await connection.close()
