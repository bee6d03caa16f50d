"""What the model is shown: its own question and what was said before it, whole exchanges, and never more than fits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from oneliner.app import context, runs
from oneliner.domain.message import AskedCall, Message, Role
from oneliner.domain.run import ENDED, RunStatus
from oneliner.testing import Call, Held, Reply, duplicate_ids

if TYPE_CHECKING:
    from tests.support.engine import Engine

    from oneliner.testing import ModelServer, Request

BLANK = Message(
    id="m",
    session_id="s",
    run_id="r",
    user_id="u",
    project_id="",
    position=1,
    role=Role.USER,
    content="",
    created_at=0,
)


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


async def test_a_run_whose_tools_say_much_keeps_its_task_and_the_newest(engine: Engine, server: ModelServer) -> None:
    long = "x" * 90_000
    read = [Reply(f"{n}{long}", [Call("calculator", {"expression": f"{n}+0"})]) for n in range(4)]
    server.script(*read, Reply("fin"))
    done = await engine.settled((await engine.chat("the task")).id)
    assert done.run_status is RunStatus.DONE
    turns = said(server.requests[-1])
    assert turns[0] == ("user", "the task")
    assert [t[0] for t in turns[1:]] == ["assistant", "tool"] * 2
    assert turns[-1] == ("tool", "3")


def exchange(run_id: str, position: int, kind: str, size: int) -> list[Message]:
    if kind == "user":
        return [replace(BLANK, run_id=run_id, position=position, content="u" * size)]
    calls = tuple(AskedCall(f"call_{n}", "t", "{}") for n in range(2)) if kind == "tools" else ()
    answer = replace(BLANK, run_id=run_id, position=position, role=Role.ASSISTANT, content="a" * size, tool_calls=calls)
    results = [
        replace(
            BLANK, run_id=run_id, position=position + n, role=Role.TOOL, content="t" * size, tool_call_id=f"call_{n}"
        )
        for n in range(len(calls))
    ]
    return [answer, *results]


@given(
    st.lists(st.tuples(st.sampled_from(["user", "plain", "tools"]), st.integers(0, 120_000)), max_size=8),
    st.lists(st.tuples(st.sampled_from(["plain", "tools"]), st.integers(0, 120_000)), max_size=8),
    st.integers(0, 150_000),
)
def test_a_conversation_is_bounded_and_well_formed(
    earlier: list[tuple[str, int]], own: list[tuple[str, int]], task_size: int
) -> None:
    before = [m for n, (kind, size) in enumerate(earlier) for m in exchange("a", n * 3, kind, size)]
    of_run = [m for n, (kind, size) in enumerate(own) for m in exchange("b", n * 3 + 1, kind, size)]
    task = replace(BLANK, run_id="b", content="T" * task_size)
    turns = context.conversation(before, [task, *of_run])
    assert turns[0].role == "user"
    assert sum(t.role == "user" and t.content == task.content for t in turns) >= 1
    if own:
        # What came last is always there.
        assert [t.content for t in turns][-1] == of_run[-1].content
    size = sum(len(t.content) for t in turns)
    newest = sum(len(m.content) for m in exchange("b", 0, *own[-1])) if own else 0
    assert size <= max(context.HISTORY_CHARS, task_size + newest)
    expected: list[str] = []
    for turn in turns:
        if turn.role == "tool":
            assert turn.tool_call_id == expected.pop(0)
        else:
            assert not expected
            expected = [c.call_id for c in turn.tool_calls]
    assert not expected
