"""The floor: a bare Starlette application that hands each request to the model and its bytes back. Nothing is kept."""

from __future__ import annotations

import argparse
import socket
from typing import TYPE_CHECKING

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.responses import StreamingResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request


class Passthrough:
    def __init__(self, model_url: str) -> None:
        self._url = f"{model_url}/chat/completions"
        self._client: aiohttp.ClientSession | None = None

    async def answer(self, request: Request) -> StreamingResponse:
        if self._client is None:
            self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        body = await request.body()
        return StreamingResponse(self._bytes(self._client, body), media_type="text/event-stream")

    async def _bytes(self, client: aiohttp.ClientSession, body: bytes) -> AsyncIterator[bytes]:
        async with client.post(self._url, data=body, headers={"content-type": "application/json"}) as response:
            async for chunk in response.content.iter_any():
                yield chunk


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model_url")
    args = parser.parse_args()
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    print(f"http://127.0.0.1:{listening.getsockname()[1]}", flush=True)
    app = Starlette(routes=[Route("/", Passthrough(args.model_url).answer, methods=["POST"])])
    uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False)).run(sockets=[listening])


if __name__ == "__main__":
    main()
