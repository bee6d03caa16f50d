"""CPU per chunk and per call of both model clients, against a server in another process.

    python bench/model_clients.py [chunks]

The server sends every chunk as a write of its own, as fast as they are taken, so several may arrive in one read.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import time
from typing import TYPE_CHECKING

import orjson
import uvloop
from aiohttp import web

from oneliner.adapters.models.connections import Connections
from oneliner.adapters.models.litellm_client import LiteLLMClient
from oneliner.adapters.models.openai_wire import Endpoint, OpenAIWire
from oneliner.adapters.models.redaction import Redactor
from oneliner.app.model import Question, Turn
from oneliner.testing import model_permit

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    from oneliner.app.model import Model

BATCH = 50  # chunks per write of the server in the batched rows


def event(delta: dict[str, str], finish: str | None) -> bytes:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "bench",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
    return b"data: " + orjson.dumps(body) + b"\n\n"


async def complete(request: web.Request) -> web.StreamResponse:
    asked = orjson.loads(await request.read())
    chunks, batch = map(int, asked["messages"][0]["content"].split())
    words = [event({"content": f" word{i}"}, None) for i in range(chunks)]
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for start in range(0, chunks, batch):
        await response.write(b"".join(words[start : start + batch]))
        if batch == 1:
            await asyncio.sleep(0)
    usage = {"prompt_tokens": 2, "completion_tokens": chunks, "total_tokens": chunks + 2}
    await response.write(event({}, "stop") + b"data: " + orjson.dumps({"choices": [], "usage": usage, "id": "1",
        "object": "chat.completion.chunk", "created": 1, "model": "bench"}) + b"\n\ndata: [DONE]\n\n")  # fmt: skip
    await response.write_eof()
    return response


async def listen(port: Queue[int]) -> None:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port.put(runner.addresses[0][1])
    await asyncio.Event().wait()


def serve(port: Queue[int]) -> None:
    asyncio.run(listen(port))


def ignore(_: str) -> None:
    pass


async def cpu_us(model: Model, chunks: int, batch: int, calls: int) -> float:
    """CPU of this process per call, in microseconds."""
    asked = Question(model_permit("openai/bench"), [Turn("user", f"{chunks} {batch}")])
    await model.answer(asked, ignore)
    began = time.process_time()
    for _ in range(calls):
        await model.answer(asked, ignore)
    return (time.process_time() - began) / calls * 1e6


async def measure(base_url: str, chunks: int) -> None:
    connections = Connections({})
    redactor = Redactor()
    clients: dict[str, Model] = {
        "direct": OpenAIWire(Endpoint(base_url, "sk-benchbench", prefix="openai/"), connections, redactor),
        "litellm": LiteLLMClient(redactor, api_key="sk-benchbench", base_url=base_url),
    }
    print(f"{'client':10}{'chunks per write':>18}{'µs per call':>14}{'µs per chunk':>14}")
    for name, model in clients.items():
        for batch in (1, BATCH):
            base = await cpu_us(model, 1, batch, 100)
            full = await cpu_us(model, chunks, batch, 5)
            print(f"{name:10}{batch:>18}{base:>14.0f}{(full - base) / (chunks - 1):>14.2f}")
        await model.close()
    await connections.close()


def main() -> None:
    port: Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(port,), daemon=True)
    server.start()
    uvloop.run(measure(f"http://127.0.0.1:{port.get()}/v1", int(sys.argv[1]) if len(sys.argv) > 1 else 2000))
    server.terminate()


if __name__ == "__main__":
    main()
