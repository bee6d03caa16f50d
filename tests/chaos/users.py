"""Users of a campaign: each begins runs of every kind, answers whatever waits for a person, and changes his mind.

What he does is drawn from his own dice, so that a seed says what is asked for. Each request carries an idempotency key
and is sent until it is answered (see ``tests.e2e.people``).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from tests.chaos.conversation import KINDS, STEPS
from tests.e2e.people import OPEN, Person

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import aiohttp

    from tests.chaos.deployment import Deployment

WEIGHTS = (4, 8, 2, 2, 1)
PROJECTS = ("", "p1", "p2")


class User(Person):
    """*wants* is how many runs he begins in all, *at_once* how many of them may be open at a time; ``may_begin`` of them
    may have begun by now.
    """

    asks_again_on: ClassVar[frozenset[int]] = frozenset({503})

    def __init__(
        self,
        deployment: Deployment,
        http: aiohttp.ClientSession,
        token: str,
        on_start: Callable[[str], None],
        dice: random.Random,
        *,
        number: int,
        wants: int,
        at_once: int,
        effects: Path,
    ) -> None:
        super().__init__(deployment, http, token, effects, on_start)
        self._world = deployment
        self._dice = dice
        self._first = number * 100_000
        self._begun = 0
        self._wants = wants
        self.may_begin = 0
        self._at_once = at_once
        self._sessions: list[tuple[str, str]] = []
        self.deleted: set[str] = set()
        #: By the id of the tool call: how often it was said to be run again.
        self.run_again: dict[str, int] = {}

    @property
    def has_begun_all(self) -> bool:
        return self._begun >= self._wants

    def allow(self, part: float) -> None:
        """Let him begin so much of what he wants."""
        self.may_begin = math.ceil(self._wants * part)

    async def look_once(self) -> list[Mapping[str, Any]]:
        """The runs that had not ended, after something was done for each that waits for a person."""
        query = "&".join(f"status={status}" for status in OPEN)
        found = await self._request("GET", f"/v2/oneliner/runs?limit=100&{query}", None, "")
        for run in found["items"]:
            await self._help(run)
        while self._begun < min(self._wants, self.may_begin) and len(found["items"]) < self._at_once:
            found["items"].append(await self._begin_one())
        return found["items"]

    async def _begin_one(self) -> Mapping[str, Any]:
        self._begun += 1
        number = self._first + self._begun
        kind = self._dice.choices(KINDS, WEIGHTS)[0]
        is_chat = self._dice.random() < 0.6
        project_id = PROJECTS[number % len(PROJECTS)]
        # A handoff joins sessions of its own project alone.
        fit = [s for s, of_project in self._sessions if is_chat or of_project == project_id]
        joins = {"session_id": self._dice.choice(fit)} if fit and self._dice.random() < 0.5 else {}
        said = f"{kind} {number}"
        if is_chat:
            path, body = "/v1/agent/runs", {"message": said, **joins}
        else:
            draft = self._dice.random() < 0.4
            plan: dict[str, Any] = {"goal": said, **({"draft": True} if draft else {"steps": list(STEPS)})}
            page = {"title": said, "source_screen": "home", "source_action_key": "go", "plan_request": plan}
            path, body = "/v2/oneliner/runs", {**page, "project_id": project_id, **joins}
        begun = await self._request("POST", path, body, f"begin-{number}")
        run_id, session_id = begun.get("run_id") or begun["id"], str(begun["session_id"])
        self.run_ids.append(run_id)
        if not joins:
            self._sessions = [*self._sessions[-5:], (session_id, "" if is_chat else project_id)]
        self._on_start(run_id)
        await self._change_his_mind(run_id, session_id)
        return begun

    async def _change_his_mind(self, run_id: str, session_id: str) -> None:
        drawn = self._dice.random()
        if drawn < 0.08:
            await self._request("POST", f"/v2/oneliner/runs/{run_id}/cancel", {}, f"{run_id}-cancel", or_told={409})
            self.answers["cancelled"] += 1
        elif drawn < 0.12:
            self._sessions = [s for s in self._sessions if s[0] != session_id]
            self.deleted.add(session_id)
            # Deleted by a request whose answer was lost, it is not there any more.
            await self._request("DELETE", f"/v1/agent/sessions/{session_id}", None, "", or_told={404})
            self.answers["deleted"] += 1

    async def _help(self, run: Mapping[str, Any]) -> None:
        path, key = f"/v2/oneliner/runs/{run['id']}", f"{run['id']}-{run['last_seq']}"
        match run["run_status"]:
            case "needs_confirmation":
                await self._request("POST", f"{path}/confirm", {"plan_rev": run["plan"]["rev"]}, key)
                self.answers["confirmed"] += 1
            case "blocked" if run["reason"] == "needs_answer":
                await self._request("POST", f"{path}/resume", {"answer": {"answer": "that one"}}, key)
                self.answers["answered"] += 1
            case "blocked":
                decision = self._decide(run)
                await self._request("POST", f"{path}/resume", {"answer": {"decision": decision}}, key)
                self.answers[decision] += 1
            case "failed":
                assert run["reason"] in {"worker_lost", "model_error", "model_refused"}, run
                await self._request("POST", f"{path}/retry", {}, key)
                self.answers[f"retried {run['reason']}"] += 1
            case _:
                pass

    def _decide(self, run: Mapping[str, Any]) -> str:
        """Look whether the effects are there, as a person would."""
        calls = run["blocked"]["calls"]
        assert {call["name"] for call in calls} == {"once"}, "others could have been done again unasked"
        if all(self._world.effects.has("once", call["id"]) for call in calls):
            return "treat_as_done"
        for call in calls:
            self.run_again[call["id"]] = self.run_again.get(call["id"], 0) + 1
        return "run_again"
