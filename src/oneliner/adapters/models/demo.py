"""The demo model: what answers when no provider is configured.

A small server on loopback inside this process that speaks the wire format of the real ones, so that a demo run takes
the ordinary way through the HTTP client: streamed, counted, priced. What it says is decided in :mod:`.demo_mind`.
"""

from __future__ import annotations

from aiohttp import web

from oneliner.adapters.models.demo_mind import reply_to
from oneliner.adapters.models.loopback import LoopbackSite, event_stream, paced
from oneliner.adapters.models.prices import DEMO_MODEL
from oneliner.adapters.models.served import BadRequest, Wire, error_body, models_body, read_request

TOKEN_DELAY_SECONDS = 0.015  # about as fast as a good provider, and slow enough to see that it streams


class DemoModel:
    """The server of the demo model, between ``start()`` and ``stop()``."""

    def __init__(self, *, token_delay_seconds: float = TOKEN_DELAY_SECONDS) -> None:
        self._token_delay_seconds = token_delay_seconds
        self._site = LoopbackSite(
            [web.post("/v1/chat/completions", self._complete), web.get("/v1/models", _list_models)]
        )

    async def start(self) -> None:
        """Listen on a free loopback port."""
        await self._site.start()

    async def stop(self) -> None:
        """Stop listening and end what is being answered."""
        await self._site.stop()

    @property
    def base_url(self) -> str:
        """Where the client is pointed at; it ends in ``/v1``. Only while started."""
        return self._site.base_url

    async def _complete(self, http: web.Request) -> web.StreamResponse:
        try:
            request = read_request(await http.read(), http.headers)
        except BadRequest as error:
            body = error_body(str(error), "invalid_request_error")
            return web.Response(status=400, body=body, content_type="application/json")
        wire = Wire(reply_to(request), request)
        if request.stream:
            return await self._stream(http, wire)
        return web.Response(body=wire.whole(), content_type="application/json")

    async def _stream(self, http: web.Request, wire: Wire) -> web.StreamResponse:
        response = event_stream()
        await response.prepare(http)
        await response.write(wire.opening())
        async for piece in paced(wire.pieces(), self._token_delay_seconds):
            await response.write(piece.data)
        await response.write(wire.finish() + wire.closing())
        await response.write_eof()
        return response


async def _list_models(_: web.Request) -> web.Response:
    return web.Response(body=models_body(DEMO_MODEL), content_type="application/json")
