"""What the stores do beyond storing: searching for what was written, paging, and one-time things that are once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.databases import open_database, stand_in
from tests.support.engine import ALICE, BOB, new_database

from oneliner.app import bills, documents, run_views, runs, session_deletion, sessions, usage
from oneliner.app.ports import Page, RunFilter, Scope, UsageFilter, UsageRow
from oneliner.app.usage import GroupBy
from oneliner.domain.errors import NotFound, VersionChanged
from oneliner.domain.message import MessageState, Purpose, ToolCall, ToolCallState
from oneliner.domain.run import RunStatus
from oneliner.domain.usage import Price, Totals, Usage
from oneliner.domain.user import Authority, Caller, UserStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from oneliner.app.ports import Database, Transaction
    from oneliner.domain.run import Run

ROOT = Caller("root", Authority.ADMIN)
EVER = UsageFilter(0, 2**60)
ODD_TITLES = ("100% sure", "100 sure", "snake_case", "snakeXcase", "back\\slash", "Grüße", "合同 审查")


@pytest.fixture
def path(tmp_path: Path, database_kind: str, request: pytest.FixtureRequest) -> Iterator[Path]:
    path = tmp_path / "oneliner.db"
    if database_kind == "sqlite":
        yield new_database(path)
    else:
        with stand_in(path, request.getfixturevalue("postgres_url")):
            yield path


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = open_database(path, lambda _: None)

    def work(tx: Transaction) -> None:
        for caller in (ALICE, BOB):
            tx.users.admit(caller, UserStatus.APPROVED)

    await database.write(work)
    yield database
    await database.close()


async def chats(database: Database, *texts: str) -> list[Run]:
    return [(await database.write(lambda tx, t=t: runs.start_chat(tx, ALICE, t, None))).run for t in texts]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("100%", ["100% sure"]),
        ("%", ["100% sure"]),
        ("_", ["snake_case"]),
        ("e_c", ["snake_case"]),
        ("\\", ["back\\slash"]),
        ("SURE", ["100 sure", "100% sure"]),
        ("审查", ["合同 审查"]),
        ("nothing", []),
    ],
)
async def test_a_search_finds_the_text_and_nothing_like_it(database: Database, text: str, found: list[str]) -> None:
    await chats(database, *ODD_TITLES)
    page = await database.read(lambda tx: run_views.page(tx, ALICE, Page(50), RunFilter(text=text)))
    assert sorted(r.title for r in page) == found
    listed = await database.read(lambda tx: sessions.page(tx, ALICE, Page(50), None, text))
    assert sorted(s.title for s in listed) == found


async def test_a_session_that_was_deleted_meanwhile_takes_no_title(database: Database) -> None:
    (run,) = await chats(database, "hi")
    await database.write(lambda tx: session_deletion.delete(tx, ALICE, run.session_id))
    # As by who had found it just before.
    with pytest.raises(NotFound):
        await database.write(lambda tx: tx.sessions.rename(run.session_id, "Too late"))
    deleted = await database.read(lambda tx: tx.sessions.get(run.session_id, Scope(None, with_deleted=True)))
    assert deleted.title == "hi"


async def test_a_search_in_documents_takes_its_text_as_it_is(database: Database) -> None:
    for n, text in enumerate(ODD_TITLES):
        await database.write(lambda tx, n=n, t=text: documents.write(tx, "alice", "p", f"d{n}.md", t, 0, "alice"))
    for text, count in (("100%", 2), ("snake_c", 1), ("%", 1), ("审查", 1), ("' | 'x:*", 0), ('" OR "', 0)):
        hits = await database.read(lambda tx, t=text: documents.search(tx, "alice", "p", t))
        assert len(hits) == count
        assert not hits or text in hits[0].excerpt, "what holds it word for word comes first"
    assert await database.read(lambda tx: documents.search(tx, "bob", "p", "sure")) == []
    with pytest.raises(VersionChanged):
        await database.write(lambda tx: documents.write(tx, "alice", "p", "d0.md", "new", 0, "alice"))


async def test_pages_follow_each_other_without_gap_or_overlap(database: Database) -> None:
    made = [r.id for r in await chats(database, *(str(n) for n in range(23)))]
    seen: list[str] = []
    before: str | None = None
    while page := await database.read(lambda tx, b=before: run_views.page(tx, ALICE, Page(5, b), RunFilter())):
        seen += [r.id for r in page]
        before = seen[-1]
        if len(seen) == 10:
            # What is new meanwhile is ahead of the reader, and changes nothing behind.
            await chats(database, "late")
    assert seen == made[::-1]


async def test_filters_narrow_and_add_up(database: Database) -> None:
    first, second, _ = await chats(database, "red one", "blue one", "red two")
    await database.write(lambda tx: runs.cancel(tx, ALICE, first.id, ""))
    await database.write(lambda tx: runs.start_chat(tx, BOB, "red three", None))

    async def found(only: RunFilter) -> list[str]:
        return [r.title for r in await database.read(lambda tx: run_views.page(tx, ALICE, Page(50), only))]

    assert await found(RunFilter(text="red")) == ["red two", "red one"]
    assert await found(RunFilter(text="red", statuses=frozenset({RunStatus.QUEUED}))) == ["red two"]
    statuses = frozenset({RunStatus.QUEUED, RunStatus.CANCELLED})
    assert await found(RunFilter(statuses=statuses)) == ["red two", "blue one", "red one"]
    assert await found(RunFilter(session_id=second.session_id)) == ["blue one"]
    assert await found(RunFilter(project_id="p")) == []
    assert await found(RunFilter(project_id="")) == ["red two", "blue one", "red one"]


async def test_messages_are_paged_by_their_place(database: Database) -> None:
    (run,) = await chats(database, "0")
    for n in range(1, 12):
        await database.write(lambda tx, n=n: runs.start_chat(tx, ALICE, str(n), run.session_id))
    page = await database.read(lambda tx: tx.messages.page(run.session_id, Page(5)))
    assert [m.content for m in page] == ["11", "10", "9", "8", "7"]
    page = await database.read(lambda tx: tx.messages.page(run.session_id, Page(5, str(page[-1].position))))
    assert [m.content for m in page] == ["6", "5", "4", "3", "2"]


async def test_a_sign_in_code_works_once_and_for_a_while(database: Database) -> None:
    await database.write(lambda tx: tx.sign_in_codes.add("h1", "alice", "admin", 60_000))
    await database.write(lambda tx: tx.sign_in_codes.add("h2", "alice", "admin", -1))
    assert await database.write(lambda tx: tx.sign_in_codes.take("h1")) == ("alice", "admin")
    assert await database.write(lambda tx: tx.sign_in_codes.take("h1")) is None
    assert await database.write(lambda tx: tx.sign_in_codes.take("h2")) is None


async def test_old_idempotency_keys_are_forgotten(database: Database) -> None:
    await database.write(lambda tx: tx.keys.keep("alice", "POST /x", "k", "hash", 200, "{}"))
    found = await database.write(lambda tx: tx.keys.find("alice", "POST /x", "k"))
    assert found == ("hash", 200, "{}")
    assert await database.write(lambda tx: tx.keys.find("bob", "POST /x", "k")) is None
    assert await database.write(lambda tx: tx.keys.purge(tx.now_ms + 1)) == 1
    assert await database.write(lambda tx: tx.keys.find("alice", "POST /x", "k")) is None


async def test_events_of_a_user_have_one_cursor(database: Database) -> None:
    first, second = await chats(database, "one", "two")
    events = await database.read(lambda tx: tx.events.of_user("alice", 1, None, 2))
    assert [(e.run_id, e.seq, e.owner_seq) for e in events] == [(first.id, 2, 2), (second.id, 1, 3)]
    assert await database.read(lambda tx: tx.events.cursor_of("alice")) == 4
    assert await database.read(lambda tx: tx.events.of_user("alice", 0, "p", 9)) == []
    assert await database.read(lambda tx: tx.events.cursor_of("nobody")) == 0


@pytest.mark.parametrize("group_by", [g for g in GroupBy if g is not GroupBy.USER])
async def test_a_bill_without_calls_is_empty(database: Database, group_by: GroupBy) -> None:
    await chats(database, "one")
    lines, total = await database.read(lambda tx: usage.bill(tx, ALICE, group_by, EVER, Page(9)))
    assert (lines, total.message_count, total.totals) == ([], 0, Totals())


@pytest.mark.parametrize("group_by", GroupBy)
async def test_the_lines_of_a_bill_add_up_and_follow_each_other_over_pages(
    database: Database, group_by: GroupBy
) -> None:
    made = [r for n in range(7) for r in await chats(database, f"chat {n}")]
    await database.write(lambda tx: _charge_all(tx, made))
    whole, total = await database.read(lambda tx: usage.bill(tx, ROOT, group_by, EVER, Page(100)))
    paged: list[UsageRow] = []
    while True:
        before = paged[-1].key if paged else None
        page, _ = await database.read(lambda tx, b=before: usage.bill(tx, ROOT, group_by, EVER, Page(2, b)))
        if not page:
            break
        paged += page
    assert paged == whole
    assert len({row.key for row in whole}) == len(whole)
    for figure in ("input_tokens", "output_tokens", "cached_tokens", "cost_nanos", "unpriced_count", "estimated_count"):
        assert sum(getattr(row.totals, figure) for row in whole) == getattr(total.totals, figure)
    assert sum(row.message_count for row in whole) == total.message_count == len(made)
    assert total.totals.cost_nanos == sum(1_000_001 + n for n in range(len(made)))


async def test_a_call_is_shared_by_the_tools_it_called_in_whole_numbers(database: Database) -> None:
    made = await chats(database, "0", "1", "2")
    await database.write(lambda tx: _charge_all(tx, made))
    lines, _ = await database.read(lambda tx: usage.bill(tx, ROOT, GroupBy.TOOL, EVER, Page(9)))
    told = {row.key: (row.tool_calls, row.message_count, row.totals.cost_nanos) for row in lines}
    # A third of 1,000,003 is 333,334 and a rest of 1, which goes to the first of the three calls.
    assert told == {
        "": (0, 1, 1_000_001),
        "look": (3, 2, 1_000_002 + 333_335 + 333_334),
        "find": (1, 0, 333_334),
    }


def _charge_all(tx: Transaction, made: list[Run]) -> None:
    """A call of a model for each run; every third of them calls no tool, one tool, and three."""
    for n, run in enumerate(made):
        price = Price((1_000_001 + n) * 1_000, 0, 0, "tests")
        message_id = bills.begin(
            tx, run, executor=f"e{n % 3}", model=f"m{n % 2}", price=price, purpose=Purpose.ANSWER, estimated_input=1
        ).id
        bills.settle(tx, run, message_id, MessageState.COMPLETE, "", (), Usage(1, 0), price, None)
        for name in ((), ("look",), ("look", "find", "look"))[n % 3]:
            tx.tool_calls.add(_call(tx.new_id(), run, message_id, name))


def _call(key: str, run: Run, message_id: str, name: str) -> ToolCall:
    return ToolCall(
        id=key,
        run_id=run.id,
        message_id=message_id,
        call_id=key,
        name=name,
        arguments="{}",
        state=ToolCallState.WAITING,
        idempotency_key=key,
        repeatable=True,
        attempts=0,
        result="",
        started_at=None,
        finished_at=None,
    )
