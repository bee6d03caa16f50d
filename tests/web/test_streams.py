"""Streams, over a real socket."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from oneliner.app import journal
from oneliner.app.ports import Delta
from oneliner.domain.event import Draft, EventType
from oneliner.domain.run import Trigger
from oneliner.web import feeds
from tests.support.front import HANDOFF, served, until

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Sequence

    import httpx

    from oneliner.app.ports import Lease
    from oneliner.domain.event import RunEvent
    from tests.support.front import Front

UNKNOWN = "01890000-0000-7000-8000-000000000000"
LIMIT_SECONDS = 15


@dataclass
class Reader:
    """Reads a stream as a browser does."""

    lines: AsyncIterator[str]
    comments: list[str] = field(default_factory=list[str])
    retry: str = ""
    last_id: str = ""

    async def frame(self) -> dict[str, Any]:
        """The next frame with data. Raises StopAsyncIteration: the stream has ended."""
        data, cursor = "", ""
        async with asyncio.timeout(LIMIT_SECONDS):
            while line := await anext(self.lines):
                name, _, value = line.partition(": ")
                match name:
                    case "data":
                        data = value
                    case "id":
                        cursor = self.last_id = value
                    case "retry":
                        self.retry = value
                    case _:
                        self.comments.append(value)
        frame = json.loads(data)
        frame["id"] = cursor
        return frame

    async def types(self, count: int) -> list[str]:
        return [(await self.frame())["type"] for _ in range(count)]

    async def rest(self) -> list[dict[str, Any]]:
        """Everything up to the end of the stream."""
        found: list[dict[str, Any]] = []
        try:
            while True:
                found.append(await self.frame())
        except StopAsyncIteration:
            return found


@pytest_asyncio.fixture
async def address(front: Front) -> AsyncIterator[str]:
    async with served(front) as url:
        yield url


@pytest_asyncio.fixture
async def ann(front: Front, address: str) -> AsyncIterator[httpx.AsyncClient]:
    async with front.client("ann", base_url=address) as client:
        yield client


@asynccontextmanager
async def reading(
    client: httpx.AsyncClient, path: str, *, after: str | None = None, **params: str
) -> AsyncGenerator[Reader]:
    headers = {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": after})
    async with client.stream("GET", path, headers=headers, params=params or None) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        yield Reader(aiter(answer.aiter_lines()))


async def _chat(client: httpx.AsyncClient, **more: str) -> dict[str, Any]:
    return (await client.post("/v1/agent/runs", json={"message": "hello", **more})).json()


async def _events(front: Front, lease: Lease, count: int) -> None:
    """Write events as a worker does."""
    drafts = [Draft(EventType.STEP_STARTED, {"n": n}) for n in range(count)]
    await front.database.write(lambda tx: journal.note(tx, lease, drafts))


def _say(front: Front, told: dict[str, Any], text: str, offset: int = 0, message_id: str = "m1") -> None:
    front.bus.publish_delta(Delta(told["run_id"], told["session_id"], "ann", "", message_id, offset, text))


@pytest.mark.parametrize("path", ["/v1/agent/runs/{}/events", "/v2/oneliner/runs/{}/events"])
async def test_a_run_is_told_from_its_start_to_its_end(front: Front, ann: httpx.AsyncClient, path: str) -> None:
    told = await _chat(ann)
    async with reading(ann, path.format(told["run_id"])) as reader:
        first = await reader.frame()
        assert first["type"] == "run.created"
        assert (first["run_id"], first["session_id"]) == (told["run_id"], told["session_id"])
        assert (first["seq"], first["id"], first["summary"]) == (1, "1", "")
        assert first["at"].endswith("Z")
        assert reader.retry == "1000"
        assert await reader.types(1) == ["run.queued"]
        await front.claim(told["run_id"])
        await front.move(told["run_id"], Trigger.COMPLETE)
        rest = await reader.rest()
        assert [f["type"] for f in rest][-1] == "run.completed"


async def test_after_the_end_there_is_nothing_to_follow(ann: httpx.AsyncClient) -> None:
    told = await _chat(ann)
    path = f"/v1/agent/runs/{told['run_id']}/events"
    await ann.post(f"/v2/oneliner/runs/{told['run_id']}/cancel")
    async with reading(ann, path) as reader:
        assert [f["type"] for f in await reader.rest()] == ["run.created", "run.queued", "run.cancelled"]
    for given in ("3", "99"):
        answer = await ann.get(path, headers={"Last-Event-ID": given})
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await ann.get(path, params={"after": "3"})).status_code == 204
    async with reading(ann, path, after="2") as reader:
        assert [f["type"] for f in await reader.rest()] == ["run.cancelled"]


async def test_a_failed_run_that_goes_on_is_followed_past_its_failure(front: Front, ann: httpx.AsyncClient) -> None:
    told = await _chat(ann)
    await front.claim(told["run_id"])
    await front.move(told["run_id"], Trigger.FAIL)
    path = f"/v1/agent/runs/{told['run_id']}/events"
    async with reading(ann, path) as reader:
        failed = await reader.rest()
    assert failed[-1]["type"] == "run.failed"
    assert (await ann.get(path, headers={"Last-Event-ID": failed[-1]["id"]})).status_code == 204
    await ann.post(f"/v2/oneliner/runs/{told['run_id']}/retry")
    async with reading(ann, path, after=failed[-1]["id"]) as reader:
        assert await reader.types(2) == ["run.retried", "run.queued"]
        await ann.post(f"/v2/oneliner/runs/{told['run_id']}/cancel")
        assert [f["type"] for f in await reader.rest()] == ["run.cancelled"]


async def test_resuming_gives_each_event_once(front: Front, ann: httpx.AsyncClient) -> None:
    told = await _chat(ann)
    lease = await front.claim(told["run_id"])
    path = f"/v1/agent/runs/{told['run_id']}/events"
    seen: list[int] = []
    last = "0"
    for _ in range(6):
        await _events(front, lease, 5)
        async with reading(ann, path, after=last) as reader:
            for _ in range(4):
                frame = await reader.frame()
                seen.append(frame["seq"])
                last = frame["id"]
    await front.move(told["run_id"], Trigger.COMPLETE)
    async with reading(ann, path, after=last) as reader:
        seen += [f["seq"] for f in await reader.rest()]
    assert seen == list(range(1, len(seen) + 1))


async def test_a_long_history_is_read_in_pages_while_more_is_written(
    front: Front, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "PAGE_EVENTS", 7)
    told = await _chat(ann)
    lease = await front.claim(told["run_id"])
    await _events(front, lease, 60)

    async def write_more() -> None:
        for _ in range(20):
            await _events(front, lease, 3)
        await front.move(told["run_id"], Trigger.COMPLETE)

    writing = asyncio.ensure_future(write_more())
    async with reading(ann, f"/v1/agent/runs/{told['run_id']}/events") as reader:
        seen = [f["seq"] for f in await reader.rest()]
    await writing
    assert seen == list(range(1, len(seen) + 1))
    assert len(seen) == 2 + 1 + 60 + 60 + 1


async def test_what_the_bus_loses_is_found_in_the_database(front: Front, ann: httpx.AsyncClient) -> None:
    told = await _chat(ann)
    lease = await front.claim(told["run_id"])
    async with reading(ann, f"/v1/agent/runs/{told['run_id']}/events") as reader:
        await reader.types(3)
        lost = front.bus.publish_events
        front.bus.publish_events = _lose
        await _events(front, lease, 3)
        # Nobody tells; the database is read again before long.
        assert await reader.types(3) == ["step.started"] * 3
        await _events(front, lease, 2)
        front.bus.publish_events = lost
        # A hole in the numbers: read again at once, in order.
        await _events(front, lease, 1)
        frames = [await reader.frame() for _ in range(3)]
        assert [f["seq"] for f in frames] == sorted(f["seq"] for f in frames)
        assert frames[-1]["seq"] - frames[0]["seq"] == 2


async def test_text_comes_live_and_without_an_id(front: Front, ann: httpx.AsyncClient) -> None:
    told = await _chat(ann)
    async with reading(ann, f"/v1/agent/runs/{told['run_id']}/events") as reader:
        await reader.types(2)
        _say(front, told, "Hél")
        _say(front, told, "lo\n\ndata: x", 3)
        frames = [await reader.frame(), await reader.frame()]
    assert [f["type"] for f in frames] == ["message.delta"] * 2
    assert [f["id"] for f in frames] == ["", ""]
    assert [(f["offset"], f["text"]) for f in frames] == [(0, "Hél"), (3, "lo\n\ndata: x")]
    assert frames[0]["message_id"] == "m1"


async def test_who_comes_in_the_middle_of_a_message_gets_all_of_it(front: Front, ann: httpx.AsyncClient) -> None:
    told = await _chat(ann)
    _say(front, told, "Once upon")
    async with reading(ann, f"/v1/agent/runs/{told['run_id']}/events") as reader:
        await reader.types(2)
        snapshot = await reader.frame()
        assert (snapshot["type"], snapshot["text"], snapshot["id"]) == ("message.snapshot", "Once upon", "")
        _say(front, told, " a time", 9)
        assert (await reader.frame())["text"] == " a time"


async def test_the_text_of_a_closed_message_is_no_news(front: Front, ann: httpx.AsyncClient) -> None:
    told = await _chat(ann)
    lease = await front.claim(told["run_id"])
    closing = [Draft(EventType.MESSAGE_COMPLETED, {"message_id": "m1"})]
    await front.database.write(lambda tx: journal.note(tx, lease, closing))
    # Told by the bus although the database knows better.
    _say(front, told, "old")
    async with reading(ann, f"/v1/agent/runs/{told['run_id']}/events") as reader:
        assert (await reader.types(4))[-1] == "message.completed"
        _say(front, told, "new", message_id="m2")
        assert (await reader.frame())["text"] == "new"


async def test_a_silent_stream_is_kept_alive(front: Front, ann: httpx.AsyncClient) -> None:
    told = await _chat(ann)
    async with reading(ann, f"/v1/agent/runs/{told['run_id']}/events") as reader:
        await reader.types(2)

        async def read_on() -> None:
            await reader.frame()

        reading_on = asyncio.ensure_future(read_on())
        await until(lambda: reader.comments.count("alive") >= 3)
        _say(front, told, "x")
        await reading_on


async def test_a_reader_that_leaves_is_let_go(front: Front, ann: httpx.AsyncClient) -> None:
    told = await _chat(ann)
    async with reading(ann, f"/v1/agent/runs/{told['run_id']}/events") as reader:
        await reader.types(2)
        assert front.bus.reader_count == 1
    await until(lambda: not front.bus.reader_count)


async def test_a_deleted_run_ends_its_stream(front: Front, ann: httpx.AsyncClient) -> None:
    told = await _chat(ann)
    async with reading(ann, f"/v1/agent/runs/{told['run_id']}/events") as reader:
        await ann.delete(f"/v1/agent/sessions/{told['session_id']}")
        assert [f["type"] for f in await reader.rest()][:2] == ["run.created", "run.queued"]
    assert front.bus.reader_count == 0


@pytest.mark.parametrize("cursor", ["abc", "-1", "1.5", "9" * 30, "1;2"])
async def test_an_odd_cursor_is_refused(ann: httpx.AsyncClient, cursor: str) -> None:
    told = await _chat(ann)
    for path in (f"/v1/agent/runs/{told['run_id']}/events", "/v2/oneliner/stream"):
        by_header = await ann.get(path, headers={"Last-Event-ID": cursor, "Accept": "text/event-stream"})
        by_query = await ann.get(path, params={"after": cursor})
        assert (by_header.status_code, by_header.json()["code"]) == (422, "invalid")
        assert (by_query.status_code, by_query.json()["code"]) == (422, "invalid")


async def test_nobody_follows_what_is_not_his(front: Front, ann: httpx.AsyncClient, address: str) -> None:
    told = await _chat(ann)
    async with front.client("bob", base_url=address) as bob:
        for run_id in (told["run_id"], UNKNOWN):
            answer = await bob.get(f"/v1/agent/runs/{run_id}/events")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        async with reading(bob, "/v2/oneliner/stream", after="0") as his:
            await _chat(ann)
            mine = await _chat(bob)
            assert (await his.frame())["run_id"] == mine["run_id"]
    assert (await _nobody(front, address)).status_code == 401
    await until(lambda: not front.bus.reader_count)


async def test_one_stream_tells_of_all_runs_from_now_on(ann: httpx.AsyncClient) -> None:
    await _chat(ann)
    async with reading(ann, "/v2/oneliner/stream") as reader:
        run = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()
        told = await _chat(ann)
        frames = [await reader.frame() for _ in range(3)]
    assert [(f["run_id"], f["seq"]) for f in frames] == [(run["id"], 1), (told["run_id"], 1), (told["run_id"], 2)]
    assert [f["id"] for f in frames] == ["3", "4", "5"]


async def test_the_stream_of_all_runs_resumes_where_it_was_left(ann: httpx.AsyncClient) -> None:
    await _chat(ann)
    cursor = (await ann.get("/v2/oneliner/me")).json()["event_cursor"]
    missed = await _chat(ann)
    by_header = reading(ann, "/v2/oneliner/stream", after=str(cursor))
    by_query = reading(ann, f"/v2/oneliner/stream?after={cursor}")
    for opening in (by_header, by_query):
        async with opening as reader:
            assert [(await reader.frame())["run_id"] for _ in range(2)] == [missed["run_id"]] * 2


async def test_the_stream_of_a_project_leaves_out_the_others(front: Front, ann: httpx.AsyncClient) -> None:
    async with reading(ann, "/v2/oneliner/stream", project_id="p1") as reader:
        for project_id in ("p2", "p1", "", "p1"):
            told = await _chat(ann, project_id=project_id)
            front.bus.publish_delta(Delta(told["run_id"], told["session_id"], "ann", project_id, "m", 0, project_id))
        frames = [await reader.frame() for _ in range(6)]
    assert {f["text"] for f in frames if f["type"] == "message.delta"} == {"p1"}
    assert [f["id"] for f in frames if f["id"]] == ["3", "4", "7", "8"]


async def test_a_suspended_user_is_told_nothing_more(front: Front, ann: httpx.AsyncClient, address: str) -> None:
    await _chat(ann)
    async with (
        reading(ann, "/v2/oneliner/stream") as reader,
        front.client("root", admin=True, base_url=address) as root,
    ):
        await root.put("/v2/oneliner/users/ann/status", json={"status": "suspended"})
        assert await reader.rest() == []
        assert (await ann.get("/v2/oneliner/stream")).json()["code"] == "user_not_approved"


async def test_a_page_of_events_is_the_answer_unless_a_stream_is_asked_for(ann: httpx.AsyncClient) -> None:
    told = await _chat(ann)
    answer = await ann.get(f"/v2/oneliner/runs/{told['run_id']}/events")
    assert answer.headers["content-type"] == "application/json"
    assert [e["event_type"] for e in answer.json()["items"]] == ["run.created", "run.queued"]


def _lose(events: Sequence[RunEvent]) -> None:
    """A bus that is down."""
    del events


async def _nobody(front: Front, address: str) -> httpx.Response:
    async with front.client(base_url=address) as client:
        return await client.get("/v2/oneliner/stream")
