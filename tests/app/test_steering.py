"""Saying something while a run works: taken up, queued, taking its place, or refused; and one outcome when they meet."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from tests.support.engine import ALICE, BOB, Engine, Options
from tests.support.invariants import check_ended
from tests.support.meeting import Meeting, many

import oneliner
from oneliner.app import governance, steering
from oneliner.app.steering import Multitask, Said
from oneliner.domain.errors import NotFound, SessionBusy
from oneliner.domain.executor import Roster
from oneliner.domain.policy import Confirmation, LayerName, Rules
from oneliner.domain.run import ENDED, Reason, RunStatus
from oneliner.domain.user import Authority, Caller
from oneliner.testing import Call, Held, Reply

if TYPE_CHECKING:
    from tests.app.conftest import Start

    from oneliner.app.runs import Started
    from oneliner.domain.run import Run
    from oneliner.testing import ModelServer
    from oneliner.testing.scripts import Script

ADMIN = Caller("root", Authority.ADMIN)


async def say(engine: Engine, run: Run, text: str, how: Multitask, caller: Caller = ALICE) -> Started:
    message = Said(text, run.session_id, multitask=how)
    return await engine.write(steering.say, message, Roster(), caller=caller)


async def writing(engine: Engine, server: ModelServer, text: str, *then: Script) -> tuple[Run, asyncio.Event]:
    """A run whose model is in the middle of its answer until the event is set; *then* is answered next."""
    gate = asyncio.Event()
    server.script(Held(gate, Reply("first answer"), after_chunks=1), *then)
    run = await engine.chat(text)
    await engine.until_writing(run.id)
    return run, gate


def said(server: ModelServer, request: int = -1) -> list[tuple[object, object]]:
    return [(m["role"], m["content"]) for m in server.requests[request].messages if m["role"] != "system"]


async def test_what_is_said_while_the_model_answers_is_taken_up_before_the_run_ends(
    engine: Engine, server: ModelServer
) -> None:
    run, gate = await writing(engine, server, "count", Reply("second answer"))
    told = await say(engine, run, "in French please", Multitask.STEER)
    gate.set()
    done = await engine.settled(run.id, ENDED)
    assert (told.run.id, told.steered, told.created_session) == (run.id, True, False)
    assert done.result["text"] == "second answer"
    assert said(server) == [("user", "count"), ("assistant", "first answer"), ("user", "in French please")]
    (event,) = [e for e in await engine.events(run.id) if e.event_type == "message.steered"]
    (message,) = [m for m in await engine.messages(run.session_id) if m.content == "in French please"]
    assert event.details == {"message_id": message.id, "text": message.content, "by": "alice"}
    assert (message.run_id, message.role) == (run.id, "user")


async def test_what_is_said_while_a_tool_works_stands_behind_its_result(start: Start, server: ModelServer) -> None:
    begun, over = asyncio.Event(), asyncio.Event()

    @oneliner.tool
    async def work() -> str:
        """Work."""
        begun.set()
        await over.wait()
        return "worked"

    engine = await start(Options(tools=[work]))
    server.script(Reply(tool_calls=[Call("work", {})]), Reply("Fine."))
    run = await engine.chat("go")
    await asyncio.wait_for(begun.wait(), 20)
    await say(engine, run, "and hurry", Multitask.STEER)
    over.set()
    await engine.settled(run.id, ENDED)
    assert [pair[0] for pair in said(server)] == ["user", "assistant", "tool", "user"]
    assert said(server)[-2:] == [("tool", "worked"), ("user", "and hurry")]
    assert len(server.requests) == 2


async def test_a_run_that_was_told_something_takes_it_up_after_its_worker_was_lost(
    start: Start, server: ModelServer
) -> None:
    first = await start()
    gate = asyncio.Event()
    server.script(Held(gate, Reply("never heard"), after_chunks=1))
    run = await first.chat("count")
    await first.until_writing(run.id)
    await say(first, run, "in French please", Multitask.STEER)
    await first.abandon()
    gate.set()
    server.script(Reply("deux"))
    second = Engine(first.path, server.base_url, Options(sweep_seconds=0.05))
    second.start()
    try:
        assert (await second.settled(run.id, ENDED)).result["text"] == "deux"
    finally:
        await second.stop()
    assert said(server) == [("user", "count"), ("user", "in French please")]


async def test_an_enqueued_message_is_the_next_run(engine: Engine, server: ModelServer) -> None:
    run, gate = await writing(engine, server, "one", Reply("answer two"))
    following = (await say(engine, run, "two", Multitask.ENQUEUE)).run
    assert (await engine.get(following.id)).run_status is RunStatus.QUEUED
    gate.set()
    assert (await engine.settled(following.id, ENDED)).result["text"] == "answer two"
    assert (await engine.get(run.id)).result["text"] == "first answer"


async def test_an_interrupting_message_cancels_what_works_and_waits(engine: Engine, server: ModelServer) -> None:
    run, gate = await writing(engine, server, "one", Reply("answer three"))
    waiting = (await say(engine, run, "two", Multitask.ENQUEUE)).run
    new = (await say(engine, run, "three", Multitask.INTERRUPT)).run
    assert (await engine.settled(new.id, ENDED)).result["text"] == "answer three"
    for old in (run, waiting):
        now = await engine.get(old.id)
        assert (now.run_status, now.reason) == (RunStatus.CANCELLED, Reason.INTERRUPTED)
    gate.set()


async def test_a_message_that_must_not_disturb_is_refused_and_leaves_nothing(
    engine: Engine, server: ModelServer
) -> None:
    run, gate = await writing(engine, server, "one", Reply("answer two"))
    before = await engine.messages(run.session_id)
    with pytest.raises(SessionBusy) as refused:
        await say(engine, run, "two", Multitask.REJECT)
    assert refused.value.params == {"run_id": run.id}
    assert [m.id for m in await engine.messages(run.session_id)] == [m.id for m in before]
    gate.set()
    await engine.settled(run.id, ENDED)
    free = (await say(engine, run, "two", Multitask.REJECT)).run
    assert (await engine.settled(free.id, ENDED)).result["text"] == "answer two"


@pytest.mark.parametrize("how", list(Multitask))
async def test_where_nothing_works_every_message_begins_a_run(
    engine: Engine, server: ModelServer, how: Multitask
) -> None:
    server.script(Reply("a"), Reply("b"))
    run = await engine.settled((await engine.chat("one")).id)
    begun = await say(engine, run, "two", how)
    assert (begun.run.id == run.id, begun.steered) == (False, False)
    assert (await engine.settled(begun.run.id, ENDED)).run_status is RunStatus.DONE


async def test_nobody_steers_the_run_of_another(engine: Engine, server: ModelServer) -> None:
    run, gate = await writing(engine, server, "one")
    for how in Multitask:
        with pytest.raises(NotFound):
            await say(engine, run, "two", how, BOB)
    gate.set()
    assert (await engine.settled(run.id, ENDED)).run_status is RunStatus.DONE


async def test_where_every_chat_needs_a_confirmation_steering_waits_for_its_own(
    engine: Engine, server: ModelServer
) -> None:
    run, gate = await writing(engine, server, "one")
    rules = Rules(confirmation=Confirmation.ALWAYS)
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", rules, None, caller=ADMIN)
    told = await say(engine, run, "two", Multitask.STEER)
    assert (told.steered, told.run.run_status) == (False, RunStatus.NEEDS_CONFIRMATION)
    gate.set()
    assert (await engine.settled(run.id, ENDED)).result["text"] == "first answer"


@pytest.mark.parametrize("how", [Multitask.STEER, Multitask.INTERRUPT, Multitask.REJECT])
async def test_a_message_and_the_end_at_once_have_one_outcome(
    start: Start, server: ModelServer, database_kind: str, how: Multitask
) -> None:
    """Whichever is first: the message is answered once, by the run that took it or by one of its own, or refused."""
    engine = await start(Options(sweep_seconds=5))
    races = 200 if database_kind == "sqlite" else 100
    meeting = Meeting(13)
    won: Counter[str] = Counter()

    async def race(n: int) -> None:
        gate = asyncio.Event()
        server.script(Held(gate, Reply("old answer"), after_chunks=1), marker=f"<old {n}>")
        server.script(Reply("new answer"), marker=f"<new {n}>")
        run = await engine.chat(f"<old {n}>")
        await engine.until_writing(run.id)
        try:
            told = await meeting.race(gate, lambda: say(engine, run, f"<new {n}>", how))
        except SessionBusy:
            won["refused"] += 1
            meeting.won(by_move=True)
            assert (await engine.settled(run.id, ENDED)).result["text"] == "old answer"
            return
        old, new = await engine.settled(run.id, ENDED), await engine.settled(told.run.id, ENDED)
        won["steered" if told.steered else str(old.run_status)] += 1
        meeting.won(by_move=told.steered or old.run_status is not RunStatus.DONE)
        assert (new.run_status, new.result["text"]) == (RunStatus.DONE, "new answer")
        assert (old.id == new.id) == told.steered
        assert old.run_status is RunStatus.DONE or how is Multitask.INTERRUPT
        answers = [r for r in server.requests if f"<new {n}>" in r.last_user_text]
        assert len(answers) == 1

    await many(races, race)
    assert len(won) == 2, f"no race: one side always wins: {won}"

    async def is_quiet() -> bool:
        return engine.worker.holds == 0 and not await engine.database.read(lambda tx: tx.messages.orphaned(1))

    await engine.until(is_quiet, "")
    check_ended(engine.path)


async def test_many_messages_at_once_are_each_answered_or_refused(
    start: Start, server: ModelServer, database_kind: str
) -> None:
    engine = await start(Options(sweep_seconds=5))
    server.script(*[Reply(".")] * 1_000)
    run = await engine.chat("begin")
    dice = random.Random(17)

    async def one(n: int) -> Run | None:
        try:
            return (await say(engine, run, f"message {n}", dice.choice(list(Multitask)))).run
        except SessionBusy:
            return None

    found = await asyncio.gather(*(one(n) for n in range(100 if database_kind == "sqlite" else 40)))
    for begun in found:
        if begun is not None:
            ended = await engine.settled(begun.id, ENDED)
            assert ended.run_status is RunStatus.DONE or ended.reason is Reason.INTERRUPTED
    taken = [m.content for m in await engine.messages(run.session_id) if m.content.startswith("message")]
    assert len(taken) == len(set(taken)) == sum(r is not None for r in found)
