"""The bus inside one process: readers subscribe, publishers never wait.

Order is kept for each run: an event comes after the deltas that were told before it. A reader that falls behind loses
its deltas and gets one snapshot of each message instead when it next reads, so what a reader costs in memory is
bounded by the texts being written and not by how slow it is. Events it loses are in the database, and a gap in their
sequence shows that some were lost.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from oneliner.app.live_text import SILENCING
from oneliner.app.ports import Delta, Snapshot
from oneliner.domain.event import RunEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

MAX_PENDING_DELTAS = 512
MAX_PENDING_EVENTS = 2_000

_Frame = RunEvent | Delta | Snapshot


class _Writing:
    """A message that is being written."""

    __slots__ = ("first", "length", "parts")

    def __init__(self, first: Delta) -> None:
        self.first = first
        self.parts: list[str] = []
        self.length = 0

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def snapshot(self) -> Snapshot:
        text = "".join(self.parts)
        self.parts = [text]
        first = self.first
        return Snapshot(first.run_id, first.session_id, first.message_id, text, first.project_id)


class LocalSubscription:
    """See ``app.ports.Subscription``."""

    def __init__(self, bus: LocalBus, key: tuple[str, str], heartbeat_seconds: float) -> None:
        self._bus = bus
        self._key = key
        self._heartbeat_seconds = heartbeat_seconds
        self._pending: list[_Frame] = []
        self._deltas = 0
        self._behind: set[str] = set()
        self._waiter: asyncio.Future[None] | None = None
        self._closed = False

    async def frames(self) -> AsyncIterator[Sequence[_Frame]]:
        """Batches of what happened since the last one; an empty one every heartbeat; ends when closed."""
        while not self._closed:
            if not self._pending and not self._behind:
                await self._wait()
            yield self._take()

    def close(self) -> None:
        """Stop listening; a reader that waits is let go."""
        self._closed = True
        self._bus.forget(self._key, self)
        self._wake()

    def offer(self, frame: _Frame) -> None:
        """Put a frame where the reader finds it; the bus calls this."""
        if isinstance(frame, Delta):
            if frame.run_id in self._behind:
                return
            if self._deltas >= MAX_PENDING_DELTAS:
                self._fall_behind(frame.run_id)
            else:
                self._deltas += 1
                self._pending.append(frame)
        elif len(self._pending) - self._deltas < MAX_PENDING_EVENTS:
            self._pending.append(frame)
        self._wake()

    def _fall_behind(self, run_id: str) -> None:
        self._behind |= {f.run_id for f in self._pending if isinstance(f, Delta)} | {run_id}
        self._pending = [f for f in self._pending if not isinstance(f, Delta)]
        self._deltas = 0

    def _take(self) -> Sequence[_Frame]:
        batch, self._pending, self._deltas = self._pending, [], 0
        if self._behind:
            batch.extend(self._bus.snapshots(self._behind))
            self._behind = set()
        return batch

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        timer = loop.call_later(self._heartbeat_seconds, self._wake)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class LocalBus:
    """See ``app.ports.Bus``. All of it runs on the event loop's thread."""

    def __init__(self) -> None:
        self._readers: defaultdict[tuple[str, str], set[LocalSubscription]] = defaultdict(set)
        self._writing: dict[str, _Writing] = {}

    #: Nothing is between it and its readers that could fail.
    is_working = True
    dropped_events = 0

    @property
    def reader_count(self) -> int:
        """How many subscriptions are open."""
        return sum(len(readers) for readers in self._readers.values())

    def publish_events(self, events: Sequence[RunEvent]) -> None:
        """Tell committed events."""
        for event in events:
            if event.event_type in SILENCING:
                self._writing.pop(event.run_id, None)
            self._tell(event.run_id, event.user_id, event)

    def publish_delta(self, delta: Delta) -> None:
        """Tell a piece of text."""
        if delta.offset == 0:
            self._writing[delta.run_id] = _Writing(delta)
        writing = self._writing.get(delta.run_id)
        if writing is not None:
            writing.add(delta.text)
        # Else its message is closed already, and this is the last breath of a call that was stopped.
        self._tell(delta.run_id, delta.user_id, delta)

    def publish_whole(self, whole: Delta) -> None:
        """Tell all of a message up to now, to readers that may have missed some of it."""
        writing = self._writing[whole.run_id] = _Writing(whole)
        writing.add(whole.text)
        self._tell(whole.run_id, whole.user_id, writing.snapshot())

    def whole(self, run_id: str) -> Delta | None:
        """The message that *run_id* is writing, in one piece."""
        writing = self._writing.get(run_id)
        return None if writing is None else replace(writing.first, offset=0, text=writing.snapshot().text)

    def written(self, run_id: str) -> tuple[str, int] | None:
        """The id of the message that *run_id* is writing, and how many characters of it there are."""
        writing = self._writing.get(run_id)
        return None if writing is None else (writing.first.message_id, writing.length)

    def follow_run(self, run_id: str, *, heartbeat_seconds: float) -> LocalSubscription:
        """Listen to one run."""
        subscription = self._subscribe(("run", run_id), heartbeat_seconds)
        for snapshot in self.snapshots({run_id}):
            subscription.offer(snapshot)
        return subscription

    def follow_user(self, user_id: str, *, heartbeat_seconds: float) -> LocalSubscription:
        """Listen to all runs of a user."""
        subscription = self._subscribe(("user", user_id), heartbeat_seconds)
        for snapshot in self.snapshots({r for r, w in self._writing.items() if w.first.user_id == user_id}):
            subscription.offer(snapshot)
        return subscription

    def snapshots(self, run_ids: set[str]) -> list[Snapshot]:
        """The messages that are being written in *run_ids*."""
        return [self._writing[run_id].snapshot() for run_id in run_ids if run_id in self._writing]

    def forget(self, key: tuple[str, str], subscription: LocalSubscription) -> None:
        """Drop a subscription that was closed."""
        readers = self._readers.get(key)
        if readers is not None:
            readers.discard(subscription)
            if not readers:
                del self._readers[key]

    def close(self) -> None:
        """Let every reader go."""
        for readers in list(self._readers.values()):
            for subscription in list(readers):
                subscription.close()

    def _subscribe(self, key: tuple[str, str], heartbeat_seconds: float) -> LocalSubscription:
        subscription = LocalSubscription(self, key, heartbeat_seconds)
        self._readers[key].add(subscription)
        return subscription

    def _tell(self, run_id: str, user_id: str, frame: _Frame) -> None:
        for key in (("run", run_id), ("user", user_id)):
            for reader in self._readers.get(key, ()):
                reader.offer(frame)
