"""What is done to a deployment: one fault after another, drawn from dice, each undone before the next."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from typing import TYPE_CHECKING

from tests.chaos.deployment import LEASE_SECONDS

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable

    from tests.chaos.deployment import Deployment, Program


class Faults:
    """Does harm to *deployment*; ``done`` counts what was done."""

    def __init__(self, deployment: Deployment, dice: random.Random) -> None:
        self._deployment = deployment
        self._dice = dice
        self._all: dict[Callable[[], Awaitable[None]], int] = {
            self.kill_a_worker: 6,
            self.freeze_a_worker: 2,
            self.stop_a_worker: 2,
            self.kill_a_server: 3,
            self.stop_a_server: 1,
            self.crash_postgres: 3,
            self.stop_postgres: 1,
            self.cut_postgres: 2,
            self.swallow_postgres: 1,
            self.slow_postgres: 1,
            self.kill_redis: 2,
            self.freeze_redis: 1,
            self.cut_redis: 1,
        }
        self.done: Counter[str] = Counter()

    async def one(self) -> None:
        """One fault, and its end."""
        fault = self._dice.choices(list(self._all), list(self._all.values()))[0]
        self.done[getattr(fault, "__name__", "?").replace("_", " ")] += 1
        await fault()

    async def kill_a_worker(self) -> None:
        await self._restart(self._dice.choice(self._deployment.workers), signal.SIGKILL)

    async def stop_a_worker(self) -> None:
        await self._restart(self._dice.choice(self._deployment.workers), signal.SIGTERM)

    async def kill_a_server(self) -> None:
        await self._restart(self._dice.choice(self._deployment.servers), signal.SIGKILL)

    async def stop_a_server(self) -> None:
        await self._restart(self._dice.choice(self._deployment.servers), signal.SIGTERM)

    async def freeze_a_worker(self) -> None:
        """Until well after its lease is over and its runs are another's."""
        worker = self._dice.choice(self._deployment.workers)
        worker.send(signal.SIGSTOP)
        await asyncio.sleep(LEASE_SECONDS * self._dice.uniform(1.2, 2.0))
        worker.send(signal.SIGCONT)

    async def crash_postgres(self) -> None:
        await self._restart_postgres(signal.SIGQUIT)

    async def stop_postgres(self) -> None:
        await self._restart_postgres(signal.SIGINT)

    async def cut_postgres(self) -> None:
        self._deployment.to_postgres.cut_all()

    async def swallow_postgres(self) -> None:
        """A black hole: nothing passes, and nobody is told."""
        self._deployment.to_postgres.freeze()
        await asyncio.sleep(self._dice.uniform(0.5, 3))
        self._deployment.to_postgres.thaw()

    async def slow_postgres(self) -> None:
        self._deployment.to_postgres.latency_seconds = self._dice.uniform(0.01, 0.05)
        await asyncio.sleep(self._dice.uniform(1, 3))
        self._deployment.to_postgres.latency_seconds = 0

    async def kill_redis(self) -> None:
        """It forgets everything."""
        await asyncio.to_thread(self._deployment.redis.kill)
        await asyncio.sleep(self._dice.uniform(0, 3))
        await asyncio.to_thread(self._deployment.redis.start)

    async def freeze_redis(self) -> None:
        self._deployment.redis.freeze()
        await asyncio.sleep(self._dice.uniform(1, 4))
        self._deployment.redis.thaw()

    async def cut_redis(self) -> None:
        self._deployment.to_redis.cut_all()

    async def _restart(self, program: Program, number: signal.Signals) -> None:
        await program.end(number)
        await asyncio.sleep(self._dice.uniform(0, 1))
        await program.start()

    async def _restart_postgres(self, how: signal.Signals) -> None:
        postgres = self._deployment.postgres
        await asyncio.to_thread(postgres.stop, how)
        await asyncio.sleep(self._dice.uniform(0, 1.5))
        await asyncio.to_thread(postgres.start)
