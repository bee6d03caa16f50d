"""A stream of server-sent events: listen first, then read the database, then pass on what is newer.

In that order nothing can fall between the two. While a stream is open the database is read again from time to time and
whenever the numbers have a hole, so what the bus loses costs seconds and never an event; no connection is held in
between. A reader that goes away is noticed at once, and a run never notices.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from starlette.responses import Response

from oneliner.domain.errors import Forbidden, Invalid, NotFound, Unavailable
from oneliner.web.frames import BEGIN, HEARTBEAT

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from oneliner.app.ports import Subscription
    from oneliner.web.feeds import Feed

REREAD_SECONDS = 5.0
#: Where the server's own ``send`` is found in a request's scope.
DIRECT_SEND = "oneliner.direct_send"
_CURSOR = re.compile(r"[0-9]{1,15}")
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def cursor_of(request: Request, after: int | None) -> int | None:
    """Where to resume: ``Last-Event-ID``, which a reconnecting browser sends by itself, or else *after*.

    Raises Invalid: the header is no cursor.
    """
    given = request.headers.get("last-event-id")
    if given is None or not given.strip():
        return after
    if _CURSOR.fullmatch(given.strip()) is None:
        raise Invalid("Last-Event-ID is no id of this stream; leave it out to begin anew", field="Last-Event-ID")
    return int(given)


def wants_stream(request: Request) -> bool:
    """Whether the client accepts server-sent events."""
    return "text/event-stream" in request.headers.get("accept", "")


class EventStream(Response):
    """Streams *feed*; answers 204 when it is over and there is nothing newer than the cursor."""

    def __init__(self, feed: Feed, heartbeat_seconds: float) -> None:
        super().__init__(media_type="text/event-stream")
        self._feed = feed
        self._heartbeat_seconds = heartbeat_seconds
        # Waking up more often than a heartbeat is due lets the database be read again in time.
        self._wake_seconds = min(heartbeat_seconds, REREAD_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. What is raised before the first byte becomes an ordinary refusal."""
        await self._feed.prepare()
        subscription = self._feed.subscribe(self._wake_seconds)
        try:
            first, has_more = await self._feed.read()
            if self._feed.is_over and not first:
                await Response(status_code=204)(scope, receive, send)
                return
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            await send({"type": "http.response.body", "body": BEGIN + first, "more_body": True})
            onward: Send = scope.get(DIRECT_SEND, send)
            await self._until_gone(receive, self._stream(subscription, onward, has_more=has_more))
        finally:
            subscription.close()

    async def _until_gone(self, receive: Receive, streaming: Coroutine[object, object, None]) -> None:
        """Stream until it is over or the reader has gone."""
        tasks = [asyncio.ensure_future(streaming), asyncio.ensure_future(_gone(receive))]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not tasks[0].cancelled():
            tasks[0].result()

    async def _stream(self, subscription: Subscription, send: Send, *, has_more: bool) -> None:
        # Deleted, or no longer approved: the stream ends, and a reconnect is told why.
        with suppress(NotFound, Forbidden):
            if has_more:
                await self._catch_up(send)
            if not self._feed.is_over:
                await self._follow(subscription, send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _follow(self, subscription: Subscription, send: Send) -> None:
        read_at = sent_at = time.monotonic()
        async for batch in subscription.frames():
            now = time.monotonic()
            if now - read_at >= self._wake_seconds or self._feed.has_hole(batch):
                read_at = now
                if await self._catch_up(send):
                    sent_at = now
                if self._feed.has_hole(batch):
                    # The database could not be read; passing these on would hide what is missing.
                    continue
            frames = b"" if self._feed.is_over else self._feed.encode(batch)
            if frames:
                await send({"type": "http.response.body", "body": frames, "more_body": True})
                sent_at = now
            elif now - sent_at + self._wake_seconds > self._heartbeat_seconds:
                await send({"type": "http.response.body", "body": HEARTBEAT, "more_body": True})
                sent_at = now
            if self._feed.is_over:
                return

    async def _catch_up(self, send: Send) -> bool:
        """Pass on all that the database has beyond what was passed on; whether there was anything."""
        found, has_more = False, True
        while has_more:
            try:
                frames, has_more = await self._feed.read()
            except Unavailable:
                # Not now; it is read again soon, and nothing is lost by then.
                return found
            if frames:
                found = True
                await send({"type": "http.response.body", "body": frames, "more_body": True})
        return found


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
