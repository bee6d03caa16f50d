"""Sessions of a project go when nothing has happened in them for as long as its rule says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.app.test_purging import ADMIN, DAY_MS
from tests.support.databases import is_stood_in, statement
from tests.support.engine import ALICE

from oneliner.app import retention, runs, sessions
from oneliner.app.ports import Page, Scope
from oneliner.domain.errors import Forbidden, NotFound
from oneliner.testing import Reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.engine import Engine

    from oneliner.domain.session import Session
    from oneliner.testing import ModelServer


async def aged(path: Path, url: str, days: int) -> None:
    """Let what is there be older by so many days."""
    change = f"UPDATE sessions SET updated_at = updated_at - {days * DAY_MS}"  # noqa: S608 - a number
    if is_stood_in(path):
        await statement(url, change)
        return
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(change)


async def chatted(engine: Engine, server: ModelServer, project_id: str) -> str:
    """The session of a chat that has ended."""
    server.script(Reply("yes"))
    started: runs.Started = await engine.write(runs.start_chat, "hi", None, project_id)
    return (await engine.settled(started.run.id)).session_id


async def session(engine: Engine, session_id: str) -> Session:
    return await engine.database.read(lambda tx: tx.sessions.get(session_id, Scope(None, with_deleted=True)))


async def test_old_sessions_of_the_project_go_and_others_stay(
    engine: Engine, server: ModelServer, path: Path, postgres_url: str
) -> None:
    old, elsewhere = [await chatted(engine, server, project) for project in ("p1", "p2")]
    await aged(path, postgres_url, 31)
    young = await chatted(engine, server, "p1")
    await engine.write(retention.put, "p1", 30, caller=ADMIN)
    assert await retention.delete_expired(engine.database) == 1
    gone = [(await session(engine, s)).deleted_at is not None for s in (old, elsewhere, young)]
    assert gone == [True, False, False]
    assert await retention.delete_expired(engine.database) == 0


async def test_a_session_whose_run_has_not_ended_stays(engine: Engine, path: Path, postgres_url: str) -> None:
    run = await engine.hand_off(
        runs.Handoff("a task", "home", "button", project_id="p1", goal="do it", steps=("look",))
    )
    await aged(path, postgres_url, 400)
    await engine.write(retention.put, "p1", 1, caller=ADMIN)
    assert await retention.delete_expired(engine.database) == 0
    await engine.cancel(run)
    await aged(path, postgres_url, 400)
    assert await retention.delete_expired(engine.database) == 1


async def test_a_session_that_was_restored_is_kept_for_another_while(
    engine: Engine, server: ModelServer, path: Path, postgres_url: str
) -> None:
    old = await chatted(engine, server, "")
    await aged(path, postgres_url, 31)
    await engine.write(retention.put, "", 30, caller=ADMIN)
    assert await retention.delete_expired(engine.database) == 1
    await engine.write(sessions.restore, old, caller=ADMIN)
    assert await retention.delete_expired(engine.database) == 0


async def test_rules_are_an_administrators(engine: Engine) -> None:
    for use_case, arguments in ((retention.put, ("p1", 30)), (retention.remove, ("p1",)), (retention.page, (Page(),))):
        with pytest.raises(Forbidden):
            await engine.write(use_case, *arguments, caller=ALICE)
    await engine.write(retention.put, "", 7, caller=ADMIN)
    await engine.write(retention.put, "p1", 30, caller=ADMIN)
    await engine.write(retention.put, "p1", 60, caller=ADMIN)
    rules = await engine.write(retention.page, Page(), caller=ADMIN)
    assert [(r.project_id, r.keep_days, r.updated_by) for r in rules] == [("", 7, "root"), ("p1", 60, "root")]
    rest = await engine.write(retention.page, Page(before=""), caller=ADMIN)
    assert [r.project_id for r in rest] == ["p1"]
    await engine.write(retention.remove, "p1", caller=ADMIN)
    with pytest.raises(NotFound):
        await engine.write(retention.remove, "p1", caller=ADMIN)
