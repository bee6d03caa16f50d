"""The processes of a campaign: two servers and three workers over PostgreSQL and Redis of their own, each behind a
proxy that can slow it down, cut it off or swallow it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from oneliner.adapters.database.postgres import migrate_postgres
from oneliner.testing import ModelServer
from tests.chaos.conversation import Conversation
from tests.chaos.effects import effect_server
from tests.cli.command_kit import environment
from tests.support.databases import postgres_tables
from tests.support.private_postgres import PrivatePostgres
from tests.support.proxy import proxied
from tests.support.redis import PrivateRedis, free_port

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncGenerator, Mapping
    from typing import Any

    from tests.chaos.effects import EffectServer
    from tests.support.proxy import Proxy

SECRET = "chaos-" + "0123456789abcdef" * 2
MODEL = "openai/scripted"
TOOLS = Path(__file__).parent / "chaos_tools.py"
LEASE_SECONDS = 3.0
SWEEP_SECONDS = 1.0
GRACE_SECONDS = 1.0
START_SECONDS = 60
END_SECONDS = 90


class Program:
    """A process of the product that is started again and again. It is up when a line of its output is *ready*."""

    def __init__(self, name: str, folder: Path, arguments: list[str], ready: str, variables: Mapping[str, str]) -> None:
        self.name = name
        self._arguments = arguments
        self._ready = re.compile(ready.encode())
        self._variables = dict(variables)
        self._folder = folder / name
        self._process: Process | None = None
        self._logged = 0
        self.log_path = folder / f"{name}.log"
        self.is_up = False
        self.lives = 0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    async def launch(self, **more: str) -> None:
        """Begin another life; back at once."""
        self.lives += 1
        self._logged = self.log_path.stat().st_size if self.log_path.exists() else 0
        with self.log_path.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "oneliner", *self._arguments),
                env={**environment(self._folder / "data", **self._variables), **more},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def until_up(self) -> None:
        """Back when it works. One that could not start is started again, as whatever keeps it running would."""
        async with asyncio.timeout(START_SECONDS):
            while not self._ready.search(self.log_path.read_bytes()[self._logged :]):
                assert self._process is not None
                if self._process.returncode is not None:
                    await asyncio.sleep(0.2)
                    await self.launch()
                await asyncio.sleep(0.03)
        self.is_up = True

    async def start(self, **more: str) -> None:
        """Begin another life; back when it works."""
        await self.launch(**more)
        await self.until_up()

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process, if it lives."""
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, number)

    async def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it by a signal; back when it has ended."""
        self.is_up = False
        if self._process is not None:
            self.send(number)
            self.send(signal.SIGCONT)
            async with asyncio.timeout(END_SECONDS):
                await self._process.wait()
            self._process = None


class Deployment:
    """All of it. Whoever wants a server is led to one that is up, another one each time (see ``url``)."""

    def __init__(self, folder: Path, postgres: PrivatePostgres, redis: PrivateRedis, effects: EffectServer) -> None:
        self.folder = folder
        self.postgres = postgres
        self.redis = redis
        self.effects = effects
        self.conversation = Conversation(pace_seconds=0.02)
        self.model: ModelServer
        self.to_postgres: Proxy
        self.to_redis: Proxy
        self.servers: list[Program] = []
        self.workers: list[Program] = []
        self._asked = 0

    @property
    def programs(self) -> list[Program]:
        return [*self.servers, *self.workers]

    @property
    def urls(self) -> list[str]:
        return [f"http://127.0.0.1:{s.name.rpartition('-')[2]}" for s in self.servers]

    async def url(self) -> str:
        """The address of one that takes requests, as far as anybody knows."""
        while True:
            self._asked += 1
            n = self._asked % len(self.servers)
            if self.servers[n].is_up:
                return self.urls[n]
            if not any(s.is_up for s in self.servers):
                await asyncio.sleep(0.05)

    async def tables(self) -> dict[str, list[Mapping[str, Any]]]:
        """Every row, read around the proxies."""
        return await postgres_tables(self.postgres.url)

    def describe(self, *, servers: int, workers: int, **more: str) -> None:
        """Say which programs there are; none is started."""
        prices = self.folder / "prices.json"
        prices.write_text(json.dumps({MODEL: {"input": "1.25", "cached": "0.1", "output": "2.5"}}))
        variables = {
            "ONELINER_DATABASE_URL": f"postgresql+asyncpg://postgres@127.0.0.1:{self.to_postgres.port}/postgres",
            "ONELINER_REDIS_URL": f"redis://127.0.0.1:{self.to_redis.port}/0",
            "ONELINER_BROKER_URL": f"redis://127.0.0.1:{self.to_redis.port}/1",
            "ONELINER_MODEL": MODEL,
            "ONELINER_MODEL_BASE_URL": self.model.base_url,
            "ONELINER_MODEL_API_KEY": "sk-for-tests",
            "ONELINER_JWT_SECRET": SECRET,
            "ONELINER_LEASE_SECONDS": str(LEASE_SECONDS),
            "ONELINER_SWEEP_SECONDS": str(SWEEP_SECONDS),
            "ONELINER_GRACE_SECONDS": str(GRACE_SECONDS),
            "ONELINER_CONCURRENCY": "64",
            "ONELINER_PRICES": str(prices),
            "ONELINER_LOG_LEVEL": "info",
            "ONELINER_TOOLS": str(TOOLS),
            "CHAOS_EFFECTS_URL": self.effects.url,
            **more,
        }
        for _ in range(servers):
            port = str(free_port())
            arguments = ["serve", "--port", port]
            self.servers.append(Program(f"server-{port}", self.folder, arguments, r"Address +http", variables))
        for n in range(workers):
            arguments = ["worker", "--name", f"w{n}@{self.postgres.port}"]
            self.workers.append(Program(f"worker-{n}", self.folder, arguments, "worker.ready", variables))


@asynccontextmanager
async def deployed(folder: Path, *, servers: int = 2, workers: int = 3, **more: str) -> AsyncGenerator[Deployment]:
    """A running deployment; nothing of it is left afterwards."""
    async with AsyncExitStack() as stack:
        postgres, redis = PrivatePostgres(), PrivateRedis(folder)
        stack.callback(postgres.remove)
        await asyncio.to_thread(postgres.create)
        await asyncio.to_thread(postgres.start)
        await migrate_postgres(postgres.url)
        stack.callback(redis.kill)
        await asyncio.to_thread(redis.start)
        deployment = Deployment(folder, postgres, redis, await stack.enter_async_context(effect_server()))
        deployment.model = await stack.enter_async_context(ModelServer(deployment.conversation, kept_calls=100_000))
        deployment.to_postgres = await stack.enter_async_context(proxied("127.0.0.1", postgres.port))
        deployment.to_redis = await stack.enter_async_context(proxied("127.0.0.1", redis.port))
        deployment.describe(servers=servers, workers=workers, **more)
        for program in deployment.programs:
            stack.push_async_callback(program.end)
        await asyncio.gather(*[program.start() for program in deployment.programs])
        yield deployment
