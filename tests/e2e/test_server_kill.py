"""kill -9 of the real server, at random moments, with several runs open and read: nothing is lost or done twice."""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import sys
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from oneliner.domain.times import rfc3339
from oneliner.settings import Settings
from oneliner.wiring import issue_token
from tests.e2e.followers import Follower, check_transcript
from tests.e2e.people import Person
from tests.e2e.processes import Server, model_process
from tests.e2e.scripted_model import CALLS_PER_RUN
from tests.support.databases import tables
from tests.support.invariants import check_database, check_ended

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from pathlib import Path

USERS = ("ann", "bob")
OPEN_EACH = 4
END_SECONDS = 90
LOOKED_AT_EVERY = 5  # deaths; looking at a database puts its log away, which the next server is to do itself


class Campaign:
    """One server with its users and readers, over many lives."""

    def __init__(self, folder: Path, model_url: str, http: aiohttp.ClientSession, group: asyncio.TaskGroup) -> None:
        data_dir, self.effects = folder / "data", folder / "effects"
        self.effects.touch()
        self.path = data_dir / "oneliner.db"
        self.server = Server(data_dir, model_url, self.effects)
        self._http = http
        self._group = group
        settings = Settings.load({}, data_dir=data_dir)
        self._tokens = {user: issue_token(settings, user, ttl_seconds=7_200) for user in USERS}
        self.of_runs: dict[str, Follower] = {}
        self._reading: list[asyncio.Task[None]] = []
        self.people = [self._person(user) for user in USERS]
        self.of_users = {user: self._follower(user, "/v2/oneliner/stream") for user in USERS}

    def _person(self, user: str) -> Person:
        def follow(run_id: str) -> None:
            follower = self.of_runs[run_id] = self._follower(user, f"/v1/agent/runs/{run_id}/events")
            self._reading.append(self._group.create_task(follower.follow()))

        return Person(self.server, self._http, self._tokens[user], self.effects, follow)

    def _follower(self, user: str, path: str) -> Follower:
        return Follower(self.server, self._http, self._tokens[user], path)

    async def live(self, kills: int, dice: random.Random) -> None:
        """Work through so many deaths, and then to the end of every run."""
        await self.server.start(self._http)
        endless = [self._group.create_task(f.follow()) for f in self.of_users.values()]
        for person in self.people:
            person.wants_open = OPEN_EACH
            endless.append(self._group.create_task(person.work()))
        for number in range(1, kills + 1):
            await asyncio.sleep(dice.uniform(0.1, 1.2))  # the moment of death, which waits for nothing
            await self.server.kill()
            if number % LOOKED_AT_EVERY == 0:
                check_database(self.path)
            await self.server.start(self._http)
        for person in self.people:
            person.wants_open = 0
        async with asyncio.timeout(END_SECONDS):
            while not await self._is_over():  # noqa: ASYNC110 - it is other processes that are waited for
                await asyncio.sleep(0.1)
            # Each of them is told once more that there is nothing more to come.
            await asyncio.gather(*self._reading)
        for task in endless:
            task.cancel()
        await self.server.kill()

    async def _is_over(self) -> bool:
        """Whether all runs have ended, all messages are closed, and every reader knows."""
        rows = tables(self.path)
        cursors = {u["id"]: u["event_cursor"] for u in rows["users"]}
        return (
            {r["run_status"] for r in rows["agent_runs"]} <= {"done", "cancelled"}
            and not any(m["state"] == "streaming" for m in rows["messages"])
            and all(f.transcript.cursor == cursors[user] for user, f in self.of_users.items())
            and all(self.of_runs[r["id"]].transcript.cursor == r["last_seq"] for r in rows["agent_runs"])
        )


@asynccontextmanager
async def campaigning(folder: Path) -> AsyncGenerator[Campaign]:
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60)
    async with (
        model_process() as model_url,
        aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http,
        asyncio.TaskGroup() as group,
    ):
        campaign = Campaign(folder, model_url, http, group)
        try:
            yield campaign
        finally:
            await campaign.server.kill()


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(5, id="5"),
        pytest.param(50, id="50", marks=[pytest.mark.slow, pytest.mark.timeout(1_800)]),
    ],
)
async def test_every_run_survives_the_death_of_the_server(tmp_path: Path, kills: int) -> None:
    seed = int(os.environ.get("ONELINER_TEST_SEED") or random.SystemRandom().randrange(1_000_000))
    _say(f"ONELINER_TEST_SEED={seed}")
    async with campaigning(tmp_path) as campaign:
        await campaign.live(kills, random.Random(seed))

    check_database(campaign.path)
    check_ended(campaign.path)
    rows = tables(campaign.path)
    runs = {r["id"]: r for r in rows["agent_runs"]}
    # Asked for again and again until it was answered, each run is there once, and came to its end.
    assert sorted(runs) == sorted(run_id for person in campaign.people for run_id in person.run_ids)
    assert Counter((r["run_status"], r["reason"]) for r in runs.values()) == {("done", ""): len(runs)}
    recovered = sum(e["event_type"] == "run.recovered" for e in rows["agent_run_events"])
    assert recovered >= kills // 2, "the deaths came between the runs"
    _check_tools(campaign, rows)
    _check_readers(campaign, rows)
    assert "Traceback" not in campaign.server.log.read_text()
    _tell(campaign, kills, rows)


def _check_tools(campaign: Campaign, rows: Mapping[str, Any]) -> None:
    """No call was carried out after it was finished, and every effect is there once."""
    finished_ms = {c["idempotency_key"]: c["finished_at"] for c in rows["tool_calls"] if c["finished_at"] is not None}
    effects: Counter[tuple[str, str]] = Counter()
    for line in campaign.effects.read_text().splitlines():
        what, kind, key, at_ms = line.split()
        assert int(at_ms) <= finished_ms[key] + 1, f"{kind} {key} was carried out after it was finished"
        effects[kind, key] += what == "effect"
    runs = len(rows["agent_runs"])
    assert {kind: sum(1 for k, _ in effects if k == kind) for kind in CALLS_PER_RUN} == {
        kind: calls * runs for kind, calls in CALLS_PER_RUN.items()
    }
    assert {n for (kind, _), n in effects.items() if kind != "look"} == {1}


def _check_readers(campaign: Campaign, rows: Mapping[str, Any]) -> None:
    """Every reader was told the log of the database, once each and in order, and shows the texts that it holds."""
    events = sorted(rows["agent_run_events"], key=lambda e: e["owner_seq"])
    stored = {m["id"]: m["content"] for m in rows["messages"]}
    of_runs = [
        (follower, [e for e in events if e["run_id"] == run_id]) for run_id, follower in campaign.of_runs.items()
    ]
    of_users = [(follower, [e for e in events if e["user_id"] == user]) for user, follower in campaign.of_users.items()]
    for follower, log in [*of_runs, *of_users]:
        check_transcript(follower.transcript, log, stored)


def _tell(campaign: Campaign, kills: int, rows: Mapping[str, Any]) -> None:
    """The figures of the campaign."""
    events, lives = rows["agent_run_events"], campaign.server.lives
    transcripts = [f.transcript for f in (*campaign.of_runs.values(), *campaign.of_users.values())]
    answers = sum((person.answers for person in campaign.people), Counter[str]())
    starts = [ready - began for began, ready in lives[1:]]
    taken, seen = _takeovers(campaign, rows)
    _say(
        f"{kills} kills, {len(rows['agent_runs'])} runs, {len(events)} events, {len(rows['messages'])} messages, "
        f"{len(rows['tool_calls'])} tool calls; {sum(e['event_type'] == 'run.recovered' for e in events)} recoveries, "
        f"{sum(e['event_type'] == 'message.interrupted' for e in events)} calls of the model cut off, answers "
        f"{dict(answers)}, {sum(p.resent for p in campaign.people)} requests sent again",
        f"{len(transcripts)} streams over {sum(t.connections for t in transcripts)} connections; "
        f"{sum(t.whole for t in transcripts)} of {sum(t.watched for t in transcripts)} watched messages were whole "
        "before their end was told",
        f"start to healthz, ms: {_spread(starts)}",
        f"healthz to the first run taken on, ms (negative: before): {_spread(taken)}",
        f"healthz to the first event of it at a reader, ms: {_spread(seen)}",
    )


def _takeovers(campaign: Campaign, rows: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    """For each life but the first: how long after it took requests a run was taken on, and a reader knew."""
    began = sorted(e["created_at"] for e in rows["agent_run_events"] if e["event_type"] == "run.started")
    heard = sorted(
        (event["at"], at_ms)
        for follower in campaign.of_users.values()
        for event, at_ms in zip(follower.transcript.events, follower.transcript.seen_ms, strict=True)
        if event["type"] == "run.started"
    )
    taken = [next(at - ready for at in began if at >= start) for start, ready in campaign.server.lives[1:]]
    seen = [
        next(at_ms - ready for at, at_ms in heard if at >= rfc3339(start)) for start, ready in campaign.server.lives[1:]
    ]
    return taken, seen


def _spread(figures: list[int]) -> str:
    return f"median {statistics.median(figures):.0f}, largest {max(figures)}"


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
