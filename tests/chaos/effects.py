"""The outside world of a campaign: a server on which tools have their effects, and which counts them."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

WORK_SECONDS = 0.03


class EffectServer:
    """Counts by kind and idempotency key: how often it was asked for an effect, and how often there was one."""

    def __init__(self) -> None:
        self.asked: Counter[tuple[str, str]] = Counter()
        self.effects: Counter[tuple[str, str]] = Counter()
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        """An effect: of kind ``once`` whenever it is asked for, of kind ``again`` unless it is there."""
        place = (request.match_info["kind"], request.match_info["key"])
        self.asked[place] += 1
        # What it does takes its time, before and after.
        await asyncio.sleep(WORK_SECONDS)
        if place[0] == "once" or not self.effects[place]:
            self.effects[place] += 1
        await asyncio.sleep(WORK_SECONDS)
        return web.Response(text="done")

    def has(self, kind: str, key: str) -> bool:
        """Whether the effect is there."""
        return self.effects[kind, key] > 0


@asynccontextmanager
async def effect_server() -> AsyncGenerator[EffectServer]:
    """A running server."""
    server = EffectServer()
    application = web.Application()
    application.add_routes([web.post("/{kind}/{key}", server.take)])
    # What was asked for happens, whether or not he who asked is still there.
    runner = web.AppRunner(application, handler_cancellation=False, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
