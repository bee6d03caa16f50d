"""A receiver of webhooks: it verifies each delivery with the published library, and answers as a test wants it to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from tests.support.front import until

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Received:
    """A request that came in; *verified* by each secret that the receiver knew then."""

    id: str
    body: bytes
    headers: Mapping[str, str]
    data: Any


@dataclass(slots=True)
class Receiver:
    """Answers each request with the next of *answers*, and with 204 when there is none left."""

    answers: list[web.StreamResponse | None] = field(default_factory=list["web.StreamResponse | None"])
    received: list[Received] = field(default_factory=list[Received])
    url: str = ""
    released: asyncio.Event = field(default_factory=asyncio.Event)
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/hook"

    async def stop(self) -> None:
        self.released.set()
        if self._runner is not None:
            await self._runner.cleanup()

    async def until(self, count: int) -> list[Received]:
        await until(lambda: len(self.received) >= count)
        return self.received

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        data = await request.json()
        self.received.append(Received(request.headers["webhook-id"], body, dict(request.headers), data))
        if not self.answers:
            return web.Response(status=204)
        answer = self.answers.pop(0)
        if answer is None:
            # It hangs for as long as the test lasts.
            await self.released.wait()
            return web.Response(status=204)
        return answer


def verifies(secret: str, received: Received) -> bool:
    """Whether the published library accepts it."""
    headers = {name.lower(): value for name, value in received.headers.items()}
    try:
        Webhook(secret).verify(received.body, headers)
    except WebhookVerificationError:
        return False
    return True
