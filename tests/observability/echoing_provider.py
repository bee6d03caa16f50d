"""A model provider that gives the key it was sent back in every place it finds, and an MCP server that does so too."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

#: How an answer to the message ``echo NAME`` leaks.
WAYS = ("body", "text", "html", "header", "redirect", "chunk", "malformed", "cut", "starred", "rate")


class EchoingProvider:
    """Answers ``echo WAY`` by leaking, ``call TOOL`` by calling a tool, and everything else kindly."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.url = ""

    async def take(self, request: web.Request) -> web.StreamResponse:
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.keys.add(key)
        body = await request.json()
        last = body["messages"][-1]
        said = str(last.get("content", ""))
        if last["role"] == "user" and said.startswith("echo "):
            return await self._leak(said.removeprefix("echo "), key, request)
        if last["role"] == "user" and said.startswith("call "):
            call = {"index": 0, "id": "c1", "function": {"name": said.removeprefix("call "), "arguments": "{}"}}
            return await _streamed(
                request, [{"delta": {"tool_calls": [call]}}, {"delta": {}, "finish_reason": "tool_calls"}]
            )
        return await _streamed(request, [{"delta": {"content": "well"}}, {"delta": {}, "finish_reason": "stop"}])

    async def _leak(self, way: str, key: str, request: web.Request) -> web.StreamResponse:
        told = {"error": {"message": f"incorrect API key provided: {key}", "code": f"bad key {key}", "param": key}}
        answers: dict[str, Callable[[], web.Response]] = {
            "body": lambda: web.json_response(told, status=401),
            "text": lambda: web.Response(text=f"no such key: {key}\nAuthorization: Bearer {key}", status=400),
            "html": lambda: web.Response(text=f"<h1>{key}</h1>", content_type="text/html", status=403),
            "header": lambda: web.Response(status=401, reason=f"key {key} is bad", headers={"X-Your-Key": key}),
            "redirect": lambda: web.Response(status=302, headers={"Location": f"https://elsewhere.example/?key={key}"}),
            "starred": lambda: web.json_response(
                {"error": {"message": f"bad key {key[:7]}****{key[-4:]}"}}, status=401
            ),
            "rate": lambda: web.json_response(told, status=429, headers={"Retry-After": "0"}),
        }
        if way in answers:
            return answers[way]()
        lines = {
            "chunk": f"data: {json.dumps(told)}\n\n",
            "malformed": f"data: {{key={key}\n\n",
            "cut": f": {key}\n\n",
        }
        response = await _opened(request)
        await response.write(lines[way].encode())
        return response


async def _opened(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    return response


async def _streamed(request: web.Request, choices: list[dict[str, object]]) -> web.StreamResponse:
    response = await _opened(request)
    for choice in choices:
        chunk = {"id": "x", "object": "chat.completion.chunk", "choices": [{"index": 0, **choice}]}
        await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        await asyncio.sleep(0)
    await response.write(b"data: [DONE]\n\n")
    return response


async def _echo_headers(request: web.Request) -> web.Response:
    return web.Response(status=401, text=f"who is {dict(request.headers)}?")


@asynccontextmanager
async def echoing() -> AsyncGenerator[EchoingProvider]:
    """The provider at ``/v1``, the MCP server at ``/mcp``."""
    provider = EchoingProvider()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", provider.take)
    app.router.add_route("*", "/mcp", _echo_headers)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        await runner.cleanup()
