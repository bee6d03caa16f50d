"""``/readyz`` names what is missing, and says 503 when the process cannot do its job without it."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from oneliner.app.readiness import Part, Readiness
from oneliner.testing import ModelServer, Reply
from tests.chaos.test_full_and_locked import no_room
from tests.distributed.conftest import Deployment, deployment, redis
from tests.observability.kit import deployed, until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["deployment", "redis"]


class Parts:
    """What a server says of its parts."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def now(self) -> tuple[int, dict[str, Any]]:
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{self._url}/readyz")
        return answer.status_code, answer.json()

    async def become(self, status: int, **parts: str) -> None:
        """Wait until it answers *status* and each of *parts* says (something with) that text."""

        async def is_so() -> bool:
            found, told = await self.now()
            return found == status and all(text in told["parts"].get(name, "") for name, text in parts.items())

        await until(is_so)


async def test_a_server_alone_says_what_it_needs(tmp_path: Path) -> None:
    async with ModelServer() as model, deployed(tmp_path, model) as server:
        parts = Parts(server.url)
        assert await parts.now() == (
            200,
            {"ready": True, "parts": {"database": "ok", "storage": "ok", "migrations": "ok"}},
        )
        with sqlite3.connect(server.data_dir / "oneliner.db") as connection:
            connection.execute("UPDATE alembic_version SET version_num = '9999_needs_9999'")
        connection.close()
        await parts.become(503, migrations="does not work on it", database="ok")


@pytest.mark.skipif(sys.platform != "linux", reason="lowers the limits of another process")
async def test_a_server_whose_disk_is_full_or_whose_file_is_held_says_so(tmp_path: Path) -> None:
    async with ModelServer(lambda _: Reply("well")) as model, deployed(tmp_path, model) as server:
        parts = Parts(server.url)

        async def is_full() -> bool:
            return (await server.client.post("/v1/agent/runs", json={"message": "x" * 10_000})).status_code == 507

        with no_room(server.served):
            await until(is_full)
            await parts.become(503, storage="the disk is full", database="ok")
        await parts.become(200, storage="ok")
        with closing(sqlite3.connect(server.data_dir / "oneliner.db")) as holder:
            holder.execute("BEGIN IMMEDIATE")
            await parts.become(503, database="gave no answer within 5 seconds")
        await parts.become(200, database="ok")


async def test_a_server_without_broker_or_workers_says_which(deployment: Deployment) -> None:
    served = await deployment.serve()
    parts = Parts(served.url)
    await parts.become(503, broker="ok", worker=f"no worker takes runs from the queue '{deployment.queue}'")
    worker = await deployment.work()
    await parts.become(200, broker="ok", worker="ok", bus="ok")
    worker.kill()
    await parts.become(503, worker="no worker")
    deployment.redis.kill()
    await parts.become(503, broker="does not answer", bus="Redis does not answer", database="ok")
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{served.url}/healthz")).status_code == 200


async def test_without_its_bus_alone_a_server_is_ready(deployment: Deployment) -> None:
    deployment.variables["ONELINER_BROKER_URL"] = ""
    served = await deployment.serve()
    await Parts(served.url).become(200, bus="ok")
    deployment.redis.kill()
    await Parts(served.url).become(200, bus="Redis does not answer", database="ok")


async def test_however_many_ask_a_part_is_looked_at_once() -> None:
    looks = 0

    async def look() -> Mapping[str, str]:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)
        return {"it": "ok"}

    readiness = Readiness([Part(("it",), look, fresh_seconds=3_600, usable_seconds=3_600)])
    reports = await asyncio.gather(*(readiness.report() for _ in range(100)))
    await readiness.report()
    assert all(report.ready for report in reports)
    assert looks == 1


async def test_an_old_answer_is_given_while_somebody_looks_again() -> None:
    answers = [asyncio.Event(), asyncio.Event()]
    answers[0].set()
    looks = 0

    async def look() -> Mapping[str, str]:
        nonlocal looks
        looks += 1
        await answers[looks - 1].wait()
        return {"it": "ok" if looks == 1 else "gone"}

    readiness = Readiness([Part(("it",), look, fresh_seconds=0, usable_seconds=3_600)])
    assert (await readiness.report()).ready
    # The second look does not come to its end, and nobody waits for it.
    assert (await readiness.report()).ready
    answers[1].set()
    await until(lambda: _is_gone(readiness))


async def _is_gone(readiness: Readiness) -> bool:
    return (await readiness.report()).parts == {"it": "gone"}
