"""Lanes: runs of one lane go one at a time, in order, and nothing that ends or waits holds up what is behind it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.support.engine import ALICE, BOB, TASK, Options

from oneliner.app import run_views, runs
from oneliner.app.journal import EVERYTHING
from oneliner.app.ports import Page, RunFilter
from oneliner.domain.run import ENDED, RunStatus, chat_lane
from oneliner.testing import Call, Held, ModelServer, Reply, server_error

if TYPE_CHECKING:
    from tests.app.conftest import Start
    from tests.support.engine import Engine

    from oneliner.domain.run import Run
    from oneliner.testing import Script

RUNNING = frozenset({RunStatus.RUNNING})


async def place(engine: Engine, run: Run) -> int:
    """How many runs of its lane are ahead of *run*."""
    return await engine.database.read(lambda tx: run_views.position(tx, tx.runs.get(run.id, EVERYTHING)))


async def test_runs_of_a_session_go_one_at_a_time_in_their_order(engine: Engine, server: ModelServer) -> None:
    gate = asyncio.Event()
    server.script(Held(gate, Reply("1")), Reply("2"), Reply("3"))
    first = await engine.chat("one")
    second = await engine.chat("two", session_id=first.session_id)
    third = await engine.chat("three", session_id=first.session_id)
    await engine.settled(first.id, RUNNING)
    assert [await place(engine, r) for r in (first, second, third)] == [0, 1, 2]
    assert [r.id for r in await engine.write(run_views.page, Page(), RunFilter(session_id=first.session_id))] == [
        third.id,
        second.id,
        first.id,
    ]
    gate.set()
    for run, text in ((first, "1"), (second, "2"), (third, "3")):
        assert (await engine.settled(run.id, ENDED)).result["text"] == text
    assert [r.last_user_text for r in server.requests] == ["one", "two", "three"]


async def test_sessions_and_users_do_not_wait_for_each_other(engine: Engine, server: ModelServer) -> None:
    gate = asyncio.Event()
    server.script(*[Held(gate)] * 4)
    chats = [await engine.chat("a"), await engine.chat("b"), await engine.chat("c", caller=BOB)]
    handoff = await engine.hand_off(runs.Handoff("t", "s", "k", project_id="p", session_id=None))
    await engine.confirm(handoff)
    for run in (*chats, handoff):
        await engine.settled(run.id, RUNNING)
    gate.set()
    for run in (*chats, handoff):
        await engine.settled(run.id, ENDED)


async def test_handoffs_of_a_user_and_project_share_a_lane_across_sessions(engine: Engine, server: ModelServer) -> None:
    gate = asyncio.Event()
    server.script(Held(gate), Reply("."))
    one, two = await engine.hand_off(TASK), await engine.hand_off(TASK)
    assert (one.lane, one.session_id != two.session_id) == (two.lane, True)
    await engine.confirm(two)
    await engine.confirm(one)
    await engine.settled(two.id, RUNNING)
    assert await place(engine, one) == 1
    gate.set()
    await engine.settled(one.id, ENDED)


WAYS_OUT: dict[str, Script] = {
    "failed": server_error(400),
    "blocked": Reply(tool_calls=[Call("ask_user", {"question": "?"})]),
    "done": Reply("."),
}


@pytest.mark.parametrize("way_out", WAYS_OUT)
async def test_every_way_out_of_running_lets_the_next_one_go(start: Start, server: ModelServer, way_out: str) -> None:
    engine = await start(Options(sweep_seconds=60))
    gate = asyncio.Event()
    server.script(Held(gate), WAYS_OUT[way_out], Reply("."))
    before = await engine.chat("before")
    first = await engine.chat("first", session_id=before.session_id)
    second = await engine.chat("second", session_id=before.session_id)
    gate.set()
    assert (await engine.settled(second.id, ENDED)).run_status is RunStatus.DONE
    assert (await engine.get(first.id)).run_status == way_out


@pytest.mark.parametrize("is_started", [True, False])
async def test_cancelling_the_head_of_a_lane_lets_the_next_one_go(
    start: Start, server: ModelServer, *, is_started: bool
) -> None:
    engine = await start(Options(sweep_seconds=60, concurrency=1))
    gate = asyncio.Event()
    server.script(Held(gate))
    if not is_started:
        # The one place is taken, so that the head of the lane stays queued.
        await engine.settled((await engine.chat("elsewhere")).id, RUNNING)
        server.script(Reply("2"))
    first = await engine.chat("one")
    second = await engine.chat("two", session_id=first.session_id)
    if is_started:
        await engine.settled(first.id, RUNNING)
        server.script(Reply("2"))
    await engine.cancel(first)
    gate.set()
    assert (await engine.settled(second.id, ENDED)).result["text"] == "2"


async def test_cancelling_one_in_the_middle_changes_nothing_for_the_others(engine: Engine, server: ModelServer) -> None:
    gate = asyncio.Event()
    server.script(Held(gate), Reply("3"))
    first = await engine.chat("one")
    second = await engine.chat("two", session_id=first.session_id)
    third = await engine.chat("three", session_id=first.session_id)
    await engine.cancel(second)
    assert (await engine.get(first.id)).run_status in {RunStatus.QUEUED, RunStatus.RUNNING}
    gate.set()
    assert (await engine.settled(third.id, ENDED)).result["text"] == "3"


async def test_a_resumed_run_waits_its_turn_behind_who_went_meanwhile(engine: Engine, server: ModelServer) -> None:
    server.script(Reply(tool_calls=[Call("ask_user", {"question": "?"})]))
    asking = await engine.settled((await engine.chat("first")).id)
    gate = asyncio.Event()
    server.script(Held(gate, Reply("2")), Reply("1"))
    second = await engine.chat("second", session_id=asking.session_id)
    await engine.settled(second.id, RUNNING)
    assert (await engine.resume(asking, {"answer": "!"})).run_status is RunStatus.QUEUED
    assert await place(engine, asking) == 1
    gate.set()
    assert (await engine.settled(asking.id, ENDED)).result["text"] == "1"


async def test_a_thousand_queued_runs_of_a_lane_hold_one_queue_message(start: Start, server: ModelServer) -> None:
    engine = await start(Options(sweep_seconds=60))
    gate = asyncio.Event()
    server.script(Held(gate), Reply("."))
    first = await engine.chat("0")
    await engine.settled(first.id, RUNNING)
    rest = await asyncio.gather(*(engine.chat(str(n), session_id=first.session_id) for n in range(1, 1001)))
    assert Counter(engine.woken) == {first.id: 1}
    newest = await engine.write(run_views.page, Page(3), RunFilter(session_id=first.session_id))
    assert [await place(engine, run) for run in newest] == [
        1000,
        999,
        998,
    ]
    in_order = sorted(rest, key=lambda r: r.id)
    await asyncio.gather(*(engine.cancel(run) for run in in_order[1:]))
    gate.set()
    assert (await engine.settled(in_order[0].id, ENDED)).run_status is RunStatus.DONE
    assert Counter(engine.woken) == {first.id: 1, in_order[0].id: 1}
    # And the model was shown its own question, not those behind it.
    assert [m["content"] for m in server.requests[0].messages if m["role"] == "user"] == ["0"]


async def test_a_lane_in_which_nobody_was_let_go_is_found_by_the_sweep(engine: Engine, server: ModelServer) -> None:
    await engine.stop_background()
    gate = asyncio.Event()
    server.script(Held(gate), Reply("2"))
    first = await engine.chat("one")
    await engine.settled(first.id, RUNNING)
    second = await engine.chat("two", session_id=first.session_id)
    await engine.database.write(lambda tx: tx.lanes.set_active(chat_lane(first.session_id), None))
    gate.set()
    await engine.settled(first.id, ENDED)
    assert (await engine.get(second.id)).run_status is RunStatus.QUEUED
    engine.start()
    assert (await engine.settled(second.id, ENDED)).result["text"] == "2"
    assert ALICE.user_id == second.user_id
