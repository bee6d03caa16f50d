"""An endpoint whose every byte a test decides, and the shapes to speak with."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Protocol

from aiohttp import web

from oneliner.app.model import Question, Turn
from oneliner.testing import model_permit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from oneliner.adapters.models.limits import Limits
    from oneliner.app.model import Model, ToolSpec

KEY = "sk-test-0123456789abcdefghij"
DONE = b"data: [DONE]\n\n"


def chunk(delta: dict[str, Any] | None = None, *, finish: str | None = None, **more: Any) -> bytes:
    """One event of a stream, as an endpoint sends it."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **more}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def text(words: str, **more: Any) -> bytes:
    return chunk({"content": words}, **more)


def finish(reason: str = "stop") -> bytes:
    return chunk({}, finish=reason)


def usage(prompt: int, completion: int, cached: int = 0) -> bytes:
    figures = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }
    return chunk(None, usage=figures)


class Wire:
    """The endpoint. ``serve`` decides what every request from then on is answered."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.peers: set[tuple[str, int]] = set()
        self.left = asyncio.Event()
        self.base_url = ""
        self._handler: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None

    def serve(self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
        self._handler = handler

    def refuse(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        async def handler(_: web.Request) -> web.StreamResponse:
            payload = body if isinstance(body, bytes) else json.dumps(body).encode()
            return web.Response(status=status, body=payload, headers=headers, content_type="application/json")

        self.serve(handler)

    def stream(self, *pieces: bytes, then: str = "end") -> None:
        """Each piece is one write. ``then``: end, hang, drip (comments for ever) or cut (no proper end)."""

        async def handler(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            for piece in pieces:
                await response.write(piece)
                await asyncio.sleep(0)
            if then == "hang":
                await asyncio.Event().wait()
            while then == "drip":
                await response.write(b": keep-alive\n\n")
                await asyncio.sleep(0.02)
            if then == "cut":
                assert request.transport is not None
                request.transport.close()
                return response
            await response.write_eof()
            return response

        self.serve(handler)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(json.loads(await request.read()))
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        assert request.transport is not None
        self.peers.add(request.transport.get_extra_info("peername"))
        assert self._handler is not None
        try:
            return await self._handler(request)
        except (asyncio.CancelledError, ConnectionError):
            self.left.set()
            raise


class MakeClient(Protocol):
    def __call__(self, limits: Limits | None = None, key: str = KEY, base_url: str = "") -> Model: ...


def question(*tools: ToolSpec, says: str = "hello", total_seconds: float = 20.0) -> Question:
    return Question(model_permit("openai/test-model"), [Turn("user", says)], tools=tools, total_seconds=total_seconds)
