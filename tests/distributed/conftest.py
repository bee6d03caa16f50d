"""Servers and workers as real processes, over PostgreSQL, Redis and RabbitMQ."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from tests.cli.command_kit import COMMAND, Served, environment, serving
from tests.support.redis import PrivateRedis, has_redis_server

from oneliner.adapters.jwt_tokens import JwtTokens
from oneliner.testing import ModelServer, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

AMQP_URL = os.environ.get("ONELINER_TEST_AMQP_URL", "amqp://guest:guest@127.0.0.1:5672//")
SECRET = "s" * 32 + "0123456789abcdef"
WORKER_READY = b"worker.ready"


def has_amqp() -> bool:
    parts = urlsplit(AMQP_URL)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 5672), timeout=1):
            return True
    except OSError:
        return False


@dataclass
class Deployment:
    """Processes that share a database, a bus and a broker."""

    folder: Path
    model: ModelServer
    redis: PrivateRedis
    variables: dict[str, str]
    stack: ExitStack
    queue: str
    token: str = ""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    async def serve(self, *, command: tuple[str, ...] = COMMAND, **more: str) -> Served:
        """A running server."""
        place = self.folder / f"server-{len(self.workers)}-{len(more)}"
        serving_ = serving(place / "data", command=command, **self.variables, **more)
        return await asyncio.to_thread(self.stack.enter_context, serving_)

    async def work(
        self, *options: str, until: bytes = WORKER_READY, command: tuple[str, ...] = COMMAND, **more: str
    ) -> subprocess.Popen[bytes]:
        """A running worker that takes runs, or has said *until*."""
        number = len(self.workers)
        log = self.folder / f"worker-{number}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a moment, waiting for it does not block
                [*command, "worker", "--name", f"w{number}@{self.queue}", *options],
                env=environment(self.folder / f"worker-{number}" / "data", **self.variables, **more),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self.workers.append(process)
        self.stack.callback(end, process)
        async with asyncio.timeout(30):
            while until not in log.read_bytes():
                assert process.poll() is None, log.read_text()
                await asyncio.sleep(0.02)
        return process

    def log_of(self, worker: subprocess.Popen[bytes]) -> str:
        return (self.folder / f"worker-{self.workers.index(worker)}.log").read_text()


def end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGCONT)
    process.kill()
    process.wait()


class Client:
    """A caller of one server."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._url = url

    async def chat(self, message: str, session_id: str | None = None) -> dict[str, Any]:
        body = {"message": message} | ({"session_id": session_id} if session_id else {})
        async with self._http.post(f"{self._url}/v1/agent/runs", json=body) as answer:
            assert answer.status == 202, await answer.text()
            return await answer.json()

    async def hand_off(self, project_id: str) -> dict[str, Any]:
        body = {
            "project_id": project_id,
            "source_screen": "home",
            "source_action_key": "button",
            "title": "a task",
            "plan_request": {"goal": "the task", "steps": ["the only step"]},
        }
        async with self._http.post(f"{self._url}/v2/oneliner/runs", json=body) as answer:
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def confirm(self, run_id: str) -> None:
        async with self._http.post(f"{self._url}/v2/oneliner/runs/{run_id}/confirm", json={}) as answer:
            assert answer.status == 200, await answer.text()

    async def cancel(self, run_id: str) -> None:
        async with self._http.post(f"{self._url}/v2/oneliner/runs/{run_id}/cancel", json={}) as answer:
            assert answer.status == 200, await answer.text()

    async def resume(self, run_id: str, answer: object) -> None:
        async with self._http.post(f"{self._url}/v2/oneliner/runs/{run_id}/resume", json={"answer": answer}) as said:
            assert said.status == 200, await said.text()

    async def until(self, run_id: str, status: str) -> None:
        """Wait until a run is in *status*."""
        async with asyncio.timeout(60):
            while (await self.run(run_id))["run_status"] != status:  # noqa: ASYNC110 - another process decides
                await asyncio.sleep(0.05)

    async def run(self, run_id: str) -> dict[str, Any]:
        async with self._http.get(f"{self._url}/v2/oneliner/runs/{run_id}") as answer:
            return await answer.json()

    async def frames(self, run_id: str, seconds: float = 60) -> list[dict[str, Any]]:
        """Every frame of a run's stream, until it ends."""
        async with asyncio.timeout(seconds):
            return [frame async for frame in self.follow(run_id)]

    async def follow(self, run_id: str) -> AsyncIterator[dict[str, Any]]:
        headers = {"accept": "text/event-stream"}
        async with self._http.get(f"{self._url}/v1/agent/runs/{run_id}/events", headers=headers) as answer:
            async for line in answer.content:
                if line.startswith(b"data:"):
                    yield json.loads(line[5:])


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    if not has_redis_server() and not os.environ.get("CI"):
        pytest.skip("no redis-server for tests")
    server = PrivateRedis(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    token = JwtTokens(issuer="oneliner", audience="oneliner", secret=SECRET).issue("alice", ttl_seconds=3_600)
    # A connection for each request: several processes behind one port are to be reached by turns.
    connector = aiohttp.TCPConnector(force_close=True)
    headers = {"authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers, connector=connector) as http:
        yield http


@pytest.fixture
async def deployment(
    tmp_path: Path, postgres_url: str, redis: PrivateRedis, request: pytest.FixtureRequest
) -> AsyncIterator[Deployment]:
    broker = getattr(request, "param", "redis")
    if broker == "amqp" and not has_amqp() and not os.environ.get("CI"):
        pytest.skip("no RabbitMQ for tests")
    queue = f"oneliner-test-{os.getpid()}-{redis.port}"
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(ModelServer(lambda _: Reply("well done")))
        processes = stack.enter_context(ExitStack())
        variables = {
            "ONELINER_DATABASE_URL": postgres_url,
            "ONELINER_REDIS_URL": redis.url,
            "ONELINER_BROKER_URL": redis.url if broker == "redis" else AMQP_URL,
            "ONELINER_QUEUE": queue,
            "ONELINER_MODEL": "openai/test",
            "ONELINER_MODEL_BASE_URL": model.base_url,
            "ONELINER_MODEL_API_KEY": "sk-test",
            "ONELINER_JWT_SECRET": SECRET,
            "ONELINER_LEASE_SECONDS": "3",
            "ONELINER_SWEEP_SECONDS": "1",
        }
        yield Deployment(tmp_path, model, redis, variables, processes, queue)
