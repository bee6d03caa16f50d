"""However an MCP server sends what it says over HTTP, no more of it is taken than the bound."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
from aiohttp import web
from tests.adapters.mcp.conftest import call
from tests.support import modern_mcp_server
from tests.support.redis import free_port

from oneliner.adapters.tools.mcp import bodies
from oneliner.app.tools import NeedsAnswer, ToolFailed
from oneliner.domain.mcp_server import server_from_json

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from tests.adapters.mcp.conftest import Connect

BOUND = 100_000


@pytest.fixture(autouse=True)
def bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LARGEST_BYTES", BOUND)


async def said(request: web.Request) -> web.StreamResponse:
    """So many bytes: with their length, in chunks, or as events of a stream; or packed."""
    size, how = int(request.query["size"]), request.query["how"]
    if how == "length":
        return web.Response(body=b"x" * size)
    response = web.StreamResponse()
    if how == "events":
        response.content_type = "text/event-stream"
    if how == "packed":
        response.headers["Content-Encoding"] = "gzip"
    await response.prepare(request)
    each = b"data: " + b"x" * 992 + b"\n\n" if how == "events" else b"x" * 1_000
    for _ in range(size // 1_000):
        await response.write(each)
    return response


@pytest.fixture
async def url() -> AsyncGenerator[str]:
    app = web.Application()
    app.router.add_get("/", said)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    await runner.cleanup()


async def read(url: str, how: str, size: int) -> int:
    async with httpx2.AsyncClient(event_hooks={"response": [bodies.bounded]}, trust_env=False) as client:
        return len((await client.get(url, params={"how": how, "size": str(size)})).content)


@pytest.mark.parametrize("how", ["length", "chunks"])
async def test_an_answer_is_read_up_to_the_bound(url: str, how: str) -> None:
    assert await read(url, how, BOUND) == BOUND
    with pytest.raises(httpx2.StreamError, match="bytes"):
        await read(url, how, BOUND + 1_000)


async def test_a_stream_of_events_may_be_longer_than_any_of_its_events(url: str) -> None:
    assert await read(url, "events", 5 * BOUND) == 5 * BOUND


async def test_what_is_packed_is_not_taken(url: str) -> None:
    with pytest.raises(httpx2.StreamError, match="packed"):
        await read(url, "packed", 1_000)


async def test_a_call_whose_answer_is_too_large_fails_and_the_next_one_works(connect: Connect, tmp_path: Path) -> None:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(modern_mcp_server.__file__)),
        str(port),
        env={**os.environ, "DONE": str(tmp_path / "done")},
    )
    try:
        server = {"url": f"http://127.0.0.1:{port}/mcp", "call_seconds": 30, "idempotent": ["*"]}
        tools = await connect(server_from_json("shop", server))
        async with asyncio.timeout(60):
            while not tools.specs():  # noqa: ASYNC110 - what is waited for is another process
                await asyncio.sleep(0.05)
        with pytest.raises(ToolFailed) as failed:
            await call(tools, "shop__much")
        assert not isinstance(failed.value, NeedsAnswer)
        with pytest.raises(NeedsAnswer, match="How many"):
            await call(tools, "shop__buy")
        await tools.close()
    finally:
        process.terminate()
        await process.wait()
