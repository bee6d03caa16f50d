"""Erasing a user: all that he said and wrote goes, his bills stay, and he is refused until he is let in again."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from tests.app.test_purging import ADMIN, SAID, bills, books, said_everywhere
from tests.support.databases import open_database, tables
from tests.support.engine import ALICE, BOB
from tests.support.invariants import all_text, check_ended

from oneliner.app import documents, erasure, governance, saved_views, sign_in, users
from oneliner.domain.errors import Forbidden, Invalid, NotFound, UserNotApproved
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.run import RunStatus
from oneliner.domain.user import Authority, Caller, UserStatus
from oneliner.testing import Held, Reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.app.conftest import Start
    from tests.support.engine import Engine

    from oneliner.app.ports import Transaction
    from oneliner.testing import ModelServer

NAMED = Caller("alice", name=f"Alice {SAID}")
RUNNING = frozenset({RunStatus.RUNNING})


def write_belongings(tx: Transaction, user_id: str) -> None:
    """What is kept of a user beside his sessions."""
    tx.users.admit(Caller(user_id, name=f"{user_id} {SAID}"), UserStatus.APPROVED)
    documents.write(tx, user_id, "p1", f"{SAID}.md", f"# {SAID}", None, user_id)
    documents.write(tx, user_id, "p1", f"{SAID}.md", f"# Another {SAID}", None, user_id)
    governance.put_layer(tx, Caller(user_id), LayerName.USER, user_id, Rules(allowed_models=frozenset({SAID})), None)
    notice = f"he may, said the {SAID}"
    governance.put_override(tx, ADMIN, f"user:{user_id}", Rules(max_steps=9), notice, tx.now_ms + 1_000_000)
    saved_views.put(tx, Caller(user_id), SAID, f"q={SAID}")
    tx.keys.keep(user_id, "POST /v1/agent/runs", "k", "h", 200, json.dumps(SAID))
    sign_in.allow(tx, user_id, user_id, Authority.MEMBER, 60_000)


async def erase(engine: Engine, user_id: str) -> erasure.Erasure:
    await engine.write(erasure.begin, user_id, caller=ADMIN)
    return await erasure.carry_on(engine.database, user_id)


async def test_what_a_user_said_and_wrote_goes_and_his_bills_stay(
    start: Start, server: ModelServer, path: Path
) -> None:
    engine, _ = await said_everywhere(start, server)
    await engine.database.write(lambda tx: write_belongings(tx, "alice"))
    before, billed = books(path), await bills(engine)
    assert await erase(engine, "alice") == erasure.Erasure("alice", 1, is_complete=True)
    assert SAID not in all_text(path)
    assert {n: rows for n, rows in books(path).items() if n != "agent_runs"} == {
        n: rows for n, rows in before.items() if n not in {"agent_runs", "agent_run_events"}
    } | {"agent_run_events": books(path)["agent_run_events"]}
    assert await bills(engine) == billed
    assert any(rows for rows in billed)
    check_ended(path)


async def test_others_keep_what_is_theirs(engine: Engine, server: ModelServer, path: Path) -> None:
    server.script(Reply(f"The {SAID} sings."))
    run = await engine.settled((await engine.chat("sing", caller=BOB)).id)
    await engine.database.write(lambda tx: write_belongings(tx, "bob"))
    before = {name: list(map(dict, rows)) for name, rows in tables(path).items() if name not in {"users", "audit_log"}}
    await erase(engine, "alice")
    assert {name: list(map(dict, tables(path)[name])) for name in before} == before
    assert (await engine.get(run.id)).result["text"] == f"The {SAID} sings."


async def test_an_erased_user_is_refused_until_he_is_approved_again(engine: Engine, path: Path) -> None:
    await erase(engine, "alice")
    for refused in (users.admit, users.recognise):
        with pytest.raises(UserNotApproved, match="erased"):
            await engine.database.write(lambda tx, refused=refused: refused(tx, NAMED, approve_new=True))
    # He is told why; and his token does not bring back his name.
    told = await engine.database.write(lambda tx: users.register(tx, NAMED, approve_new=True))
    assert (told.status, told.name) == (UserStatus.ERASED, "")
    assert SAID not in all_text(path)
    await engine.write(users.set_status, "alice", UserStatus.APPROVED, caller=ADMIN)
    anew = await engine.database.write(lambda tx: users.admit(tx, NAMED, approve_new=True))
    assert anew.status is UserStatus.APPROVED


async def test_what_still_runs_is_cancelled_and_purged_when_it_has_stopped(
    engine: Engine, server: ModelServer, path: Path
) -> None:
    server.script(Held(asyncio.Event(), Reply(f"{SAID} and more words"), after_chunks=1))
    run = await engine.chat(f"sing of the {SAID}")
    await engine.until_writing(run.id)
    # Erased through a process whose interrupts do not get through, so the call of the model goes on.
    await engine.stop_background()
    elsewhere = open_database(path, lambda _: None)
    await elsewhere.write(lambda tx: erasure.begin(tx, ADMIN, "alice"))
    assert not (await erasure.carry_on(elsewhere, "alice")).is_complete
    await elsewhere.close()
    assert (await engine.get(run.id)).run_status is RunStatus.CANCELLED
    engine.start()

    async def is_purged() -> bool:
        await erasure.complete_all(engine.database)
        return SAID not in all_text(path)

    await engine.until(is_purged, run.id)
    check_ended(path)


async def test_a_session_that_was_begun_meanwhile_is_found(engine: Engine, server: ModelServer, path: Path) -> None:
    await engine.write(erasure.begin, "alice", caller=ADMIN)
    # A request that had been let in just before.
    server.script(Reply("late"))
    run = await engine.settled((await engine.chat(f"a late {SAID}")).id)
    assert run.run_status is RunStatus.DONE
    assert await erasure.complete_all(engine.database) == 1
    assert SAID not in all_text(path)
    assert await erasure.complete_all(engine.database) == 0


async def test_who_may_not_erase_changes_nothing(engine: Engine) -> None:
    await engine.database.write(lambda tx: tx.users.admit(ADMIN, UserStatus.APPROVED))
    for caller, user_id, refusal in ((BOB, "alice", Forbidden), (ADMIN, "root", Invalid), (ADMIN, "nobody", NotFound)):
        with pytest.raises(refusal):
            await engine.write(erasure.begin, user_id, caller=caller)
    with pytest.raises(Invalid, match="deleting"):
        await engine.write(users.set_status, "alice", UserStatus.ERASED, caller=ADMIN)
    found = await engine.database.read(lambda tx: [tx.users.find(u) for u in ("alice", "root")])
    assert [u.status for u in found if u is not None] == [UserStatus.APPROVED] * 2
    await engine.database.read(lambda tx: users.recognise(tx, ALICE, approve_new=True))
