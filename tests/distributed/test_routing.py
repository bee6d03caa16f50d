"""Runs that go to queues of their own, and who takes them from there."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.cli.command_kit import environment
from tests.distributed.conftest import Client, Deployment, end
from tests.support.databases import statement

from oneliner.testing import Held, Reply

if TYPE_CHECKING:
    import aiohttp

BROKERS = pytest.mark.parametrize("deployment", ["redis", "amqp"], indirect=True)


@pytest.fixture
def acme(deployment: Deployment) -> str:
    """The queue of the project acme, at every process of the deployment."""
    queue = f"{deployment.queue}-acme"
    deployment.variables["ONELINER_ROUTES"] = f"project:acme={queue}"
    return queue


async def worker_of(deployment: Deployment, run_id: str) -> int:
    """The process that carries out a run, which one must."""
    async with asyncio.timeout(60):
        while True:
            question = f"SELECT lease_owner FROM agent_runs WHERE id = '{run_id}'"  # noqa: S608 - an id of ours
            owner = (await statement(deployment.variables["ONELINER_DATABASE_URL"], question))[0]["lease_owner"]
            if owner:
                return int(owner.split(":")[1])
            await asyncio.sleep(0.05)


async def started(client: Client, project_id: str) -> str:
    run = await client.hand_off(project_id)
    await client.confirm(run["id"])
    return run["id"]


@BROKERS
async def test_a_projects_runs_go_to_the_workers_of_its_queue(
    deployment: Deployment, http: aiohttp.ClientSession, acme: str
) -> None:
    client = Client(http, (await deployment.serve()).url)
    ordinary, special = await deployment.work(), await deployment.work("--queues", acme)
    gate = asyncio.Event()
    deployment.model.script(Held(gate, Reply("one")), Held(gate, Reply("two")), Held(gate, Reply("three")))
    runs = [await started(client, project) for project in ("acme", "other")]
    chat = await client.chat("and a chat")
    assert await worker_of(deployment, runs[0]) == special.pid
    assert await worker_of(deployment, runs[1]) == ordinary.pid
    assert await worker_of(deployment, chat["run_id"]) == ordinary.pid
    gate.set()
    for run_id in (*runs, chat["run_id"]):
        assert (await client.frames(run_id))[-1]["type"] == "run.completed"


async def test_the_sweep_sends_a_run_to_its_own_queue_again(
    deployment: Deployment, http: aiohttp.ClientSession, acme: str
) -> None:
    client = Client(http, (await deployment.serve()).url)
    await deployment.work()
    run_id = await started(client, "acme")
    # Whatever was sent is lost, and the worker of the other queue sweeps meanwhile, again and again.
    await deployment.redis.flush()
    for number in range(4):
        chat = await client.chat(f"number {number}")
        assert (await client.frames(chat["run_id"]))[-1]["type"] == "run.completed"
        await asyncio.sleep(float(deployment.variables["ONELINER_SWEEP_SECONDS"]))
    assert (await client.run(run_id))["run_status"] == "queued"
    gate = asyncio.Event()
    deployment.model.script(Held(gate, Reply("well done")))
    special = await deployment.work("--queues", acme)
    assert await worker_of(deployment, run_id) == special.pid
    gate.set()
    assert (await client.frames(run_id))[-1]["type"] == "run.completed"


async def test_without_its_broker_a_worker_executes_only_what_its_own_queues_would_bring(
    deployment: Deployment, http: aiohttp.ClientSession, acme: str
) -> None:
    client = Client(http, (await deployment.serve()).url)
    await deployment.work()
    deployment.redis.kill()
    run_id = await started(client, "acme")
    chat = await client.chat("hello")
    assert (await client.frames(chat["run_id"]))[-1]["type"] == "run.completed"
    assert (await client.run(run_id))["run_status"] == "queued"
    await deployment.work("--queues", f"{acme},spare", until=b"Cannot connect to")
    assert (await client.frames(run_id))[-1]["type"] == "run.completed"


async def test_celerys_own_command_takes_runs_from_the_queues_it_is_given(
    deployment: Deployment, http: aiohttp.ClientSession, acme: str
) -> None:
    client = Client(http, (await deployment.serve()).url)
    celery = (sys.executable, "-m", "celery", "-A", "oneliner.celery_app")
    own = environment(deployment.folder / "celery" / "data", **deployment.variables)
    log = deployment.folder / "celery.log"
    with log.open("wb") as out:
        worker = subprocess.Popen(  # noqa: ASYNC220 - starting it takes a moment, waiting for it does not block
            [*celery, "worker", "--pool=threads", "-Q", acme, "-n", f"own@{deployment.queue}"],
            env=own,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    deployment.stack.callback(end, worker)
    gate = asyncio.Event()
    deployment.model.script(Held(gate, Reply("well done")))
    run_id = await started(client, "acme")
    assert await worker_of(deployment, run_id) == worker.pid, log.read_text()
    inspect = [*celery, "inspect", "active", "--json", "-t", "10"]
    seen = await asyncio.to_thread(subprocess.run, inspect, env=own, capture_output=True, text=True, check=False)
    assert run_id in seen.stdout
    gate.set()
    assert (await client.frames(run_id))[-1]["type"] == "run.completed"
