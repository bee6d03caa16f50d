"""Several servers behind one port are one target for Prometheus; a worker has a door of its own; one trace crosses both."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.distributed.conftest import Client, Deployment, deployment, http, redis
from tests.observability.kit import Figures, attributes, collecting, until

if TYPE_CHECKING:
    import subprocess

    import aiohttp

__all__ = ["deployment", "http", "redis"]

RUNS = 12
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


async def figures(url: str) -> Figures:
    # A connection for each: the processes are to be reached by turns.
    async with httpx.AsyncClient() as client:
        return Figures((await client.get(f"{url}/metrics")).text)


def port_of(deployment: Deployment, worker: subprocess.Popen[bytes]) -> str:
    found = re.search(r"worker\.door_open port=(\d+)", deployment.log_of(worker))
    assert found, deployment.log_of(worker)
    return f"http://127.0.0.1:{found[1]}"


async def test_whichever_process_is_asked_the_figures_are_those_of_all(
    deployment: Deployment, http: aiohttp.ClientSession
) -> None:
    deployment.variables["ONELINER_BROKER_URL"] = ""
    served = await deployment.serve(ONELINER_WORKERS="3")
    client = Client(http, served.url)
    for run in await asyncio.gather(*(client.chat(f"run {n}") for n in range(RUNS))):
        await client.until(run["run_id"], "done")
    asked = [await figures(served.url) for _ in range(12)]
    for found in asked:
        assert found.sum("oneliner_runs_created_total") == RUNS
        assert found.sum("oneliner_runs_ended_total", status="done") == RUNS
        assert found.sum("oneliner_model_call_seconds_count") == RUNS
        assert found.sum("oneliner_bus_up") == 1
        assert found.sum("oneliner_info") == 1


async def test_what_a_process_counted_that_died_still_counts(
    deployment: Deployment, http: aiohttp.ClientSession
) -> None:
    deployment.variables["ONELINER_BROKER_URL"] = ""
    served = await deployment.serve(ONELINER_WORKERS="2")
    client = Client(http, served.url)
    for n in range(4):
        await client.until((await client.chat(f"run {n}"))["run_id"], "done")
    said = await asyncio.create_subprocess_exec(
        "ps", "-o", "pid=", "--ppid", str(served.process.pid), stdout=asyncio.subprocess.PIPE
    )
    first = (await said.communicate())[0].split()[0]
    os.kill(int(first), signal.SIGKILL)

    async def is_back() -> bool:
        try:
            return (await figures(served.url)).sum("oneliner_runs_ended_total") == 4
        except httpx.TransportError:
            return False

    await until(is_back)


async def test_a_worker_answers_for_itself(deployment: Deployment, http: aiohttp.ClientSession) -> None:
    served = await deployment.serve(ONELINER_METRICS_TOKEN="metrics-token-0123")
    worker = await deployment.work(ONELINER_WORKER_PORT="0", ONELINER_METRICS_TOKEN="metrics-token-0123")
    door = port_of(deployment, worker)
    client = Client(http, served.url)
    await client.until((await client.chat("hello"))["run_id"], "done")
    async with httpx.AsyncClient(base_url=door) as operator:
        assert (await operator.get("/healthz")).json() == {"status": "ok"}
        ready = await operator.get("/readyz")
        assert ready.json() == {
            "ready": True,
            "parts": {"database": "ok", "storage": "ok", "migrations": "ok", "bus": "ok", "broker": "ok"},
        }
        assert (await operator.get("/metrics")).status_code == 401
        page = await operator.get("/metrics", headers={"Authorization": "Bearer metrics-token-0123"})
    found = Figures(page.text)
    # Each event is counted by the process that committed it.
    assert found.sum("oneliner_runs_ended_total", status="done") == 1
    assert found.sum("oneliner_runs_created_total") == 0
    assert found.sum("oneliner_model_call_seconds_count", outcome="answered") == 1


async def test_a_port_that_is_taken_is_said_at_the_start(deployment: Deployment) -> None:
    first = await deployment.work(ONELINER_WORKER_PORT="0")
    port = port_of(deployment, first).rpartition(":")[2]
    second = await deployment.work(ONELINER_WORKER_PORT=port, until=b"is taken")
    assert await asyncio.to_thread(second.wait, 30) != 0
    assert "Traceback" not in deployment.log_of(second)


@pytest.mark.parametrize("deployment", ["redis", "amqp"], indirect=True)
async def test_a_trace_crosses_the_broker(deployment: Deployment, http: aiohttp.ClientSession) -> None:
    async with collecting() as collector:
        served = await deployment.serve(ONELINER_OTLP_URL=collector.url)
        await deployment.work(ONELINER_OTLP_URL=collector.url)
        http.headers["traceparent"] = f"00-{TRACE}-00f067aa0ba902b7-01"
        client = Client(http, served.url)
        run = await client.chat("hello")
        await client.until(run["run_id"], "done")
        await until(lambda: collector.named("invoke_agent main") and collector.named("POST /v1/agent/runs"))
        (request,) = collector.named("POST /v1/agent/runs")
        (agent,) = collector.named("invoke_agent main")
        assert request.trace_id == agent.trace_id == bytes.fromhex(TRACE)
        assert agent.parent_span_id == request.span_id
        assert attributes(agent)["oneliner.run.id"] == run["run_id"]
        (queue,) = collector.named("queue")
        assert queue.trace_id == agent.trace_id
