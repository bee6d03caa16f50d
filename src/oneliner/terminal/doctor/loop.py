"""The loop over HTTP: is the server there, who are we, and one whole run from its message to its deletion."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oneliner.client.trouble import Refused, Unreachable
from oneliner.terminal.doctor import judging
from oneliner.terminal.doctor.judging import Fault
from oneliner.terminal.doctor.probes import Found

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneliner.terminal.api import Api

MESSAGE = "Reply with the one word: ready."
_LIVE = frozenset({"message.delta", "message.snapshot"})
_PAGE = 100


@dataclass(slots=True)
class Loop:
    """One walk around the loop of the server behind *api*; a run may take *run_seconds*."""

    api: Api
    run_seconds: float
    has_broker: bool = False
    run_id: str = ""
    session_id: str = ""
    _messages: list[Mapping[str, Any]] = field(default_factory=list["Mapping[str, Any]"])

    async def server(self) -> str:
        """Whether a OneLiner server answers, and is ready."""
        try:
            status, health = await self.api.look("/healthz")
            _, ready = await self.api.look("/readyz")
        except Unreachable as error:
            raise Found(_no_server(self.api.base_url, str(error))) from error
        if not isinstance(health, dict) or "status" not in health or not isinstance(ready, dict):
            raise Found(_no_server(self.api.base_url, f"/healthz answers {status} with something else"))
        _raise(judging.of_readiness(ready["parts"]))
        return self.api.base_url

    async def auth(self) -> str:
        """Whether the token is accepted, and whose it is."""
        me = await self._get("/v2/oneliner/me")
        if me["user"]["status"] != "approved":
            raise Found(judging.of_refusal(403, "user_not_approved", f"the user is {me['user']['status']}"))
        return f"{me['user']['id']} ({me['role']}), model {me['default_model']}"

    async def enqueue(self) -> str:
        """A first message without a session opens one, and its run is accepted."""
        try:
            accepted = await self.api.post("/v1/agent/runs", {"message": MESSAGE})
        except Refused as error:
            raise Found(judging.of_refusal(error.status, error.code, str(error))) from error
        self.run_id, self.session_id = accepted["run_id"], accepted["session_id"]
        if not accepted["created"]:
            raise Found(Fault("a message without a session opened none", "report this; keep the run's id"))
        return f"run {self.run_id} in session {self.session_id}"

    async def events(self) -> str:
        """The run's events over SSE, to its end."""
        told: list[Mapping[str, Any]] = []
        pieces = 0
        try:
            async with asyncio.timeout(self.run_seconds):
                async for frame in self.api.events(self.run_id):
                    if frame["type"] in _LIVE:
                        pieces += 1
                    else:
                        told.append(frame)
                        if frame["type"] in {"run.blocked", "run.failed"}:
                            break
        except TimeoutError:
            # Judged by how the run stands.
            pass
        run = await self._get(f"/v2/oneliner/runs/{self.run_id}")
        fault = judging.of_run(run, self.run_seconds, has_broker=self.has_broker)
        if fault is not None:
            last = next((e for e in reversed(told) if e["type"] == "run.failed"), None)
            kind = (last or {}).get("details", {}).get("kind")
            raise Found(judging.of_model_failure(kind, _error_of(run)) if kind else fault)
        _raise(judging.of_events(told))
        return f"{len(told)} events in order, {pieces} pieces of text"

    async def rows(self) -> str:
        """What was said is stored."""
        page = await self._get(f"/v1/agent/sessions/{self.session_id}/messages", limit=_PAGE)
        self._messages = page["items"]
        _raise(judging.of_rows(self._messages, self.run_id, MESSAGE))
        return f"{len(self._messages)} messages"

    async def totals(self) -> str:
        """The totals are the sums."""
        session = await self._get(f"/v1/agent/sessions/{self.session_id}")
        _raise(judging.of_totals(session, self._messages))
        return f"{session['total_tokens']} tokens, {session['total_cost'] or 'unknown'} USD"

    async def delete(self) -> str:
        """A deleted session is gone with its messages and runs."""
        await self.api.delete(f"/v1/agent/sessions/{self.session_id}")
        places = {
            "session": f"/v1/agent/sessions/{self.session_id}",
            "messages": f"/v1/agent/sessions/{self.session_id}/messages",
            "run": f"/v2/oneliner/runs/{self.run_id}",
        }
        statuses = {name: await self._status(path) for name, path in places.items()}
        _raise(judging.of_deletion(statuses))
        return "session, messages and run are gone"

    async def _status(self, path: str) -> int:
        try:
            await self.api.get(path)
        except Refused as error:
            return error.status
        return 200

    async def _get(self, path: str, **query: object) -> Any:
        try:
            return await self.api.get(path, **query)
        except Refused as error:
            raise Found(judging.of_refusal(error.status, error.code, str(error))) from error


def _raise(fault: Fault | None) -> None:
    if fault is not None:
        raise Found(fault)


def _error_of(run: Mapping[str, Any]) -> str:
    return str((run.get("result") or {}).get("error", "")) or str(run["reason"])


def _no_server(url: str, said: str) -> Fault:
    return Fault(
        f"no OneLiner server answers at {url} ({said})", "start `oneliner serve`, or check the address", "server"
    )
