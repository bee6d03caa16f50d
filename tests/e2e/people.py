"""A user who keeps several runs open, and answers whatever waits for an answer, over a server that dies at any moment.

Each request carries an idempotency key and is sent until it is answered, as a careful client does: whether it was
carried out before its server died, nobody can tell from outside.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

import aiohttp

from tests.e2e.scripted_model import PLANNED, STEPS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from pathlib import Path

    from tests.e2e.followers import Place

PAUSE_SECONDS = 0.05
OPEN = ("drafting", "needs_confirmation", "queued", "running", "blocked", "failed")
ROUTES = {"chat": "/v1/agent/runs", "handoff": "/v2/oneliner/runs"}


class Person:
    """One user. *on_start* is told the id of each run that was begun."""

    #: What is answered by asking again: a server that has lost its database, say.
    asks_again_on: ClassVar[frozenset[int]] = frozenset()

    def __init__(
        self, server: Place, http: aiohttp.ClientSession, token: str, effects: Path, on_start: Callable[[str], None]
    ) -> None:
        self._server = server
        self._http = http
        self._headers = {"Authorization": f"Bearer {token}"}
        self._effects = effects
        self._on_start = on_start
        self._numbers = count()
        self.run_ids: list[str] = []
        self.wants_open = 0
        #: What was answered, and how often: confirmations, the decisions on lost outcomes, retries.
        self.answers: Counter[str] = Counter()
        self.resent = 0
        self.refused: Counter[str] = Counter()

    async def work(self) -> None:
        """Until it is stopped: keep as many runs open as are wanted, and answer what waits."""
        while True:
            await self.look_once()
            await asyncio.sleep(PAUSE_SECONDS)

    async def look_once(self) -> list[Mapping[str, Any]]:
        """The runs that had not ended, after something was done for each that waits for a person."""
        query = "&".join(f"status={status}" for status in OPEN)
        found = await self._request("GET", f"/v2/oneliner/runs?limit=100&{query}", None, "")
        for run in found["items"]:
            await self._help(run)
        for _ in range(self.wants_open - len(found["items"])):
            await self._begin(found["items"])
        return found["items"]

    async def _begin(self, still_open: list[Mapping[str, Any]]) -> None:
        number = next(self._numbers)
        chats = [r["session_id"] for r in still_open if r["source_type"] == "chat"]
        title = f"work {PLANNED} {number}"
        handoff = {"title": title, "source_screen": "home", "source_action_key": "go", "project_id": f"p{number % 3}"}
        kind, body = [
            ("chat", {"message": f"work {number}"}),
            ("handoff", {**handoff, "plan_request": {"goal": title, "steps": STEPS}}),
            ("chat", {"message": f"work {number}", **({"session_id": chats[0]} if chats else {})}),
            ("handoff", {**handoff, "plan_request": {"goal": title, "draft": True}}),
        ][number % 4]
        begun = await self._request("POST", ROUTES[kind], body, f"begin-{number}")
        run_id = begun.get("run_id") or begun["id"]
        self.run_ids.append(run_id)
        self._on_start(run_id)

    async def _help(self, run: Mapping[str, Any]) -> None:
        path, key = f"/v2/oneliner/runs/{run['id']}", f"{run['id']}-{run['last_seq']}"
        match run["run_status"]:
            case "needs_confirmation":
                await self._request("POST", f"{path}/confirm", {"plan_rev": run["plan"]["rev"]}, key)
                self.answers["confirmed"] += 1
            case "blocked":
                decision = self._decide(run)
                await self._request("POST", f"{path}/resume", {"answer": {"decision": decision}}, key)
                self.answers[decision] += 1
            case "failed":
                # Three deaths at one place are given up, and that is all that may fail here.
                assert run["reason"] == "worker_lost", run
                await self._request("POST", f"{path}/retry", {}, key)
                self.answers["retried"] += 1
            case _:
                pass

    def _decide(self, run: Mapping[str, Any]) -> str:
        """Look whether the effect is there, as a person would."""
        assert run["reason"] == run["blocked"]["kind"] == "tool_outcome_unknown", run
        (call,) = run["blocked"]["calls"]
        assert call["name"] == "once", "this one could have been done again unasked"
        return "treat_as_done" if f"effect once {call['id']} " in self._effects.read_text() else "run_again"

    async def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        key: str,
        or_told: Collection[int] = (),
    ) -> Any:
        """The answer; *or_told* are refusals that are as good."""
        headers = {**self._headers, "Idempotency-Key": key} if key else self._headers
        while True:
            url = await self._server.url()
            try:
                async with self._http.request(method, url + path, json=body, headers=headers) as answer:
                    told: Any = await answer.json() if answer.status != 204 else None
                    if answer.status not in self.asks_again_on:
                        assert answer.status in {200, 202, 204, *or_told}, (method, path, body, told)
                        return told
                    assert answer.status != 503 or answer.headers["Retry-After"], told
                    self.refused[told["code"]] += 1
            except (aiohttp.ClientError, ConnectionError):
                self.resent += 1
            await asyncio.sleep(PAUSE_SECONDS)
