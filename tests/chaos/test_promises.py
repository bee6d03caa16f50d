"""What is promised about single faults, each with its figure: processes, PostgreSQL and Redis of the test's own."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from oneliner.adapters.jwt_tokens import JwtTokens
from oneliner.testing import Reply
from tests.chaos.deployment import GRACE_SECONDS, LEASE_SECONDS, SECRET, SWEEP_SECONDS, Deployment, deployed
from tests.distributed.conftest import Client
from tests.e2e.followers import Follower, check_transcript
from tests.support.databases import statement
from tests.support.invariants import check_rows

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from pathlib import Path

    from tests.chaos.deployment import Program

    Say = Callable[[str], None]

#: What a loaded machine may take longer for than the product does.
SLACK_SECONDS = 10.0
LONG = Reply("word " * 200, delay_seconds=0.03)
ENDLESS = Reply("word " * 20_000, delay_seconds=0.03)
FAKETIME = os.environ.get("ONELINER_FAKETIME", "")
SLOW = [pytest.mark.slow, pytest.mark.timeout(3_600)]

pytestmark = [pytest.mark.usefixtures("own_servers"), pytest.mark.timeout(300)]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    token = JwtTokens(issuer="oneliner", audience="oneliner", secret=SECRET).issue("ann", ttl_seconds=7_200)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=90)
    connector = aiohttp.TCPConnector(limit=0)
    headers = {"authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as http:
        yield http


async def run_row(deployment: Deployment, run_id: str) -> dict[str, Any]:
    (row,) = await statement(deployment.postgres.url, f"SELECT * FROM agent_runs WHERE id = '{run_id}'")  # noqa: S608 - an id of ours
    return row


async def types_of(deployment: Deployment, run_id: str) -> list[str]:
    text = f"SELECT event_type FROM agent_run_events WHERE run_id = '{run_id}' ORDER BY seq"  # noqa: S608 - an id of ours
    return [row["event_type"] for row in await statement(deployment.postgres.url, text)]


def holder_of(deployment: Deployment, row: dict[str, Any]) -> Program:
    """The worker that holds the lease of a run."""
    pid = int(row["lease_owner"].split(":")[-2])
    return next(worker for worker in deployment.workers if worker.pid == pid)


async def until(condition: Callable[[], Any], seconds: float = 60.0) -> float:
    """Back when the awaitable *condition* is true; how many seconds that took. Raises TimeoutError."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await condition():  # noqa: ASYNC110 - it is other processes that are waited for
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def until_writing(deployment: Deployment, client: Client, run_id: str) -> dict[str, Any]:
    """The row of a run, once some of an answer has come."""
    async with asyncio.timeout(60):
        async for frame in client.follow(run_id):
            if frame["type"] in {"message.delta", "message.snapshot"}:
                break
    return await run_row(deployment, run_id)


@pytest.mark.parametrize("kills", [2, pytest.param(30, marks=SLOW)])
async def test_a_worker_killed_in_the_middle_of_an_answer_is_replaced_within_lease_and_sweep(
    tmp_path: Path, http: aiohttp.ClientSession, say: Say, kills: int
) -> None:
    taken: list[float] = []
    async with deployed(tmp_path, servers=1, workers=2) as deployment:
        client = Client(http, deployment.urls[0])
        for n in range(kills):
            deployment.model.script(LONG)
            run_id = (await client.chat(f"talk {n}"))["run_id"]
            worker = holder_of(deployment, await until_writing(deployment, client, run_id))
            await worker.end()

            async def is_taken_over(run_id: str = run_id) -> bool:
                return (await types_of(deployment, run_id)).count("run.started") == 2

            taken.append(await until(is_taken_over))
            await client.frames(run_id)
            assert (await run_row(deployment, run_id))["run_status"] == "done"
            await worker.start()
        rows = await deployment.tables()
    check_rows(rows)
    assert max(taken) < LEASE_SECONDS + SWEEP_SECONDS + SLACK_SECONDS
    # One call more for each kill, and the one that was cut off is on the bill.
    assert len(deployment.model.requests) == 2 * kills
    cut_off = [m for m in rows["messages"] if m["state"] == "interrupted"]
    assert len(cut_off) == kills
    assert all(m["estimated"] and m["cost_nanos"] for m in cut_off)
    taken.sort()
    say(
        f"{kills} kills: taken over after {taken[len(taken) // 2]:.1f} s (median), {taken[-1]:.1f} s at most; lease 3, sweep 1"
    )


@pytest.mark.parametrize("times", [1, pytest.param(20, marks=SLOW)])
async def test_a_worker_frozen_past_its_lease_writes_nothing_when_it_wakes(
    tmp_path: Path, http: aiohttp.ClientSession, say: Say, times: int
) -> None:
    async with deployed(tmp_path, servers=1, workers=2) as deployment:
        client = Client(http, deployment.urls[0])
        for n in range(times):
            deployment.model.script(LONG)
            run_id = (await client.chat(f"talk {n}"))["run_id"]
            worker = holder_of(deployment, await until_writing(deployment, client, run_id))
            worker.send(signal.SIGSTOP)
            await client.frames(run_id)
            before = await deployment.tables()
            worker.send(signal.SIGCONT)

            async def has_let_go(worker: Program = worker, run_id: str = run_id) -> bool:
                return f"run.lease_lost run_id={run_id}" in worker.log

            await until(has_let_go)
            after = await deployment.tables()
            assert {name: after[name] for name in ("agent_run_events", "messages")} == {
                name: before[name] for name in ("agent_run_events", "messages")
            }
        check_rows(await deployment.tables())
    say(f"{times} times frozen and woken: 0 writes under the old fence")


async def test_a_worker_that_is_told_to_stop_with_25_runs_hands_them_over_at_once(
    tmp_path: Path, http: aiohttp.ClientSession, say: Say
) -> None:
    async with deployed(tmp_path, servers=1, workers=2) as deployment:
        stopped, other = deployment.workers
        await other.end()
        client = Client(http, deployment.urls[0])
        # Too long to end before the worker is told to stop, however slow the machine.
        deployment.model.script(*[ENDLESS] * 25)
        runs = [(await client.chat(f"talk {n}"))["run_id"] for n in range(25)]
        for run_id in runs:
            await until_writing(deployment, client, run_id)
        await other.start()
        deployment.model.script(*[LONG] * 25)
        began = time.monotonic()
        ending = asyncio.ensure_future(stopped.end(signal.SIGTERM))

        async def are_taken_over() -> bool:
            started = Counter(
                e["run_id"] for e in (await deployment.tables())["agent_run_events"] if e["event_type"] == "run.started"
            )
            return all(started[run_id] == 2 for run_id in runs)

        taken_seconds = await until(are_taken_over)
        # What it may not claim any more, the other one does.
        late = (await client.chat("talk 100"))["run_id"]
        await client.frames(late)
        await ending
        ended_seconds = time.monotonic() - began
        for run_id in runs:
            await client.frames(run_id)
        rows = await deployment.tables()
    check_rows(rows)
    assert {(r["run_status"], r["attempt"]) for r in rows["agent_runs"]} == {("done", 0)}
    recovered = [e for e in rows["agent_run_events"] if e["event_type"] == "run.recovered"]
    assert len(recovered) == 25
    assert all('"handed_back"' in e["details_json"] for e in recovered)
    # Not by a lease that ran out.
    assert taken_seconds < GRACE_SECONDS + SLACK_SECONDS
    say(
        f"25 runs: all at another worker {taken_seconds:.1f} s after SIGTERM (grace {GRACE_SECONDS:.0f} s), "
        f"the process ended after {ended_seconds:.1f} s; no attempt was burned"
    )


async def test_without_redis_from_the_start_runs_go_on_and_text_is_back_soon_after_it(
    tmp_path: Path, http: aiohttp.ClientSession, say: Say
) -> None:
    async with deployed(tmp_path, servers=1, workers=1) as deployment:
        server, worker = deployment.programs
        await server.end()
        await worker.end()
        deployment.redis.kill()
        await worker.launch()
        await server.start()
        client = Client(http, deployment.urls[0])
        slowest = 0.0
        for n in range(5):
            began = time.monotonic()
            run_id = (await client.chat(f"talk {n}"))["run_id"]
            slowest = max(slowest, time.monotonic() - began)
            assert (await client.frames(run_id))[-1]["type"] == "run.completed"
        deployment.model.script(Reply("word " * 400, delay_seconds=0.05))
        run_id = (await client.chat("talk 10"))["run_id"]

        async def is_running() -> bool:
            return (await run_row(deployment, run_id))["run_status"] == "running"

        await until(is_running)
        await asyncio.to_thread(deployment.redis.start)
        began = time.monotonic()
        await until_writing(deployment, client, run_id)
        back_seconds = time.monotonic() - began
    assert slowest < 1 + SLACK_SECONDS
    assert back_seconds < 3 + SLACK_SECONDS
    say(f"without Redis: the slowest request took {slowest:.2f} s; text was back {back_seconds:.1f} s after its return")


async def progress(deployment: Deployment) -> int:
    """How many checkpoints of executions there are."""
    text = "SELECT count(*) AS n FROM agent_run_events WHERE event_type IN ('tool.completed', 'message.completed')"
    (found,) = await statement(deployment.postgres.url, text)
    return found["n"]


class Load:
    """Runs that are asked for one after another, each until it is accepted."""

    def __init__(self, deployment: Deployment, http: aiohttp.ClientSession) -> None:
        self._url = f"{deployment.urls[0]}/v1/agent/runs"
        self._http = http
        self.run_ids: list[str] = []
        self.refusals: Counter[str] = Counter()
        self.has_ended = False

    async def keep(self, first: int) -> None:
        """Ask for runs until it is enough."""
        number = first
        while not self.has_ended:
            await self.ask_for(number)
            number += 1
            await asyncio.sleep(0.4)

    async def ask_for(self, number: int) -> None:
        headers = {"Idempotency-Key": f"k{number}"}
        while True:
            async with self._http.post(self._url, json={"message": f"work {number}"}, headers=headers) as answer:
                told = await answer.json()
                if answer.status == 202:
                    self.run_ids.append(told["run_id"])
                    return
                assert answer.status == 409 or (answer.status == 503 and answer.headers["Retry-After"]), told
                self.refusals[told["code"]] += 1
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("restarts", [2, pytest.param(30, marks=SLOW)])
async def test_postgresql_restarted_under_load_costs_no_checkpoint(
    tmp_path: Path, http: aiohttp.ClientSession, say: Say, restarts: int
) -> None:
    """Every few seconds, with crashes among it; each run is asked for until it is accepted."""
    requests_back: list[float] = []
    executions_back: list[float] = []
    # The lease and the sweep that a deployment has by default.
    usual = {"ONELINER_LEASE_SECONDS": "30", "ONELINER_SWEEP_SECONDS": "5"}
    async with deployed(tmp_path, servers=1, workers=2, **usual) as deployment:
        load = Load(deployment, http)
        loads = [asyncio.ensure_future(load.keep(10_000 * n)) for n in range(1, 5)]
        for n in range(restarts):
            await asyncio.sleep(2.5)  # what is written meanwhile is the load
            await asyncio.to_thread(deployment.postgres.stop, signal.SIGQUIT if n % 2 else signal.SIGINT)
            await asyncio.sleep(1.5)
            await asyncio.to_thread(deployment.postgres.start)
            back = time.monotonic()
            marks = await progress(deployment)
            await load.ask_for(n + 1)
            requests_back.append(time.monotonic() - back)

            async def has_gone_on(marks: int = marks) -> bool:
                return await progress(deployment) > marks

            await until(has_gone_on)
            executions_back.append(time.monotonic() - back)
        load.has_ended = True
        await asyncio.gather(*loads)

        async def are_over() -> bool:
            runs = (await deployment.tables())["agent_runs"]
            waiting = [r for r in runs if r["run_status"] == "blocked"]
            assert not waiting, "a restart of the database is no reason to ask anybody"
            return all(r["run_status"] == "done" for r in runs)

        await until(are_over, 120)
        rows = await deployment.tables()
        logs = "\n".join(program.log for program in deployment.programs)
    check_rows(rows)
    assert sorted(r["id"] for r in rows["agent_runs"]) == sorted(load.run_ids)
    # No checkpoint was lost: nothing was taken over, asked for or done again. None was doubled: each answer is there once.
    recovered = sum(e["event_type"] == "run.recovered" for e in rows["agent_run_events"])
    assert recovered == 0
    answers = sum(m["role"] == "assistant" for m in rows["messages"])
    assert answers == len(deployment.model.requests) == 4 * len(load.run_ids)
    assert set(deployment.effects.effects.values()) == {1}
    assert set(deployment.effects.asked.values()) == {1}
    assert "request.failed" not in logs
    assert "run.broke" not in logs
    say(
        f"{restarts} restarts, {len(load.run_ids)} runs, {answers} answers stored: none lost or doubled, 0 recoveries; "
        f"refused {dict(load.refusals)}; after its return requests were answered within {max(requests_back):.1f} s, "
        f"executions went on within {max(executions_back):.1f} s"
    )


@pytest.mark.skipif(not FAKETIME, reason="scripts/services names libfaketime, on Linux")
@pytest.mark.parametrize("offset", ["+10m", "-10m"])
async def test_a_worker_with_a_wrong_clock_takes_and_keeps_runs_like_any_other(
    tmp_path: Path, http: aiohttp.ClientSession, say: Say, offset: str
) -> None:
    async with deployed(tmp_path, servers=1, workers=2) as deployment:
        wrong = deployment.workers[0]
        await wrong.end()
        await wrong.start(LD_PRELOAD=FAKETIME, FAKETIME=offset, FAKETIME_DONT_FAKE_MONOTONIC="1")
        client = Client(http, deployment.urls[0])
        # Longer than a lease.
        deployment.model.script(*[Reply("word " * 100, delay_seconds=0.05)] * 20)
        runs = [(await client.chat(f"talk {n}"))["run_id"] for n in range(20)]

        async def all_are_held() -> bool:
            return all([(await run_row(deployment, run_id))["lease_owner"] for run_id in runs])

        await until(all_are_held)
        holders = Counter([holder_of(deployment, await run_row(deployment, run_id)).name for run_id in runs])
        for run_id in runs:
            await client.frames(run_id)
        rows = await deployment.tables()
    check_rows(rows)
    assert holders[wrong.name] > 0
    assert {r["run_status"] for r in rows["agent_runs"]} == {"done"}
    assert not [e for e in rows["agent_run_events"] if e["event_type"] == "run.recovered"], "taken over too early"
    assert len(deployment.model.requests) == 20
    say(f"clock {offset}: {dict(holders)}; no early takeover, no stuck run")


@asynccontextmanager
async def reading(followers: list[Follower]) -> AsyncGenerator[None]:
    tasks = [asyncio.ensure_future(f.follow()) for f in followers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("readers", [100, pytest.param(1_000, marks=SLOW)])
async def test_readers_who_all_come_back_at_once_miss_nothing(
    tmp_path: Path, http: aiohttp.ClientSession, say: Say, readers: int
) -> None:
    async with deployed(tmp_path, servers=1, workers=1) as deployment:
        server = deployment.servers[0]
        client = Client(http, deployment.urls[0])
        token = http.headers["authorization"].removeprefix("Bearer ")
        followers = [Follower(deployment, http, token, "/v2/oneliner/stream") for _ in range(readers)]
        async with reading(followers):
            for n in range(5):
                await client.frames((await client.chat(f"work {n}"))["run_id"])

            async def all_know() -> bool:
                (user,) = await statement(deployment.postgres.url, "SELECT event_cursor FROM users WHERE id = 'ann'")
                return all(f.transcript.cursor == user["event_cursor"] for f in followers)

            await until(all_know)
            # What happens while they are away is what they come back for.
            deployment.model.script(LONG)
            run_id = (await client.chat("talk 7"))["run_id"]
            await until_writing(deployment, client, run_id)
            await server.end()

            async def has_ended() -> bool:
                return (await run_row(deployment, run_id))["run_status"] == "done"

            await until(has_ended)
            await server.start()
            back_seconds = await until(all_know, 120)
        rows = await deployment.tables()
    stored = {m["id"]: m["content"] for m in rows["messages"]}
    log = sorted(rows["agent_run_events"], key=lambda e: e["owner_seq"])
    for follower in followers:
        check_transcript(follower.transcript, log, stored)
        assert follower.transcript.connections >= 2
    say(f"{readers} readers came back at once: all had everything {back_seconds:.1f} s later, nothing missing or twice")
