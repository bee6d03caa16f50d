"""kill -9, at random moments, with several runs open: every run ends, and nothing that was done is done twice."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.databases import stand_in
from tests.support.engine import ALICE, Engine, Options, new_database
from tests.support.invariants import check_database, check_ended

from oneliner.domain.run import ENDED, Reason, RunStatus
from oneliner.testing import Call, ModelServer, Reply

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncGenerator

    from oneliner.testing import Request

ROOT = Path(__file__).parents[2]
OPEN_RUNS = 6
TURNS = 5


def play(request: Request) -> Reply:
    """Four rounds of tools, a few at once, then the end; slow enough to be killed in the middle of."""
    roles = [m["role"] for m in request.messages]
    asked_at = max(n for n, role in enumerate(roles) if role == "user")
    taken = roles[asked_at:].count("assistant")
    if taken == TURNS - 1:
        return Reply("All is done, as you can see.", delay_seconds=0.002)
    calls = [Call(name) for name in (("once",), ("again", "look"), ("once", "again"), ("look", "once"))[taken]]
    return Reply("Now for the next thing.", calls, delay_seconds=0.002)


@dataclass(slots=True)
class Campaign:
    """Processes that follow each other on one database, and the client that watches."""

    watcher: Engine
    base_url: str
    effects: Path
    dice: random.Random
    url: str = ""
    runs: list[str] = field(default_factory=list[str])
    origin: Process | None = None
    alive: int = 0

    async def prepare(self) -> None:
        """Start the process that each of the others is a copy of."""
        arguments = [
            "-m",
            "tests.support.engine_process",
            str(self.watcher.path),
            self.base_url,
            str(self.effects),
            self.url,
        ]
        pipe = asyncio.subprocess.PIPE
        self.origin = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, cwd=ROOT, stdin=pipe, stdout=pipe
        )

    async def begin(self) -> None:
        """Have a process begin to work."""
        assert self.origin is not None
        assert self.origin.stdin is not None
        assert self.origin.stdout is not None
        self.origin.stdin.write(b"go\n")
        async with asyncio.timeout(60):
            self.alive = int(await self.origin.stdout.readline())

    def kill(self) -> None:
        """End the process that works."""
        if self.alive:
            os.kill(self.alive, signal.SIGKILL)
            self.alive = 0

    async def end(self) -> None:
        """Leave no process behind."""
        self.kill()
        if self.origin is not None:
            self.origin.kill()
            await self.origin.communicate()
        await self.watcher.stop()

    async def top_up(self) -> None:
        """Keep several runs open, some of them behind each other."""
        still_open = [r for r in [await self.watcher.get(i) for i in self.runs] if r.run_status not in ENDED]
        for n in range(OPEN_RUNS - len(still_open)):
            session_id = still_open[0].session_id if n == 0 and still_open else None
            self.runs.append((await self.watcher.chat("work", session_id=session_id)).id)

    async def answer_the_blocked(self) -> None:
        """Look whether the effect is there, as a person would, and say so."""
        for run in [await self.watcher.get(i) for i in self.runs]:
            if run.run_status is RunStatus.BLOCKED:
                assert run.reason is Reason.TOOL_OUTCOME_UNKNOWN
                (call,) = [c for c in await self.watcher.calls(run.id) if c.state == "unknown"]
                is_done = call.idempotency_key in self.effects.read_text()
                await self.watcher.resume(run, {"decision": "treat_as_done" if is_done else "run_again"})
            elif run.run_status is RunStatus.FAILED:
                # Three deaths at one place are given up, and that is all that may fail here.
                assert run.reason is Reason.WORKER_LOST
                await self.watcher.retry(run)

    async def all_have_ended(self) -> bool:
        await self.answer_the_blocked()
        return all(r.run_status is RunStatus.DONE for r in [await self.watcher.get(i) for i in self.runs])


@pytest.fixture
async def campaign(tmp_path: Path, database_kind: str, request: pytest.FixtureRequest) -> AsyncGenerator[Campaign]:
    path, effects = tmp_path / "oneliner.db", tmp_path / "effects"
    effects.touch()
    url = "" if database_kind == "sqlite" else request.getfixturevalue("postgres_url")
    async with ModelServer(play) as server:
        with stand_in(path, url) if url else nullcontext():
            watcher = Engine(new_database(path), server.base_url, Options(concurrency=0))
            await watcher.admit(ALICE)
            campaign = Campaign(watcher, server.base_url, effects, random.Random(), url)
            await campaign.prepare()
            yield campaign
            await campaign.end()


@pytest.mark.parametrize(
    ("kills", "seed"),
    [
        pytest.param(12, 5, id="12"),
        # A thousand in all, in slices, because every row is looked at after each of them.
        *[pytest.param(100, n, id=f"100-{n}", marks=[pytest.mark.slow, pytest.mark.timeout(900)]) for n in range(10)],
    ],
)
async def test_every_run_survives_the_death_of_its_process(campaign: Campaign, kills: int, seed: int) -> None:
    watcher = campaign.watcher
    campaign.dice.seed(seed)
    for _ in range(kills):
        await campaign.top_up()
        await campaign.begin()
        await asyncio.sleep(campaign.dice.uniform(0.0, 0.3))  # the moment of death, which waits for nothing
        campaign.kill()
        check_database(watcher.path)
        await campaign.answer_the_blocked()
    await campaign.begin()

    async def is_over() -> bool:
        return await campaign.all_have_ended() and not await watcher.database.read(lambda tx: tx.messages.orphaned(1))

    await watcher.until(is_over, "", 60)
    check_database(watcher.path)
    check_ended(watcher.path)
    ended = Counter((r.run_status, r.reason) for r in [await watcher.get(i) for i in campaign.runs])
    assert set(ended) == {(RunStatus.DONE, Reason.NONE)}
    recovered = sum([(await watcher.types(i)).count("run.recovered") for i in campaign.runs])
    assert recovered >= kills // 4, "the deaths came between the runs"
    # Each run has used each of its tools once, however often its process died.
    keys = Counter(campaign.effects.read_text().splitlines())
    assert set(keys.values()) == {1}
    kinds = Counter(line.split()[0] for line in keys)
    assert kinds == {"once": 3 * len(campaign.runs), "again": 2 * len(campaign.runs)}
