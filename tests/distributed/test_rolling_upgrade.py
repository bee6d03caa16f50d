"""Two versions of the program at work on one database, as during an upgrade."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING

from tests.distributed.conftest import Client, Deployment

from oneliner.testing import Held, Reply

if TYPE_CHECKING:
    import aiohttp

#: The program as its next version would be: the runs it makes are for itself and later ones.
_BUMP = "from oneliner.app import runs; runs.VERSION += 1; runs.FIRST_VERSION = runs.VERSION"
NEXT = (sys.executable, "-c", f"{_BUMP}; from oneliner.cli import main; main()")


async def a_few_sweeps(deployment: Deployment) -> None:
    await asyncio.sleep(4 * float(deployment.variables["ONELINER_SWEEP_SECONDS"]))


async def test_old_workers_leave_the_runs_of_newer_servers_alone_and_new_ones_take_them(
    deployment: Deployment, http: aiohttp.ClientSession
) -> None:
    new_server = await deployment.serve(command=NEXT)
    old_worker = await deployment.work()
    client = Client(http, new_server.url)
    run = await client.chat("made by the new one")
    await a_few_sweeps(deployment)
    assert (await client.run(run["run_id"]))["run_status"] == "queued"
    await deployment.work(command=NEXT)
    assert (await client.frames(run["run_id"]))[-1]["type"] == "run.completed"
    assert "Traceback" not in deployment.log_of(old_worker)


async def test_new_workers_carry_out_the_runs_of_old_servers(
    deployment: Deployment, http: aiohttp.ClientSession
) -> None:
    old_server = await deployment.serve()
    await deployment.work(command=NEXT)
    client = Client(http, old_server.url)
    run = await client.chat("made by the old one")
    assert (await client.frames(run["run_id"]))[-1]["type"] == "run.completed"


async def test_a_run_that_its_new_worker_lost_is_recovered_by_a_new_one_not_by_an_old_one(
    deployment: Deployment, http: aiohttp.ClientSession
) -> None:
    client = Client(http, (await deployment.serve(command=NEXT)).url)
    first = await deployment.work(command=NEXT)
    deployment.model.script(Held(asyncio.Event(), Reply("never to end, " * 20), after_chunks=4), Reply("the end"))
    run = await client.chat("talk")
    await deployment.model.until(lambda: bool(deployment.model.requests))
    await deployment.work()
    first.send_signal(signal.SIGKILL)
    # The server sweeps too, and it is a new one: the run is queued again, and the old worker is offered it.
    await asyncio.sleep(float(deployment.variables["ONELINER_LEASE_SECONDS"]))
    await a_few_sweeps(deployment)
    assert (await client.run(run["run_id"]))["run_status"] in {"running", "queued"}
    assert len(deployment.model.requests) == 1
    await deployment.work(command=NEXT)
    assert (await client.frames(run["run_id"]))[-1]["type"] == "run.completed"
