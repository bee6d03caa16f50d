"""The sending side: publishers put frames here and never wait; one task carries them to Redis.

The task sends all that has gathered in one pipeline, with short timeouts and no retries. When that fails, nothing is
tried for a while; deltas are let go meanwhile, and each message that lost some is told as a whole when Redis is back.
Events wait, as many as there is room for: those beyond are in the database, where every stream looks now and then.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import groupby
from typing import TYPE_CHECKING

from oneliner.adapters.redis_bus.entries import Interrupt, Whole, encode
from oneliner.adapters.redis_bus.texts import Texts
from oneliner.app.live_text import SILENCING
from oneliner.app.ports import Delta
from oneliner.domain.event import RunEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis.asyncio import Redis

    from oneliner.adapters.redis_bus.entries import Frame, Names

log = logging.getLogger("oneliner.bus")

GATHER_SECONDS = 0.01
OPEN_SECONDS = 2.0
#: The client has its own limits; this one holds also where they do not.
LONGEST_SEND_SECONDS = 5.0
MAX_FRAMES = 5_000
STREAM_ENTRIES = 5_000
STREAM_LIFE_SECONDS = 3_600


class Outbox:
    """*whole_of* gives all of the message a run is writing, or None; *origin* marks the entries of this process."""

    def __init__(self, client: Redis, names: Names, origin: str, whole_of: Callable[[str], Delta | None]) -> None:
        self._client = client
        self._names = names
        self._origin = origin
        self._whole_of = whole_of
        self._texts = Texts(names)
        self._frames: list[Frame] = []
        self._behind: set[str] = set()
        self._filled = asyncio.Event()
        self._is_open = False
        self.dropped_events = 0

    @property
    def is_broken(self) -> bool:
        """Whether Redis did not take the last batch."""
        return self._is_open

    def put(self, frame: Frame) -> None:
        """Have *frame* sent soon. Never waits and never raises."""
        if isinstance(frame, Delta):
            if frame.run_id in self._behind:
                return
            if self._is_open or len(self._frames) >= MAX_FRAMES:
                self._behind.add(frame.run_id)
                self._filled.set()
                return
        elif len(self._frames) >= 2 * MAX_FRAMES:
            self.dropped_events += 1
            if self.dropped_events % 1_000 == 1:
                log.warning("bus.events_dropped", extra={"count": self.dropped_events})
            return
        self._frames.append(frame)
        self._filled.set()

    async def keep_sending(self) -> None:
        """Send what is put here, for ever."""
        while True:
            await self._filled.wait()
            await asyncio.sleep(OPEN_SECONDS if self._is_open else GATHER_SECONDS)
            self._filled.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send all that waits, or keep what must not be lost for the next time."""
        frames, self._frames = self._frames, []
        behind, self._behind = self._behind, set()
        frames += [Whole(whole) for run_id in behind if (whole := self._whole_of(run_id)) is not None]
        if not frames:
            return
        try:
            async with asyncio.timeout(LONGEST_SEND_SECONDS):
                lost = await self._send(joined(frames))
        except Exception as error:  # noqa: BLE001 - whatever came over the line, this process goes on sending
            self._break(frames, error)
            return
        if self._is_open:
            self._is_open = False
            log.info("bus.back")
        if lost:
            self._behind |= lost
            self._filled.set()

    async def _send(self, frames: Sequence[Frame]) -> set[str]:
        """Send *frames*; the runs of which some text is missing in Redis, so that they have to be told as a whole."""
        pipe = self._client.pipeline(transaction=False)
        lost: set[str] = set()
        for frame in frames:
            match frame:
                case Delta() | Whole():
                    delta = frame.delta if isinstance(frame, Whole) else frame
                    if not self._texts.put(pipe, delta):
                        lost.add(delta.run_id)
                case RunEvent() if frame.event_type in SILENCING:
                    self._texts.drop(pipe, frame.run_id)
                case _:
                    pass
        # Behind the texts: who finds a gap in a stream finds a text that reaches beyond it.
        for stream, of_stream in groupby(sorted(frames, key=self._names.stream_of), self._names.stream_of):
            fields = {"o": self._origin, "f": encode(list(of_stream))}
            pipe.xadd(stream, fields, maxlen=STREAM_ENTRIES, approximate=True)  # pyright: ignore[reportArgumentType] - invariant dict
            pipe.expire(stream, STREAM_LIFE_SECONDS)
        await pipe.execute()
        return lost

    def _break(self, frames: Sequence[Frame], error: Exception) -> None:
        if not self._is_open:
            log.warning("bus.lost", extra={"error": type(error).__name__})
        self._is_open = True
        texts = [f.delta if isinstance(f, Whole) else f for f in frames if isinstance(f, Delta | Whole)]
        self._behind |= {d.run_id for d in texts}
        self._texts.forget({d.run_id for d in texts})
        # Sent twice is harmless: events carry their numbers, and an interrupt only asks to look.
        kept: list[Frame] = [f for f in frames if isinstance(f, RunEvent | Interrupt)]
        self._frames = kept[: 2 * MAX_FRAMES] + self._frames
        self._filled.set()


def joined(frames: Sequence[Frame]) -> list[Frame]:
    """*frames* with the deltas of a message that follow each other made one."""
    result: list[Frame] = []
    last: dict[str, int] = {}
    for frame in frames:
        if isinstance(frame, Delta):
            at = last.get(frame.run_id)
            before = None if at is None else result[at]
            if (
                isinstance(before, Delta)
                and at is not None
                and before.message_id == frame.message_id
                and before.offset + len(before.text) == frame.offset
            ):
                result[at] = _extended(before, frame.text)
                continue
            last[frame.run_id] = len(result)
        elif isinstance(frame, RunEvent):
            # A delta behind an event stays behind it.
            last.pop(frame.run_id, None)
        result.append(frame)
    return result


def _extended(delta: Delta, text: str) -> Delta:
    d = delta
    return Delta(d.run_id, d.session_id, d.user_id, d.project_id, d.message_id, d.offset, d.text + text)
