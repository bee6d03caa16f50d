"""What the model is shown: its own question and what was said before it, in whole exchanges."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from oneliner.app import runs
from oneliner.domain.run import ENDED, RunStatus
from oneliner.testing import Call, Held, Reply, duplicate_ids

if TYPE_CHECKING:
    from tests.support.engine import Engine

    from oneliner.testing import ModelServer, Request


def said(request: Request) -> list[tuple[object, object]]:
    return [(m["role"], m["content"]) for m in request.messages[1:]]


async def test_a_question_that_waits_is_not_shown_to_the_run_before_it(engine: Engine, server: ModelServer) -> None:
    gate = asyncio.Event()
    server.script(Held(gate, Reply(tool_calls=[Call("calculator", {"expression": "1+1"})])), Reply("two"), Reply("B"))
    first = await engine.chat("one?")
    await server.until(lambda: len(server.requests) == 1)
    second = await engine.chat("and b?", session_id=first.session_id)
    gate.set()
    await engine.settled(second.id, ENDED)
    assert said(server.requests[1]) == [("user", "one?"), ("assistant", None), ("tool", "2")]
    assert said(server.requests[2]) == [
        ("user", "one?"),
        ("assistant", None),
        ("tool", "2"),
        ("assistant", "two"),
        ("user", "and b?"),
    ]


async def test_runs_at_the_same_time_in_a_session_keep_their_tool_results_apart(
    engine: Engine, server: ModelServer
) -> None:
    gate = asyncio.Event()
    server.script(
        Held(gate, Reply(tool_calls=[Call("calculator", {"expression": "1+1"}, "call_0")])), Reply("two"), marker="chat"
    )
    server.script(Reply(tool_calls=[Call("calculator", {"expression": "5+5"}, "call_0")]), Reply("ten"), marker="task")
    chat = await engine.chat("chat")
    task = await engine.hand_off(runs.Handoff("task", "home", "button", session_id=chat.session_id))
    await engine.confirm(task)
    await engine.settled(task.id, ENDED)
    gate.set()
    await engine.settled(chat.id, ENDED)
    own = [r for r in server.requests if r.last_user_text.startswith("task")][-1]
    assert [c for role, c in said(own) if role == "tool"] == ["10"]
    assert said(server.requests[-1]) == [("user", "chat"), ("assistant", None), ("tool", "2")]


async def test_an_interrupted_answer_is_never_shown_again(engine: Engine, server: ModelServer) -> None:
    server.script(Held(asyncio.Event(), Reply("half of it", chunk_chars=4), after_chunks=1), Reply("whole"))
    first = await engine.chat("one")
    await engine.until_writing(first.id)
    await engine.cancel(first)
    second = await engine.chat("two", session_id=first.session_id)
    await engine.settled(second.id, ENDED)
    assert said(server.requests[1]) == [("user", "one"), ("user", "two")]


async def test_two_calls_under_one_id_get_each_its_result(engine: Engine, server: ModelServer) -> None:
    server.script(
        duplicate_ids(Call("calculator", {"expression": "1+1"}), Call("calculator", {"expression": "2+2"})), Reply("ok")
    )
    done = await engine.settled((await engine.chat("count")).id)
    assert done.run_status is RunStatus.DONE
    messages = server.requests[1].messages
    answer = next(m for m in messages if m["role"] == "assistant")
    asked = answer["tool_calls"]
    assert isinstance(asked, list)
    results = {m["tool_call_id"]: m["content"] for m in messages if m["role"] == "tool"}
    assert [results[c["id"]] for c in asked] == ["2", "4"]
