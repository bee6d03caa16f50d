"""kill -9 while specialists and functions are at work: every run ends, and nothing that was done is done twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest
from tests.app.test_kill import OPEN_RUNS, Campaign
from tests.support.databases import stand_in
from tests.support.engine import ALICE, Engine, Options, new_database
from tests.support.invariants import check_database, check_ended

from oneliner.domain.run import ENDED, Reason, RunStatus
from oneliner.testing import Call, ModelServer, Reply

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from oneliner.testing import Request


def play(request: Request) -> Reply:
    """The main agent has a tool do something and the helper help; the helper uses tools of its own, twice."""
    roles = [m["role"] for m in request.messages]
    taken = roles[max(n for n, role in enumerate(roles) if role == "user") :].count("assistant")
    if "You are helper" in request.system_text:
        rounds = ([Call("once")], [Call("again"), Call("look")])
        return Reply("Let me.", rounds[taken], delay_seconds=0.002) if taken < len(rounds) else Reply("It is done.")
    if "The worker asks" in str(request.messages[-1]["content"]):
        return Reply("So it is, as far as I know.", delay_seconds=0.002)
    if taken:
        return Reply("All is done, as you can see.", delay_seconds=0.002)
    helping = Call("delegate", {"executor": "helper", "task": "help me"})
    return Reply("Now for it.", [Call("once"), helping], delay_seconds=0.002)


class Executors(Campaign):
    """A campaign in which runs are carried out by the main agent and by a function in turn."""

    async def top_up(self) -> None:
        """Keep several runs open."""
        still_open = [r for r in [await self.watcher.get(i) for i in self.runs] if r.run_status not in ENDED]
        for _ in range(OPEN_RUNS - len(still_open)):
            executor = ("main", "worker")[len(self.runs) % 2]
            self.runs.append((await self.watcher.chat("work", executor=executor)).id)


@pytest.fixture
async def campaign(tmp_path: Path, database_kind: str, request: pytest.FixtureRequest) -> AsyncGenerator[Executors]:
    path, effects = tmp_path / "oneliner.db", tmp_path / "effects"
    effects.touch()
    url = "" if database_kind == "sqlite" else request.getfixturevalue("postgres_url")
    async with ModelServer(play) as server:
        with stand_in(path, url) if url else nullcontext():
            watcher = Engine(new_database(path), server.base_url, Options(concurrency=0))
            await watcher.admit(ALICE)
            campaign = Executors(watcher, server.base_url, effects, random.Random(), url)
            await campaign.prepare()
            yield campaign
            await campaign.end()


@pytest.mark.parametrize(
    ("kills", "seed"),
    [
        pytest.param(10, 3, id="10"),
        *[pytest.param(100, n, id=f"100-{n}", marks=[pytest.mark.slow, pytest.mark.timeout(900)]) for n in range(3)],
    ],
)
async def test_every_run_survives_the_death_of_its_process(campaign: Executors, kills: int, seed: int) -> None:
    watcher = campaign.watcher
    campaign.dice.seed(seed)
    for _ in range(kills):
        await campaign.top_up()
        await campaign.begin()
        await asyncio.sleep(campaign.dice.uniform(0.0, 0.4))  # the moment of death, which waits for nothing
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
    # Who carries a run out, and whom he asks, has each used each of his tools once, however often its process died.
    keys = Counter(campaign.effects.read_text().splitlines())
    assert set(keys.values()) == {1}
    by_function = len(campaign.runs) // 2
    kinds = Counter(line.split()[0] for line in keys)
    assert kinds == {"once": 2 * len(campaign.runs), "again": len(campaign.runs) + by_function}
    for run_id in campaign.runs:
        types = Counter(await watcher.types(run_id))
        assert types["executor.started"] == types["executor.finished"] == 1
        assert types["executor.said"] <= 1
