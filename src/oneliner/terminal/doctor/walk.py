"""The walk from stage to stage, each within its time, to the first that fails."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from oneliner.client.trouble import Refused, Unreachable
from oneliner.domain.errors import OneLinerError
from oneliner.terminal.api import Api
from oneliner.terminal.doctor import probes
from oneliner.terminal.doctor.judging import STAGES, Fault
from oneliner.terminal.doctor.loop import Loop
from oneliner.terminal.doctor.pages import look_at_pages
from oneliner.terminal.doctor.probes import Found
from oneliner.terminal.reaching import reached

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from oneliner.settings import Settings

#: How long a stage may take that only looks.
STAGE_SECONDS = 15.0
DEFAULT_RUN_SECONDS = 120.0
_LOOK_AGAIN_SECONDS = 0.25
_LOOP = STAGES[STAGES.index("enqueue") :]


class Outcome(StrEnum):
    """How a stage ended."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"


_MARKS = {Outcome.OK: "ok", Outcome.FAILED: "FAILED", Outcome.SKIPPED: "-"}


@dataclass(frozen=True, slots=True)
class Stage:
    """What was seen at one stage; *cause* and *next* only where it failed."""

    name: str
    outcome: Outcome
    seconds: float
    limit_seconds: float
    seen: str = ""
    cause: str = ""
    next: str = ""

    def to_text(self) -> str:
        """The stage as a person reads it."""
        head = f"{self.name:<14} {_MARKS[self.outcome]:<7} {self.seconds:6.2f} s  {self.seen}".rstrip()
        return head if not self.cause else f"{head}\n  why:  {self.cause}\n  next: {self.next}"

    def to_json(self) -> dict[str, object]:
        """The stage as ``--json`` prints it."""
        told = {"stage": self.name, "outcome": str(self.outcome), "seconds": round(self.seconds, 3)}
        return {**told, "limit_seconds": self.limit_seconds, "seen": self.seen, "cause": self.cause, "next": self.next}


class Doctor:
    """A diagnosis. *tell* hears of each stage as it ends; the walk stops at the first that fails."""

    def __init__(self, tell: Callable[[Stage], None], run_seconds: float = DEFAULT_RUN_SECONDS) -> None:
        self._tell = tell
        self._run_seconds = run_seconds
        self.stages: list[Stage] = []

    @property
    def fault(self) -> Stage | None:
        """The stage that failed, or None."""
        return next((s for s in self.stages if s.outcome is Outcome.FAILED), None)

    def look_at_parts(self, settings: Settings, environment: Mapping[str, str]) -> bool:
        """Look at what the settings name, from this machine; whether all is well."""

        async def configuration() -> str:
            return probes.configuration(settings, environment)

        steps: list[tuple[str, Callable[[], Awaitable[str]]]] = [("configuration", configuration)]
        for name in ("database", "migrations", "broker", "worker", "bus", "model"):
            probe = getattr(probes, name)
            steps.append((name, lambda probe=probe: probe(settings)))
        return all(asyncio.run(self._stage(name, work)) for name, work in steps)

    def skip_parts(self) -> None:
        """Leave out what cannot be seen from here: the parts of a server elsewhere, which it tells of itself."""
        for name in STAGES[: STAGES.index("server")]:
            self._end(Stage(name, Outcome.SKIPPED, 0.0, STAGE_SECONDS, "the server's own; not seen from here"))

    async def walk(self, url: str, token: str, *, new_session: bool, has_broker: bool) -> bool:
        """Ask the server; with *new_session* have it carry out a run, in a session that is deleted again."""
        async with Api(url, token, patience_seconds=2.0) as api:
            loop = Loop(api, self._run_seconds, has_broker)
            for name in STAGES[STAGES.index("server") :]:
                if name in _LOOP and not new_session:
                    self._end(Stage(name, Outcome.SKIPPED, 0.0, 0.0, "only with --new-session"))
                elif not await self._stage(name, getattr(loop, name)):
                    return False
        return True

    async def smoke(self, url: str, token: str, *, wait_seconds: float = 0.0) -> bool:
        """Look at a deployment from outside, as its users do: the server (for which it waits, when that was asked for),
        its pages, and a run; whether all is well.
        """
        async with Api(url, token, patience_seconds=2.0) as api:
            loop = Loop(api, self._run_seconds)
            await _until_ready(loop, wait_seconds)
            steps: list[tuple[str, Callable[[], Awaitable[str]]]] = [
                ("server", loop.server),
                ("pages", lambda: look_at_pages(api)),
                *((name, getattr(loop, name)) for name in ("auth", *_LOOP)),
            ]
            for name, work in steps:
                if not await self._stage(name, work):
                    return False
        return True

    def fail(self, name: str, fault: Fault) -> None:
        """Note that the stage *name* could not even begin."""
        self._end(Stage(name, Outcome.FAILED, 0.0, STAGE_SECONDS, "", fault.cause, fault.next))

    async def _stage(self, name: str, work: Callable[[], Awaitable[str]]) -> bool:
        limit = self._run_seconds + STAGE_SECONDS if name == "events" else STAGE_SECONDS
        began = time.monotonic()
        stage = Stage(name, Outcome.OK, 0.0, limit)
        try:
            async with asyncio.timeout(limit):
                seen = await work()
            # What there is none of has nothing to be looked at.
            stage = replace(stage, seen=seen) if seen else replace(stage, outcome=Outcome.SKIPPED, seen="not in use")
        except Found as found:
            fault = found.fault
            stage = _failed(stage, fault)
        except TimeoutError:
            stage = _failed(stage, Fault(f"no answer within {limit:g} seconds", "look whether it is overloaded"))
        except (OneLinerError, Refused, Unreachable) as error:
            stage = _failed(stage, Fault(str(error), "look at the server's log"))
        self._end(replace(stage, seconds=time.monotonic() - began))
        return stage.outcome is not Outcome.FAILED

    def _end(self, stage: Stage) -> None:
        self.stages.append(stage)
        self._tell(stage)


async def _until_ready(loop: Loop, wait_seconds: float) -> None:
    """Give a server that is just starting time to become ready; whether it did, its stage says."""
    with suppress(TimeoutError):
        async with asyncio.timeout(wait_seconds):
            while True:
                with suppress(Found):
                    await loop.server()
                    return
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)


def _failed(stage: Stage, fault: Fault) -> Stage:
    return replace(stage, name=fault.stage or stage.name, outcome=Outcome.FAILED, cause=fault.cause, next=fault.next)


def diagnose(
    settings: Settings,
    environment: Mapping[str, str],
    *,
    server: str | None = None,
    token: str | None = None,
    new_session: bool = False,
    run_seconds: float = DEFAULT_RUN_SECONDS,
    tell: Callable[[Stage], None] = lambda _: None,
) -> list[Stage]:
    """Walk all stages, to the first that fails. Not to be called on an event loop.

    With *server* and *token* it walks that server, and its parts are what it tells of them. Without, it looks at the
    parts that *settings* name, and at the server that runs on their data folder, or at one of its own for as long as it
    takes. Raises Invalid: a server is named without a token.
    """
    doctor = Doctor(tell, run_seconds)
    if server is None:
        if not doctor.look_at_parts(settings, environment):
            return doctor.stages
    else:
        doctor.skip_parts()
    try:
        with reached(settings, server, token, executes=True) as found:
            has_broker = bool(settings.broker_url)
            asyncio.run(doctor.walk(found.url, found.token, new_session=new_session, has_broker=has_broker))
    except OneLinerError as error:
        if server is not None:
            raise
        doctor.fail("server", Fault(f"no server can be started here: {error.message}", "set right what it says"))
    return doctor.stages
