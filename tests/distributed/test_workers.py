"""Runs accepted by one process, executed by another, watched through a third."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.distributed.conftest import Client, Deployment

from oneliner.testing import Held, Reply

if TYPE_CHECKING:
    import aiohttp
    from tests.cli.command_kit import Served

BROKERS = pytest.mark.parametrize("deployment", ["redis", "amqp"], indirect=True)


def told(frames: list[dict[str, Any]]) -> list[str]:
    return [f["type"] for f in frames if "seq" in f]


def text_of(frames: list[dict[str, Any]]) -> str:
    """The text as a page shows it."""
    text = ""
    for frame in frames:
        if frame["type"] == "message.snapshot":
            text = frame["text"]
        elif frame["type"] == "message.delta":
            assert frame["offset"] in (0, len(text))
            text = text[: frame["offset"]] + frame["text"]
    return text


@BROKERS
async def test_a_run_accepted_here_is_executed_there_and_streams_everywhere(
    deployment: Deployment, http: aiohttp.ClientSession
) -> None:
    first, second = await deployment.serve(), await deployment.serve(ONELINER_LOG_LEVEL="info")
    await deployment.work()
    gate = asyncio.Event()
    words = " ".join(f"word{n}" for n in range(60))
    deployment.model.script(Held(gate, Reply(words), after_chunks=10))
    here, there = Client(http, first.url), Client(http, second.url)
    run = await here.chat("talk")
    watching = [asyncio.ensure_future(c.frames(run["run_id"])) for c in (here, there)]
    await deployment.model.until(lambda: bool(deployment.model.requests))
    await asyncio.sleep(0.3)
    gate.set()
    for frames in await asyncio.gather(*watching):
        assert told(frames)[-1] == "run.completed"
        assert [f["seq"] for f in frames if "seq" in f] == list(range(1, len(told(frames)) + 1))
        assert text_of(frames) == words


@BROKERS
async def test_many_runs_at_once_are_each_done_once(deployment: Deployment, http: aiohttp.ClientSession) -> None:
    server = await deployment.serve()
    await asyncio.gather(deployment.work(), deployment.work())
    client = Client(http, server.url)
    began = time.monotonic()
    runs = await asyncio.gather(*[client.chat(f"number {n}") for n in range(60)])
    every = await asyncio.gather(*[client.frames(run["run_id"]) for run in runs])
    took = time.monotonic() - began
    assert {told(frames)[-1] for frames in every} == {"run.completed"}
    assert len(deployment.model.requests) == 60
    assert took < 30


@BROKERS
async def test_a_cancel_reaches_the_worker_at_once(deployment: Deployment, http: aiohttp.ClientSession) -> None:
    server = await deployment.serve()
    await deployment.work()
    client = Client(http, server.url)
    deployment.model.script(Held(asyncio.Event(), Reply("never to end, " * 20), after_chunks=4))
    run = await client.chat("talk")
    await _writing(client, run["run_id"])
    await client.cancel(run["run_id"])
    await deployment.model.until(lambda: deployment.model.bill()["aborted"] == 1, within_seconds=2)


async def test_a_worker_that_is_stopped_hands_its_runs_to_another_at_once(
    deployment: Deployment, http: aiohttp.ClientSession
) -> None:
    server = await deployment.serve()
    worker = await deployment.work(ONELINER_GRACE_SECONDS="0.5")
    client = Client(http, server.url)
    deployment.model.script(Held(asyncio.Event(), Reply("never to end, " * 20), after_chunks=4), Reply("the end"))
    run = await client.chat("talk")
    await _writing(client, run["run_id"])
    await deployment.work()
    worker.send_signal(signal.SIGTERM)
    frames = await client.frames(run["run_id"], seconds=15)
    assert told(frames)[-1] == "run.completed"
    assert "run.recovered" in told(frames)
    recovered = next(f for f in frames if f["type"] == "run.recovered")
    assert recovered["details"]["cause"] == "handed_back"
    assert await asyncio.to_thread(worker.wait, 30) == 0


async def test_a_worker_that_dies_loses_nothing(deployment: Deployment, http: aiohttp.ClientSession) -> None:
    server = await deployment.serve()
    worker = await deployment.work()
    client = Client(http, server.url)
    deployment.model.script(Held(asyncio.Event(), Reply("never to end, " * 20), after_chunks=4), Reply("the end"))
    run = await client.chat("talk")
    await _writing(client, run["run_id"])
    await deployment.work()
    began = time.monotonic()
    os.kill(worker.pid, signal.SIGKILL)
    frames = await client.frames(run["run_id"], seconds=30)
    assert told(frames)[-1] == "run.completed"
    # A lease of three seconds, a sweep each second, and room for a slow machine.
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("fault", ["frozen", "killed", "flushed"])
async def test_runs_go_on_without_redis_and_no_request_waits(
    deployment: Deployment, http: aiohttp.ClientSession, fault: str
) -> None:
    server = await deployment.serve()
    await deployment.work()
    client = Client(http, server.url)
    gate = asyncio.Event()
    deployment.model.script(Held(gate, Reply("one " * 30), after_chunks=4))
    under_way = await client.chat("talk")
    await _writing(client, under_way["run_id"])
    match fault:
        case "frozen":
            deployment.redis.freeze()
        case "killed":
            deployment.redis.kill()
        case _:
            await deployment.redis.flush()
    slowest = 0.0
    runs = [under_way]
    for n in range(5):
        began = time.monotonic()
        runs.append(await client.chat(f"number {n}"))
        slowest = max(slowest, time.monotonic() - began)
    gate.set()
    for run in runs:
        assert told(await client.frames(run["run_id"], seconds=40))[-1] == "run.completed"
    assert slowest < 1
    assert len(deployment.model.requests) == 6
    if fault == "frozen":
        deployment.redis.thaw()
    elif fault == "killed":
        deployment.redis.start()
    after = await client.chat("after")
    assert told(await client.frames(after["run_id"], seconds=40))[-1] == "run.completed"


async def test_servers_on_postgresql_without_a_broker_execute_runs_themselves(
    deployment: Deployment, http: aiohttp.ClientSession
) -> None:
    deployment.variables["ONELINER_BROKER_URL"] = ""
    servers: list[Served] = [await deployment.serve(), await deployment.serve(ONELINER_LOG_LEVEL="info")]
    clients = [Client(http, served.url) for served in servers]
    runs = await asyncio.gather(*[clients[n % 2].chat(f"number {n}") for n in range(20)])
    for n, run in enumerate(runs):
        # Each watched through the server that does not execute it.
        assert told(await clients[(n + 1) % 2].frames(run["run_id"]))[-1] == "run.completed"
    assert len(deployment.model.requests) == 20


async def _writing(client: Client, run_id: str) -> None:
    """Wait until an answer has begun."""
    async with asyncio.timeout(20):
        async for frame in client.follow(run_id):
            if frame["type"] in {"message.delta", "message.snapshot"}:
                return
