"""Long sessions: what a call sends is bounded, what is older is summarised once, and nothing of it is lost."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.app.test_run_budgets import CENT, limit
from tests.support.engine import Options

from oneliner import tool
from oneliner.adapters.models.served import text_of
from oneliner.app import governance, history, runs
from oneliner.app.exchanges import estimate_turns
from oneliner.domain.message import AskedCall, Message, MessageState, Purpose, Role
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.run import ENDED, RunStatus
from oneliner.domain.summary import Coverage
from oneliner.domain.usage import Totals
from oneliner.testing import Call, Held, Refusal, Reply

if TYPE_CHECKING:
    from tests.app.conftest import Open, Start
    from tests.support.engine import Engine

    from oneliner.app.ports import Transaction
    from oneliner.domain.run import Run
    from oneliner.testing import ModelServer, Request

SMALL = Options(context_tokens=4_000)
SUMMARY = Reply("The user counts; he is at [3].")
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


@tool(read_only=True)
def read_report() -> str:
    """Read the report."""
    return "begin " + "r" * 6_000 + " MIDDLE " + "r" * 6_000 + " end"


def is_summary(request: Request) -> bool:
    return "You summarise" in request.system_text


def shown(request: Request) -> list[str]:
    return [text_of(m) for m in request.messages[1:]]


def summaries(server: ModelServer) -> list[Request]:
    return [r for r in server.requests if is_summary(r)]


def answers(server: ModelServer) -> list[Request]:
    return [r for r in server.requests if not is_summary(r)]


async def talk(engine: Engine, words: list[str], session_id: str | None = None, *, size: int = 1_600) -> Run:
    """Several chats, one after another, each of which says a lot."""
    run = None
    for word in words:
        run = await engine.chat(f"{word} {'x' * size}", session_id=session_id)
        session_id = run.session_id
        run = await engine.settled(run.id)
    assert run is not None
    return run


async def filled(engine: Engine, messages: int, text: str = "word " * 20) -> str:
    """A session of so many *messages*, as finished runs leave them."""
    run = await engine.settled((await engine.chat("the first")).id)

    def fill(tx: Transaction) -> None:
        for _ in range(messages - 2):
            at = tx.sessions.grow(run.session_id, 1, Totals())
            role = Role.USER if at % 2 else Role.ASSISTANT
            said = replace(BLANK, id=tx.new_id(), session_id=run.session_id, run_id=run.id, user_id=run.user_id)
            tx.messages.add(replace(said, position=at, role=role, content=f"[{at}] {text}"))

    await engine.database.write(fill)
    return run.session_id


async def test_a_session_that_fits_is_shown_as_it_is(start: Start, server: ModelServer) -> None:
    engine = await start(SMALL)
    server.script(Reply("one"), Reply("two"))
    last = await talk(engine, ["a", "b"], size=100)
    assert len(server.requests) == 2
    assert shown(server.requests[-1])[1] == "one"
    assert "context.compacted" not in await engine.types(last.id)


async def test_the_older_part_is_summarised_once_and_stays_stored(start: Start, server: ModelServer) -> None:
    engine = await start(SMALL)
    server.script(*[SUMMARY] * 2, when=is_summary)
    server.script(*[Reply(f"said {n}") for n in range(14)])
    last = await talk(engine, [f"w{n}" for n in range(12)])
    assert 1 <= len(summaries(server)) <= 2
    final = shown(server.requests[-1])
    assert final[0].startswith("Summary of what was said")
    assert SUMMARY.text in final[0]
    assert final[-1].startswith("w11")
    assert not [t for t in final[1:] if t.startswith("w0")]
    stored = await engine.messages(last.session_id)
    assert [m.content.split()[0] for m in stored if m.role is Role.USER] == [f"w{n}" for n in range(12)]
    written = [m for m in stored if m.purpose is Purpose.SUMMARY]
    assert [m.content for m in written] == [SUMMARY.text] * len(summaries(server))
    # Accounted as any other call; the fixture holds the totals equal to the sums.
    assert all(m.usage.input_tokens and m.cost_nanos for m in written)


async def test_every_call_sends_at_most_the_bound(start: Start, server: ModelServer) -> None:
    engine = await start(SMALL)
    server.script(*[SUMMARY] * 6, when=is_summary)
    server.script(*[Reply("said " * 60) for _ in range(30)])
    await talk(engine, [f"w{n}" for n in range(24)])
    sent = [sum(len(text_of(m)) for m in r.messages) // 4 for r in answers(server)]
    assert max(sent) <= SMALL.context_tokens
    # And many of them begin with the same words, which providers charge less for.
    firsts = [shown(r)[0] for r in answers(server)]
    assert len(set(firsts)) <= 1 + len(summaries(server))


async def test_a_summary_is_told_as_an_event_with_its_bill(start: Start, server: ModelServer) -> None:
    engine = await start(SMALL)
    server.script(SUMMARY, when=is_summary)
    server.script(*[Reply("ok") for _ in range(12)])
    run = await talk(engine, [f"w{n}" for n in range(11)])
    told = [e for r in await of_session(engine, run.session_id) for e in await engine.events(r)]
    compacted = next(e for e in told if e.event_type == "context.compacted")
    assert compacted.details["messages"] == compacted.details["covers"]
    details: dict[str, Any] = dict(compacted.details)
    assert details["tokens_after"] < details["tokens_before"]
    assert details["usage"]["cost"] is not None


async def of_session(engine: Engine, session_id: str) -> list[str]:
    return sorted({m.run_id for m in await engine.messages(session_id)})


async def test_the_next_summary_takes_up_the_former_and_reads_nothing_twice(start: Start, server: ModelServer) -> None:
    engine = await start(SMALL)
    server.script(Reply("FIRST SUMMARY"), Reply("SECOND SUMMARY"), when=is_summary)
    server.script(*[Reply("ok") for _ in range(16)])
    await talk(engine, [f"w{n}" for n in range(14)])
    first, second = summaries(server)[:2]
    assert "FIRST SUMMARY" in second.last_user_text
    assert "w0 x" in first.last_user_text
    assert "w0 x" not in second.last_user_text
    assert "SECOND SUMMARY" in shown(server.requests[-1])[0]


@pytest.mark.parametrize("trouble", [Refusal(500), Reply("")], ids=["refused", "empty"])
async def test_without_a_summary_the_oldest_is_left_out_and_the_run_goes_on(
    start: Start, server: ModelServer, trouble: Refusal | Reply
) -> None:
    engine = await start(SMALL)
    server.script(*[trouble] * 20, when=is_summary)
    server.script(*[Reply("ok") for _ in range(9)])
    last = await talk(engine, [f"w{n}" for n in range(9)])
    assert last.run_status is RunStatus.DONE
    final = shown(server.requests[-1])
    assert final[-1].startswith("w8")
    assert not [t for t in final if t.startswith("w0")]
    # And when it can be made later, it is, over all that was not summarised.
    server.script(SUMMARY, when=is_summary)
    server.script(Reply("ok"))
    if isinstance(trouble, Reply):
        assert is_summary(server.requests[-2])


async def test_a_summary_that_a_budget_has_no_room_for_is_not_made(start: Start, server: ModelServer) -> None:
    engine = await start(SMALL)
    server.script(*[Reply("ok") for _ in range(9)])
    last = await talk(engine, [f"w{n}" for n in range(6)])
    # Less than a summary of that much would reserve, and enough for what is left after leaving out the rest.
    await limit(engine, Rules(run_budget=CENT, max_output_tokens=10))
    last = await talk(engine, ["w6"], last.session_id)
    assert last.run_status is RunStatus.DONE


async def test_a_summary_counts_as_a_step_and_never_takes_the_last_one(start: Start, server: ModelServer) -> None:
    engine = await start(SMALL)
    await engine.write(governance.put_layer, LayerName.USER, "alice", Rules(max_steps=1), None)
    server.script(*[Reply("ok") for _ in range(9)])
    last = await talk(engine, [f"w{n}" for n in range(9)])
    assert last.run_status is RunStatus.DONE
    assert not summaries(server)
    await engine.write(governance.put_layer, LayerName.USER, "alice", Rules(max_steps=2), None)
    server.script(SUMMARY, when=is_summary)
    server.script(Reply("ok"))
    last = await talk(engine, ["w9"], last.session_id)
    assert (last.run_status, last.steps_taken, len(summaries(server))) == (RunStatus.DONE, 2, 1)


async def test_a_worker_killed_while_it_summarises_loses_nothing(open_engine: Open, server: ModelServer) -> None:
    engine = await open_engine(replace(SMALL, sweep_seconds=0.05))
    server.script(Held(asyncio.Event(), SUMMARY), SUMMARY, when=is_summary)
    server.script(*[Reply("ok") for _ in range(9)])
    run = None
    for n in range(9):
        run = await engine.chat(f"w{n} {'x' * 1_600}", session_id=run.session_id if run else None)
        if not summaries(server):
            waiting = asyncio.ensure_future(engine.settled(run.id, ENDED))
            asked = asyncio.ensure_future(server.until(lambda: bool(summaries(server))))
            await asyncio.wait([waiting, asked], return_when=asyncio.FIRST_COMPLETED)
            for task in (waiting, asked):
                task.cancel()
        if summaries(server):
            break
    assert run is not None
    await engine.abandon()
    other = await open_engine(replace(SMALL, sweep_seconds=0.05))
    assert (await other.settled(run.id, ENDED)).run_status is RunStatus.DONE
    written = [m for m in await other.messages(run.session_id) if m.purpose is Purpose.SUMMARY]
    assert [(m.state, m.usage.estimated) for m in written] == [
        (MessageState.INTERRUPTED, True),
        (MessageState.COMPLETE, False),
    ]
    assert SUMMARY.text in shown(server.requests[-1])[0]


async def test_what_tools_said_is_shortened_first_and_can_be_read_again(start: Start, server: ModelServer) -> None:
    engine = await start(replace(SMALL, context_tokens=9_000, tools=[read_report]))
    server.script(SUMMARY, SUMMARY, when=is_summary)
    server.script(Reply("", [Call("read_report")]), Reply("read"))
    first = await engine.settled((await engine.chat("read it")).id)
    result = next(m for m in await engine.messages(first.session_id) if m.role is Role.TOOL)
    server.script(
        Reply("", [Call("read_report")]),
        Reply("", [Call("read_report")]),
        Reply("", [Call("recall_message", {"position": result.position})]),
        Reply("done"),
    )
    again = await engine.settled((await engine.chat("and again", session_id=first.session_id)).id)
    assert again.run_status is RunStatus.DONE
    third = answers(server)[4]
    old = next(text_of(m) for m in third.messages if m["role"] == "tool")
    assert "MIDDLE" not in old
    assert f"recall_message(position={result.position})" in old
    assert "recall_message" in {t.name for t in third.tools}
    assert "recall_message" not in {t.name for t in server.requests[0].tools}
    assert "MIDDLE" in shown(answers(server)[5])[-1]


async def test_a_task_that_fills_the_bound_takes_one_summary_and_not_many(start: Start, server: ModelServer) -> None:
    engine = await start(SMALL)
    server.script(*[SUMMARY] * 9, when=is_summary)
    server.script(*[Reply("ok") for _ in range(5)])
    last = await talk(engine, ["a", "b", "c", "d"], size=200)
    last = await talk(engine, ["much"], last.session_id, size=20_000)
    assert last.run_status is RunStatus.DONE
    assert len(summaries(server)) == 1


async def test_nobody_recalls_what_is_said_in_another_session(start: Start, server: ModelServer) -> None:
    engine = await start()
    server.script(*[Reply("secret") for _ in range(4)])
    long = await talk(engine, ["a", "b", "c", "d"], size=10)
    assert len(await engine.messages(long.session_id)) == 8
    server.script(Reply("", [Call("recall_message", {"position": 7})]), Reply("nothing"))
    other = await engine.settled((await engine.chat("two")).id)
    assert [c.result for c in await engine.calls(other.id)] == ["the session has no message 7"]


async def test_what_an_older_run_says_later_is_not_taken_for_summarised(start: Start, server: ModelServer) -> None:
    engine = await start(SMALL)
    gate = asyncio.Event()
    server.script(SUMMARY, SUMMARY, when=is_summary)
    server.script(Held(gate, Reply("THE LATE ANSWER")), marker="slow task")
    server.script(*[Reply("ok") for _ in range(14)])
    begun = await engine.settled((await engine.chat("hello")).id)
    task = await engine.hand_off(runs.Handoff("slow task", "home", "button", session_id=begun.session_id))
    await engine.confirm(task)
    await server.until(lambda: len(server.requests) == 2)
    await talk(engine, [f"w{n}" for n in range(11)], begun.session_id)
    assert summaries(server)
    gate.set()
    await engine.settled(task.id, ENDED)
    await talk(engine, ["what did the task say?"], begun.session_id, size=10)
    assert "THE LATE ANSWER" in shown(server.requests[-1])


async def test_an_earlier_run_is_not_shown_the_summary_of_a_later_one(start: Start, server: ModelServer) -> None:
    engine = await start(SMALL)
    gate = asyncio.Event()
    server.script(Reply("LATER THINGS"), Reply("LATER THINGS"), when=is_summary)
    server.script(
        Held(gate, Reply("", [Call("calculator", {"expression": "1+1"})])),
        Reply("done"),
        when=lambda r: "task" in r.system_text,
    )
    server.script(*[Reply("ok") for _ in range(14)])
    begun = await engine.settled((await engine.chat("hello")).id)
    task = await engine.hand_off(runs.Handoff("slow task", "home", "button", session_id=begun.session_id))
    await engine.confirm(task)
    await server.until(lambda: len(server.requests) == 2)
    await talk(engine, [f"w{n}" for n in range(11)], begun.session_id)
    gate.set()
    assert (await engine.settled(task.id, ENDED)).run_status is RunStatus.DONE
    last = [r for r in server.requests if "slow task" in r.system_text][-1]
    assert not [t for t in shown(last) if "LATER" in t or t.startswith("w")]


async def test_ten_thousand_messages_send_no_more_than_a_hundred(start: Start, server: ModelServer) -> None:
    engine = await start()
    sent: dict[int, list[int]] = {}
    server.script(*[SUMMARY] * 12, when=is_summary)
    for messages in (100, 2_000):
        server.script(Reply("first"), Reply("ok"), Reply("ok"))
        session_id = await filled(engine, messages)
        await talk(engine, ["now", "and now"], session_id, size=10)
        sent[messages] = [len(r.messages) for r in answers(server)[-2:]]
    assert max(sent[2_000]) <= max(sent[100])


@given(
    st.lists(st.tuples(st.sampled_from(["user", "plain", "tools"]), st.integers(0, 12_000)), max_size=12),
    st.lists(st.tuples(st.sampled_from(["plain", "tools"]), st.integers(0, 12_000)), max_size=12),
    st.integers(0, 12_000),
)
@settings(deadline=None)
def test_a_conversation_is_bounded_and_well_formed(
    earlier: list[tuple[str, int]], own: list[tuple[str, int]], task_size: int
) -> None:
    before = [m for n, (kind, size) in enumerate(earlier) for m in exchange("a", n * 3 + 1, kind, size)]
    task = replace(BLANK, id="task", run_id="b", position=100, content="T" * task_size)
    of_run = [task, *(m for n, (kind, size) in enumerate(own) for m in exchange("b", n * 3 + 101, kind, size))]
    room = 6_000
    found = history.read(_Said(before, of_run), _Said.run, room)  # type: ignore[arg-type]
    turns = found.turns
    assert sum(t.role == "user" and t.content == task.content for t in turns) >= 1
    if own:
        # What came last is always there.
        assert turns[-1].content == of_run[-1].content
    newest = estimate_turns(turns[-3:]) if own else 0
    assert found.tokens <= max(room, estimate_turns([t for t in turns if t.content == task.content]) + newest)
    expected: list[str] = []
    for turn in turns:
        if turn.role == "tool":
            assert turn.tool_call_id == expected.pop(0)
        else:
            assert not expected
            expected = [c.call_id for c in turn.tool_calls]
    assert not expected
    if found.fold is not None:
        covered = [m for m in [*before, *of_run] if found.fold.coverage.covers(m.run_id, m.position)]
        # The oldest, whole pieces of them, and never all.
        assert covered == [*before, *of_run][: len(covered)]
        assert len(covered) < len([*before, *of_run])
        assert found.fold.messages <= len(covered)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_a_summary_stands_for_nothing_that_is_said_after_it(position: int, seen: int, later: int) -> None:
    coverage = Coverage("b", position, max(position, seen), 1, {"a": 3})
    assert not coverage.covers("a", coverage.seen + later)
    assert not coverage.covers("b", coverage.seen + later)
    assert not coverage.covers("c", 1)
    assert not coverage.covers("a", 3)


class _Said:
    """What the history reads, in memory."""

    class run:  # noqa: N801 - stands for one
        id, session_id = "b", "s"

    def __init__(self, before: list[Message], own: list[Message]) -> None:
        self._before, self._own = before, own
        self.messages = self.runs = self

    def newest_of_run(self, _run: str, limit: int) -> list[Message]:
        return self._own[-limit:]

    def before_run(self, _session: str, _run: str, limit: int) -> list[Message]:
        return self._before[-limit:]

    def first_of_run(self, _run: str) -> Message:
        return self._own[0]

    def summaries(self, _session: str, _limit: int) -> list[Message]:
        return []

    def open_in_session(self, _session: str) -> list[Run]:
        return []


def exchange(run_id: str, position: int, kind: str, size: int) -> list[Message]:
    if kind == "user":
        return [replace(BLANK, run_id=run_id, position=position, content="u" * size)]
    calls = tuple(AskedCall(f"call_{n}", "t", "{}") for n in range(2)) if kind == "tools" else ()
    answer = replace(BLANK, run_id=run_id, position=position, role=Role.ASSISTANT, content="a" * size, tool_calls=calls)
    results = [
        replace(
            BLANK,
            run_id=run_id,
            position=position + n + 1,
            role=Role.TOOL,
            content="t" * size,
            tool_call_id=f"call_{n}",
        )
        for n in range(len(calls))
    ]
    return [answer, *results]
