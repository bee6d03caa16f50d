"""What a stream tells, and how far it is: the events of one run, or of all runs of a user.

A feed merges two sources. The database has every event and is the truth; the bus is quick and may lose some. A feed
knows the cursor of the last event it passed on, drops what is not newer, and sees from a hole in the numbers that the
database must be read again. It holds nothing of the database between two reads.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from oneliner.app import run_views
from oneliner.app.ports import Delta, Snapshot
from oneliner.domain.event import EventType, RunEvent
from oneliner.domain.run import ENDED, TERMINAL_EVENTS
from oneliner.web.frames import delta_frame, event_frame, snapshot_frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oneliner.app.ports import Subscription, Transaction
    from oneliner.domain.run import Run
    from oneliner.web.call import Call

PAGE_EVENTS = 500
MAX_REMEMBERED = 1_000
_CLOSING = frozenset({EventType.MESSAGE_COMPLETED, EventType.MESSAGE_INTERRUPTED})


class Feed(Protocol):
    """What :class:`~oneliner.web.sse.EventStream` streams."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to come."""
        ...

    async def prepare(self) -> None:
        """Find out where to begin, before anything is listened to."""
        ...

    def subscribe(self, heartbeat_seconds: float) -> Subscription:
        """Listen."""
        ...

    async def read(self) -> tuple[bytes, bool]:
        """The next page of events from the database, and whether there are more."""
        ...

    def has_hole(self, batch: Sequence[RunEvent | Delta | Snapshot]) -> bool:
        """Whether events are missing between what was passed on and *batch*."""
        ...

    def encode(self, batch: Sequence[RunEvent | Delta | Snapshot]) -> bytes:
        """What is newer in *batch*."""
        ...


class _Live:
    """Which live texts are still news: not of messages that are closed, nor of runs that have ended."""

    __slots__ = ("_closed",)

    def __init__(self) -> None:
        self._closed: OrderedDict[str, None] = OrderedDict()

    def note(self, event: RunEvent) -> None:
        if event.event_type in _CLOSING:
            self._close(str(event.details.get("message_id", "")))
        elif event.event_type in TERMINAL_EVENTS:
            self._close(event.run_id)
        elif event.run_id in self._closed:
            # A failed run that goes on after all.
            del self._closed[event.run_id]

    def frame(self, live: Delta | Snapshot) -> bytes:
        if live.message_id in self._closed or live.run_id in self._closed:
            return b""
        return delta_frame(live) if isinstance(live, Delta) else snapshot_frame(live)

    def _close(self, key: str) -> None:
        self._closed[key] = None
        if len(self._closed) > MAX_REMEMBERED:
            self._closed.popitem(last=False)


class RunFeed:
    """The events of one run, until it ends. The cursor is ``seq``."""

    def __init__(self, call: Call, run_id: str, after: int) -> None:
        self._call = call
        self._run_id = run_id
        self._seen = after
        self._live = _Live()
        self.is_over = False

    async def prepare(self) -> None:
        """Nothing to find out: a run's history begins at its first event."""

    def subscribe(self, heartbeat_seconds: float) -> Subscription:
        """See :class:`Feed`."""
        return self._call.services.bus.follow_run(self._run_id, heartbeat_seconds=heartbeat_seconds)

    async def read(self) -> tuple[bytes, bool]:
        """See :class:`Feed`. Raises NotFound, UserNotApproved."""
        run, events = await self._call.read(self._page)
        frames = [self._pass(event) for event in events]
        # A cursor from the future is taken as it is: then there is nothing newer.
        self.is_over = run.run_status in ENDED and self._seen >= run.last_seq
        return b"".join(frames), len(events) == PAGE_EVENTS

    def has_hole(self, batch: Sequence[RunEvent | Delta | Snapshot]) -> bool:
        """See :class:`Feed`."""
        return _has_hole((f.seq for f in batch if isinstance(f, RunEvent)), self._seen)

    def encode(self, batch: Sequence[RunEvent | Delta | Snapshot]) -> bytes:
        """See :class:`Feed`."""
        frames: list[bytes] = []
        for item in batch:
            if isinstance(item, Delta | Snapshot):
                frames.append(self._live.frame(item))
            elif item.seq > self._seen:
                frames.append(self._pass(item))
                self.is_over = item.event_type in TERMINAL_EVENTS
        return b"".join(frames)

    def _page(self, tx: Transaction) -> tuple[Run, list[RunEvent]]:
        return run_views.events(tx, self._call.caller, self._run_id, self._seen, PAGE_EVENTS)

    def _pass(self, event: RunEvent) -> bytes:
        self._seen = event.seq
        self._live.note(event)
        return event_frame(event, event.seq)


class UserFeed:
    """The events of all runs of the caller, or of those in one project. The cursor is ``owner_seq``.

    Without a cursor to resume from it begins now: what was before is for the lists to tell.
    """

    def __init__(self, call: Call, project_id: str | None, after: int | None) -> None:
        self._call = call
        self._user_id = call.caller.user_id
        self._project_id = project_id
        self._after = after
        self._seen = 0
        self._live = _Live()

    @property
    def is_over(self) -> bool:
        """Never: a user can always start another run."""
        return False

    async def prepare(self) -> None:
        """Find out what is now.

        Before listening, so that what happens in between is passed on and not mistaken for old: it may close a
        message that the bus still believes open.
        """
        if self._after is None:
            self._seen = await self._call.read(lambda tx: tx.events.cursor_of(self._user_id))
        else:
            self._seen = self._after

    def subscribe(self, heartbeat_seconds: float) -> Subscription:
        """See :class:`Feed`."""
        return self._call.services.bus.follow_user(self._user_id, heartbeat_seconds=heartbeat_seconds)

    async def read(self) -> tuple[bytes, bool]:
        """See :class:`Feed`. Raises UserNotApproved."""
        newest, events = await self._call.read(self._page)
        frames = [self._pass(event) for event in events]
        has_more = len(events) == PAGE_EVENTS
        if not has_more:
            # In one project the numbers have holes; all up to the newest has been looked at.
            self._seen = max(self._seen, newest)
        return b"".join(frames), has_more

    def has_hole(self, batch: Sequence[RunEvent | Delta | Snapshot]) -> bool:
        """See :class:`Feed`."""
        return _has_hole((f.owner_seq for f in batch if isinstance(f, RunEvent)), self._seen)

    def encode(self, batch: Sequence[RunEvent | Delta | Snapshot]) -> bytes:
        """See :class:`Feed`."""
        frames: list[bytes] = []
        for item in batch:
            ours = self._project_id is None or item.project_id == self._project_id
            if isinstance(item, Delta | Snapshot):
                frames.append(self._live.frame(item) if ours else b"")
            elif item.owner_seq > self._seen:
                frame = self._pass(item)
                frames.append(frame if ours else b"")
        return b"".join(frames)

    def _page(self, tx: Transaction) -> tuple[int, list[RunEvent]]:
        newest = tx.events.cursor_of(self._user_id)
        return newest, tx.events.of_user(self._user_id, self._seen, self._project_id, PAGE_EVENTS)

    def _pass(self, event: RunEvent) -> bytes:
        self._seen = event.owner_seq
        self._live.note(event)
        return event_frame(event, event.owner_seq)


def _has_hole(numbers: Iterable[int], seen: int) -> bool:
    for number in numbers:
        if number > seen + 1:
            return True
        seen = max(seen, number)
    return False
