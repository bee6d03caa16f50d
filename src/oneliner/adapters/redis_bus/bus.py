"""The bus of many processes: the process's own fan-out, and Redis Streams between one and another.

What this process tells reaches its own readers at once, whether Redis is there or not; other processes get it through
Redis, in the order of each user. See :mod:`.outbox` for what sending costs a publisher (nothing but memory), and
:mod:`.inbox` for how readers converge after something was lost.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, Protocol

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from oneliner.adapters.redis_bus.entries import Interrupt, Names
from oneliner.adapters.redis_bus.inbox import BLOCK_MS, FanOut, Inbox
from oneliner.adapters.redis_bus.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from oneliner.app.ports import Delta, Subscription
    from oneliner.domain.event import RunEvent

SOCKET_SECONDS = 0.75
CANCEL_AGAIN_SECONDS = 0.1


class LocalFanOut(FanOut, Protocol):
    """The bus inside this process, with its readers."""

    def follow_run(self, run_id: str, *, heartbeat_seconds: float) -> Subscription:
        """Listen to one run."""
        ...

    def follow_user(self, user_id: str, *, heartbeat_seconds: float) -> Subscription:
        """Listen to all runs of a user."""
        ...

    def close(self) -> None:
        """Let every reader go."""
        ...


class RedisBus:
    """See ``app.ports.Bus``. *follows*: this process has readers; *on_interrupt*: it executes runs."""

    def __init__(
        self,
        url: str,
        local: LocalFanOut,
        *,
        follows: bool = True,
        on_interrupt: Callable[[str], None] | None = None,
        prefix: str = "oneliner",
    ) -> None:
        self._local = local
        self._follows = follows
        self._client = _client(url, SOCKET_SECONDS)
        # A wait of its own making must not look like a Redis that is gone.
        self._reader = _client(url, SOCKET_SECONDS + BLOCK_MS / 1_000)
        names, origin = Names(prefix), secrets.token_hex(8)
        self._outbox = Outbox(self._client, names, origin, local.whole)
        self._inbox = Inbox(
            self._reader, self._client, names, origin, local, follows=follows, on_interrupt=on_interrupt
        )
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_working(self) -> bool:
        """Whether Redis took what was last sent, and is read."""
        return not self._outbox.is_broken and self._inbox.is_reading.is_set()

    @property
    def dropped_events(self) -> int:
        """How many events were not sent because too many waited; streams find them in the database."""
        return self._outbox.dropped_events

    def start(self) -> None:
        """Begin to send and to read. Redis need not be there."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._outbox.keep_sending()), loop.create_task(self._inbox.keep_reading())]

    async def until_reading(self) -> None:
        """Come back when what others tell from now on is heard."""
        await self._inbox.is_reading.wait()

    async def close(self) -> None:
        """Send what waits, let every reader go, and close the connections."""
        self._local.close()
        await end(self._tasks)
        await self._outbox.flush()
        await self._inbox.close()
        await self._client.aclose()
        await self._reader.aclose()

    def publish_events(self, events: Sequence[RunEvent]) -> None:
        """Tell committed events."""
        self._local.publish_events(events)
        for event in events:
            self._outbox.put(event)

    def publish_delta(self, delta: Delta) -> None:
        """Tell a piece of text."""
        self._local.publish_delta(delta)
        self._outbox.put(delta)

    def interrupt(self, run_id: str) -> None:
        """Have the process that executes *run_id* look at it now."""
        self._outbox.put(Interrupt(run_id))

    def follow_run(self, run_id: str, *, heartbeat_seconds: float) -> Subscription:
        """Listen to one run; begins with a snapshot when a message is being written."""
        subscription = self._local.follow_run(run_id, heartbeat_seconds=heartbeat_seconds)
        self._inbox.look_up(run_id)
        return subscription

    def follow_user(self, user_id: str, *, heartbeat_seconds: float) -> Subscription:
        """Listen to all runs of a user."""
        return self._local.follow_user(user_id, heartbeat_seconds=heartbeat_seconds)


async def end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel *tasks*, until they have ended.

    Once is not enough: the client writes under ``asyncio.wait_for``, which before Python 3.12 drops a cancellation that
    comes just as the write is done. The loop around it would then go on, and whoever stops the process wait for ever.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


def _client(url: str, socket_seconds: float) -> Redis:
    return Redis.from_url(
        url,
        socket_timeout=socket_seconds,
        socket_connect_timeout=SOCKET_SECONDS,
        # Its own retries would hold a run up for most of a minute; what is tried again here, is tried visibly.
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
