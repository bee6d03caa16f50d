"""Hundreds of runs of every kind over processes that die, freeze and lose each other: afterwards everything holds.

``ONELINER_TEST_SEED`` repeats a campaign's dice, ``ONELINER_CHAOS_FAULTS`` and ``ONELINER_CHAOS_RUNS`` size the long one.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from typing import TYPE_CHECKING

import aiohttp
import pytest

from oneliner.adapters.jwt_tokens import JwtTokens
from tests.chaos.deployment import SECRET, Deployment, deployed
from tests.chaos.faults import Faults
from tests.chaos.invariants import Evidence, check_all
from tests.chaos.users import User
from tests.e2e.followers import Follower
from tests.support.invariants import check_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

USERS = ("ann", "bob", "cleo")
END_SECONDS = 150
PAUSE_SECONDS = (0.1, 1.0)
LONG_FAULTS = int(os.environ.get("ONELINER_CHAOS_FAULTS") or 60)
LONG_RUNS = int(os.environ.get("ONELINER_CHAOS_RUNS") or 300)


class Campaign:
    """The users of a deployment and the readers of its streams."""

    def __init__(
        self, deployment: Deployment, http: aiohttp.ClientSession, group: asyncio.TaskGroup, seed: int, runs: int
    ) -> None:
        self._deployment = deployment
        self._http = http
        self._group = group
        tokens = JwtTokens(issuer="oneliner", audience="oneliner", secret=SECRET)
        self._tokens = {user: tokens.issue(user, ttl_seconds=7_200) for user in USERS}
        self._reading: list[asyncio.Task[None]] = []
        self.of_runs: dict[str, Follower] = {}
        self.of_users = {u: self._follower(u, "/v2/oneliner/stream") for u in USERS}
        self.users = [self._user(number, name, seed, runs // len(USERS)) for number, name in enumerate(USERS, 1)]

    def _follower(self, user: str, path: str) -> Follower:
        return Follower(self._deployment, self._http, self._tokens[user], path)

    def _user(self, number: int, name: str, seed: int, wants: int) -> User:
        def follow(run_id: str) -> None:
            follower = self.of_runs[run_id] = self._follower(name, f"/v1/agent/runs/{run_id}/events")
            self._reading.append(self._group.create_task(follower.follow()))

        return User(
            self._deployment,
            self._http,
            self._tokens[name],
            follow,
            random.Random(f"{seed}-{name}"),
            number=number,
            wants=wants,
            at_once=8,
            effects=self._deployment.folder,
        )

    async def live(self, faults: Faults, count: int, dice: random.Random) -> float:
        """So many faults, and then to the end of every run; how many seconds that end took."""
        endless = [self._group.create_task(f.follow()) for f in self.of_users.values()]
        endless += [self._group.create_task(user.work()) for user in self.users]
        for number in range(1, count + 1):
            for user in self.users:
                user.allow(number / count)
            await asyncio.sleep(dice.uniform(*PAUSE_SECONDS))  # the moment of a fault, which waits for nothing
            await faults.one()
            check_rows(await self._deployment.tables())
        healed = time.monotonic()
        async with asyncio.timeout(END_SECONDS + 0.5 * len(self.of_runs)):
            while not await self._is_over():  # noqa: ASYNC110 - it is other processes that are waited for
                await asyncio.sleep(0.2)
            await asyncio.gather(*self._reading)
        for task in endless:
            task.cancel()
        return time.monotonic() - healed

    async def _is_over(self) -> bool:
        """Whether all runs have begun and ended, all messages are closed, and every reader knows."""
        rows = await self._deployment.tables()
        cursors = {u["id"]: u["event_cursor"] for u in rows["users"]}
        return (
            all(user.has_begun_all for user in self.users)
            and {r["run_status"] for r in rows["agent_runs"]} <= {"done", "cancelled"}
            and not any(m["state"] == "streaming" for m in rows["messages"])
            and all(f.transcript.cursor == cursors[user] for user, f in self.of_users.items())
        )

    async def evidence(self) -> Evidence:
        """What is found when all is over."""
        deployment = self._deployment
        calls = deployment.conversation.calls
        return Evidence(
            tables=await deployment.tables(),
            accepted=[run_id for user in self.users for run_id in user.run_ids],
            served=[(*calls[id(c.request)], c) for c in deployment.model.calls_served if id(c.request) in calls],
            effects={key: n for (kind, key), n in deployment.effects.effects.items() if kind == "once"},
            run_again={key: n for user in self.users for key, n in user.run_again.items()},
            of_runs={run_id: f.transcript for run_id, f in self.of_runs.items()},
            of_users={name: f.transcript for name, f in self.of_users.items()},
            foreign=await self._look_at_others(),
        )

    async def _look_at_others(self) -> list[tuple[str, int]]:
        """Each user asks for some runs of the others, in every way there is."""
        answers: list[tuple[str, int]] = []
        for number, name in enumerate(USERS):
            for run_id in self.users[number - 1].run_ids[:5]:
                for path in (f"/v2/oneliner/runs/{run_id}", f"/v1/agent/runs/{run_id}/events"):
                    headers = {"Authorization": f"Bearer {self._tokens[name]}"}
                    async with self._http.get(f"{await self._deployment.url()}{path}", headers=headers) as answer:
                        answers.append((path, answer.status))
        return answers


@pytest.mark.parametrize(
    ("faults", "runs"),
    [
        pytest.param(5, 45, id="small", marks=pytest.mark.timeout(300)),
        pytest.param(LONG_FAULTS, LONG_RUNS, id="long", marks=[pytest.mark.slow, pytest.mark.timeout(7_200)]),
    ],
)
@pytest.mark.usefixtures("own_servers")
async def test_whatever_is_done_to_it_everything_holds(
    tmp_path: Path, seed: int, say: Callable[[str], None], faults: int, runs: int
) -> None:
    dice = random.Random(seed)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
    async with (
        deployed(tmp_path) as deployment,
        aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http,
        asyncio.TaskGroup() as group,
    ):
        campaign, harm = Campaign(deployment, http, group, seed, runs), Faults(deployment, dice)
        end_seconds = await campaign.live(harm, faults, dice)
        found = await campaign.evidence()
        logs = "\n".join(program.log for program in deployment.programs)
    check_all(found)
    assert not deployment.model.unscripted
    assert "run.broke" not in logs
    assert "request.failed" not in logs
    _tell(say, campaign, harm, found, end_seconds)


def _tell(say: Callable[[str], None], campaign: Campaign, harm: Faults, found: Evidence, end_seconds: float) -> None:
    tables = found.tables
    events = Counter(e["event_type"] for e in tables["agent_run_events"])
    answers = sum((user.answers for user in campaign.users), Counter[str]())
    refused = sum((user.refused for user in campaign.users), Counter[str]())
    transcripts = [*found.of_runs.values(), *found.of_users.values()]
    say(f"faults: {dict(harm.done)}")
    say(
        f"{len(tables['agent_runs'])} runs, {events.total()} events, {len(tables['messages'])} messages, "
        f"{len(tables['tool_calls'])} tool calls, {len(found.served)} model calls served; "
        f"{events['run.recovered']} recoveries, {events['message.interrupted']} model calls cut off"
    )
    say(f"answers {dict(answers)}; refused {dict(refused)}, sent again {sum(u.resent for u in campaign.users)}")
    say(
        f"{len(transcripts)} streams over {sum(t.connections for t in transcripts)} connections; "
        f"the last run ended {end_seconds:.1f} s after the last fault"
    )
