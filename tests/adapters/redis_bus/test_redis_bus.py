"""The bus between processes. Each :class:`Process` has its own bus and fan-out, as processes have."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis
from tests.support.redis import REDIS_URL, PrivateRedis, has_redis_server

from oneliner.adapters.local_bus import LocalBus
from oneliner.adapters.redis_bus import outbox
from oneliner.adapters.redis_bus.bus import RedisBus, end
from oneliner.app.ports import Delta, Snapshot
from oneliner.domain.event import EventType, RunEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

RUN, USER, MESSAGE = "run-1", "alice", "message-1"
TEXT = "Grüße, 你好 und 🎉: "


class Process:
    """A bus with what one reader of *RUN* has seen: its events, and the text as a page would show it."""

    def __init__(self, url: str, prefix: str, *, follows: bool = True) -> None:
        self.interrupted: list[str] = []
        self.local = LocalBus()
        self.bus = RedisBus(url, self.local, follows=follows, on_interrupt=self.interrupted.append, prefix=prefix)
        self.events: list[int] = []
        self.snapshots = 0
        self.text = ""
        self._reading: asyncio.Task[None] | None = None

    async def begin(self) -> Process:
        self.bus.start()
        await self.bus.until_reading()
        return self

    def read(self) -> Process:
        self._reading = asyncio.ensure_future(self._read())
        return self

    async def _read(self) -> None:
        subscription = self.bus.follow_run(RUN, heartbeat_seconds=0.05)
        async for batch in subscription.frames():
            for frame in batch:
                match frame:
                    case Snapshot(text=text):
                        self.snapshots += 1
                        self.text = text
                    case Delta(offset=offset, text=text):
                        # What a page must be able to rely on.
                        assert offset in (0, len(self.text)), (offset, len(self.text))
                        self.text = self.text[:offset] + text
                    case _:
                        self.events.append(frame.seq)

    async def until(self, is_true: Callable[[], Any], seconds: float = 10.0) -> None:
        async with asyncio.timeout(seconds):
            while not is_true():
                if self._reading is not None and self._reading.done():
                    self._reading.result()
                await asyncio.sleep(0.005)

    async def end(self) -> None:
        await self.bus.close()
        if self._reading is not None:
            await self._reading


class Writer:
    """Writes one message through a process's bus, piece by piece."""

    def __init__(self, process: Process) -> None:
        self._bus = process.bus
        self.text = ""

    def write(self, text: str) -> None:
        self._bus.publish_delta(Delta(RUN, "session-1", USER, "p", MESSAGE, len(self.text), text))
        self.text += text

    async def write_many(self, count: int, every_seconds: float = 0.0) -> None:
        for n in range(count):
            self.write(f"{TEXT}{n} ")
            await asyncio.sleep(every_seconds)


def event(seq: int, event_type: EventType = EventType.STEP_STARTED) -> RunEvent:
    details = {"message_id": MESSAGE, "note": TEXT}
    return RunEvent(f"e{seq}", RUN, "session-1", USER, "p", seq, seq, str(event_type), "", details, 1_700_000_000_000)


@pytest.fixture
async def processes() -> AsyncIterator[Callable[..., Process]]:
    """Makes processes on the shared server, or on another, under one prefix."""
    prefix = f"oneliner-test-{secrets.token_hex(6)}"
    made: list[Process] = []

    def make(url: str = REDIS_URL, **options: Any) -> Process:
        made.append(Process(url, prefix, **options))
        return made[-1]

    yield make
    for process in made:
        await process.end()
    client: Any = Redis.from_url(REDIS_URL)
    if keys := [key async for key in client.scan_iter(f"{prefix}:*")]:
        await client.delete(*keys)
    await client.aclose()


@pytest.fixture
def private(tmp_path: Path) -> Iterator[PrivateRedis]:
    if not has_redis_server():
        pytest.skip("no redis-server for tests")
    server = PrivateRedis(tmp_path)
    yield server
    server.kill()


async def test_another_process_hears_everything_in_order(processes: Callable[..., Process]) -> None:
    here, there = await processes().begin(), (await processes().begin()).read()
    writer = Writer(here)
    here.bus.publish_events([event(1)])
    await writer.write_many(200)
    here.bus.publish_events([event(2)])
    await there.until(lambda: there.events == [1, 2])
    assert there.text == writer.text
    assert there.snapshots == 0


async def test_an_event_arrives_as_it_was_told(processes: Callable[..., Process]) -> None:
    here, there = await processes().begin(), await processes().begin()
    subscription = there.bus.follow_user(USER, heartbeat_seconds=0.05)
    here.bus.publish_events([event(7)])
    async for batch in subscription.frames():
        if batch:
            assert list(batch) == [event(7)]
            break
    subscription.close()


async def test_what_is_told_here_is_heard_here_once(processes: Callable[..., Process]) -> None:
    here, there = (await processes().begin()).read(), (await processes().begin()).read()
    await asyncio.sleep(0)
    Writer(here).write("a")
    here.bus.publish_events([event(1)])
    await there.until(lambda: there.events)
    assert (here.text, here.events) == ("a", [1])


async def test_who_comes_in_the_middle_converges_exactly(processes: Callable[..., Process]) -> None:
    here = await processes().begin()
    writer = Writer(here)
    writing = asyncio.ensure_future(writer.write_many(300, 0.001))
    late = [(await processes().begin()).read() for _ in range(3)]
    await writing
    for process in late:
        await process.until(lambda p=process: p.text == writer.text)


async def test_who_comes_while_the_model_is_silent_sees_the_text_so_far(processes: Callable[..., Process]) -> None:
    here, early = await processes().begin(), (await processes().begin()).read()
    writer = Writer(here)
    await writer.write_many(20)
    await early.until(lambda: early.text == writer.text)
    first = (await processes().begin()).read()
    await first.until(lambda: first.text == writer.text)
    assert first.snapshots == 1


async def test_a_message_that_is_complete_leaves_no_text_behind(processes: Callable[..., Process]) -> None:
    here, there = await processes().begin(), (await processes().begin()).read()
    await Writer(here).write_many(3)
    here.bus.publish_events([event(1, EventType.MESSAGE_COMPLETED)])
    await there.until(lambda: there.events)
    late = (await processes().begin()).read()
    here.bus.publish_events([event(2)])
    await late.until(lambda: late.events)
    assert late.text == ""
    assert there.local.written(RUN) is None


async def test_a_trimmed_stream_ends_in_a_snapshot(
    processes: Callable[..., Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "STREAM_ENTRIES", 1)
    monkeypatch.setattr(outbox, "GATHER_SECONDS", 0)
    here, there = await processes().begin(), (await processes().begin()).read()
    writer = Writer(here)
    writer.write("first ")
    await there.until(lambda: there.text == "first ")
    # The text alone goes on, as if every entry in between had been trimmed away before it was read.
    there.local.publish_whole(Delta(RUN, "session-1", USER, "p", MESSAGE, 0, "fir"))
    await writer.write_many(50)
    await there.until(lambda: there.text == writer.text)


async def test_an_interrupt_reaches_the_workers(processes: Callable[..., Process]) -> None:
    api, worker = await processes().begin(), await processes(follows=False).begin()
    api.bus.interrupt(RUN)
    await worker.until(lambda: worker.interrupted == [RUN])
    assert api.interrupted == []


async def test_a_publisher_never_waits(processes: Callable[..., Process], private: PrivateRedis) -> None:
    private.start()
    here = await processes(private.url).begin()
    private.freeze()
    writer = Writer(here)
    began = time.perf_counter()
    for n in range(20_000):
        writer.write(f"{n} ")
        here.bus.publish_events([event(n + 1)])
    assert time.perf_counter() - began < 3
    loop_began = time.perf_counter()
    await asyncio.sleep(0.01)
    assert time.perf_counter() - loop_began < 0.75
    private.thaw()


@pytest.mark.parametrize("fault", ["frozen", "killed", "not there at the start"])
async def test_after_an_outage_readers_converge_within_three_seconds(
    processes: Callable[..., Process], private: PrivateRedis, fault: str
) -> None:
    here, there = processes(private.url), processes(private.url)
    if fault == "not there at the start":
        here.bus.start()
        there.bus.start()
        there.read()
        writer = Writer(here)
        writer.write("before ")
        here.bus.publish_events([event(1)])
    else:
        private.start()
        await here.begin()
        (await there.begin()).read()
        writer = Writer(here)
        writer.write("before ")
        here.bus.publish_events([event(1)])
        await there.until(lambda: there.text == "before ")
        private.freeze() if fault == "frozen" else private.kill()
    # As long as the slowest timeout, so that both sides have found out.
    await writer.write_many(60, 0.04)
    assert not here.bus.is_working
    private.thaw() if fault == "frozen" else private.start()
    back = time.monotonic()
    writing = asyncio.ensure_future(writer.write_many(200, 0.02))
    await there.until(lambda: "before " in there.text and len(there.text) > len("before ") + 60 * len(TEXT), seconds=5)
    took = time.monotonic() - back
    await writing
    here.bus.publish_events([event(2)])
    await there.until(lambda: there.text == writer.text and there.events[-1:] == [2])
    assert took < 3


async def test_a_bus_that_is_closed_in_the_middle_of_sending_ends() -> None:
    for round_ in range(60):
        bus = RedisBus(REDIS_URL, LocalBus(), follows=False, prefix=f"oneliner-test-{secrets.token_hex(4)}")
        bus.start()
        # Closed at another moment each time, from before the first write until after the last.
        for offset in range(8):
            bus.interrupt(f"run-{round_}-{offset}")
            await asyncio.sleep(outbox.GATHER_SECONDS / 4 + round_ * 0.000_05)
        async with asyncio.timeout(10):
            await bus.close()


async def test_a_task_that_misses_a_cancellation_is_cancelled_again() -> None:
    missed = 0

    async def deaf() -> None:
        nonlocal missed
        while True:
            try:
                await asyncio.sleep(3_600)
            except asyncio.CancelledError:
                missed += 1
                if missed == 3:
                    raise

    task = asyncio.ensure_future(deaf())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        await end([task])
    assert task.cancelled()
    assert missed == 3
