"""The receiving side: one connection for the whole process reads every stream, from where it was.

What other processes tell goes into the process's own fan-out, as if it had been told there. A piece of text that does
not join what is known (the process came in the middle, the stream was trimmed, Redis was away) is not passed on; the
text so far is read from its key instead and told as a whole, so that every reader converges.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from redis.exceptions import RedisError

from oneliner.adapters.redis_bus.entries import Interrupt, Whole, decode
from oneliner.adapters.redis_bus.texts import whole_from
from oneliner.app.ports import Delta
from oneliner.domain.event import RunEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis.asyncio import Redis

    from oneliner.adapters.redis_bus.entries import Names

log = logging.getLogger("oneliner.bus")

BLOCK_MS = 1_000
BATCH_ENTRIES = 500
RETRY_SECONDS = 0.5
#: The client has its own limits; this one holds also where they do not.
LONGEST_READ_SECONDS = 5.0
MAX_WAITING_DELTAS = 2_000


class FanOut(Protocol):
    """The bus inside this process."""

    def publish_events(self, events: Sequence[RunEvent]) -> None:
        """Tell events."""
        ...

    def publish_delta(self, delta: Delta) -> None:
        """Tell a piece of text that joins what was told before."""
        ...

    def publish_whole(self, whole: Delta) -> None:
        """Tell all of a message up to now."""
        ...

    def whole(self, run_id: str) -> Delta | None:
        """The message that a run is writing, in one piece."""
        ...

    def written(self, run_id: str) -> tuple[str, int] | None:
        """The id and the length of the message that a run is writing."""
        ...


class Inbox:
    """*reader* is a connection that may wait; *client* one that may not. *follows* says whether the process has
    readers of streams at all, *on_interrupt* what executes runs in it.
    """

    def __init__(
        self,
        reader: Redis,
        client: Redis,
        names: Names,
        origin: str,
        fan_out: FanOut,
        *,
        follows: bool,
        on_interrupt: Callable[[str], None] | None,
    ) -> None:
        self._reader = reader
        self._client = client
        self._names = names
        self._origin = origin.encode()
        self._fan_out = fan_out
        self._on_interrupt = on_interrupt
        self._streams = [*(names.shards if follows else ()), *([names.interrupts] if on_interrupt else ())]
        self._waiting: dict[str, list[Delta]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_reading = asyncio.Event()

    async def keep_reading(self) -> None:
        """Pass on what other processes tell, for ever."""
        at: dict[Any, Any] = {}
        while self._streams:
            try:
                async with asyncio.timeout(LONGEST_READ_SECONDS):
                    if not at:
                        at = {stream: await self._tip(stream) for stream in self._streams}
                        self.is_reading.set()
                    answer: Any = await self._reader.xread(at, count=BATCH_ENTRIES, block=BLOCK_MS)
                self.is_reading.set()
                for stream, entries in answer or ():
                    for entry_id, fields in entries:
                        # First: what cannot be read is not read twice.
                        at[stream.decode()] = entry_id
                        if fields and fields[b"o"] != self._origin:
                            self._take(fields[b"f"])
            except Exception as error:  # noqa: BLE001 - whatever came over the line, this process goes on reading
                if self.is_reading.is_set() or not isinstance(error, RedisError | OSError | TimeoutError):
                    log.warning("bus.unread", extra={"error": type(error).__name__})
                self.is_reading.clear()
                await asyncio.sleep(RETRY_SECONDS)

    def look_up(self, run_id: str) -> None:
        """Find out what *run_id* is writing, if this process does not know."""
        if run_id not in self._waiting and self._fan_out.written(run_id) is None:
            self._waiting[run_id] = []
            self._begin(self._fetch(run_id))

    async def close(self) -> None:
        """Stop what is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _tip(self, stream: str) -> bytes | str:
        newest: Any = await self._reader.xrevrange(stream, count=1)
        return newest[0][0] if newest else "0-0"

    def _take(self, body: bytes) -> None:
        for frame in decode(body):
            match frame:
                case Delta():
                    self._take_delta(frame)
                case Whole(delta=whole):
                    self._waiting.pop(whole.run_id, None)
                    self._fan_out.publish_whole(whole)
                case Interrupt(run_id=run_id):
                    if self._on_interrupt is not None:
                        self._on_interrupt(run_id)
                case RunEvent():
                    # In the order they came: what still waits for its beginning belongs before the event or nowhere.
                    self._waiting.pop(frame.run_id, None)
                    self._fan_out.publish_events([frame])

    def _take_delta(self, delta: Delta) -> None:
        waiting = self._waiting.get(delta.run_id)
        if waiting is not None:
            if len(waiting) < MAX_WAITING_DELTAS:
                waiting.append(delta)
            return
        if not self._joins(delta):
            self._waiting[delta.run_id] = [delta]
            self._begin(self._fetch(delta.run_id))

    def _joins(self, delta: Delta) -> bool:
        """Pass on what is new in *delta*; False when something before it is missing."""
        message_id, length = self._fan_out.written(delta.run_id) or ("", 0)
        if message_id != delta.message_id:
            length = 0
            if delta.offset:
                return False
        if delta.offset > length:
            return False
        rest = delta.text[length - delta.offset :]
        if rest:
            self._fan_out.publish_delta(replace(delta, offset=length, text=rest))
        return True

    async def _fetch(self, run_id: str) -> None:
        try:
            value: Any = await self._client.get(self._names.text_of(run_id))
        except (RedisError, OSError, TimeoutError):
            value = None
        waiting = self._waiting.pop(run_id, None)
        if waiting is None:
            # Told as a whole, or over, meanwhile.
            return
        whole = whole_from(run_id, value)
        if whole is not None and (not waiting or waiting[-1].message_id == whole.message_id):
            self._fan_out.publish_whole(whole)
        for delta in waiting:
            # What does not join even now is given up; the next piece of the message looks again.
            self._joins(delta)

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
