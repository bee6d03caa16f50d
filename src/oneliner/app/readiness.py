"""Whether this process can do its job, part by part.

A part that is needed and not there makes the process not ready; one that is only useful is told and changes nothing. An
answer is kept for a moment, and everybody who asks meanwhile gets the same one: how often somebody asks costs the parts
nothing. A part that takes long to ask is asked again in the background while its last answer still counts.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.domain.errors import StorageFull, Unavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from oneliner.app.ports import Database

OK = "ok"
LONGEST_LOOK_SECONDS = 5.0
#: No run is ever in it.
_OWN_LANE = "readiness"


@dataclass(frozen=True, slots=True)
class Part:
    """Some parts that are looked at together: *look* says of each ``ok`` or what is wrong with it.

    *fresh_seconds*: for so long nobody looks again. *usable_seconds*: for so long the last answer is given while somebody
    looks again.
    """

    names: tuple[str, ...]
    look: Callable[[], Awaitable[Mapping[str, str]]]
    is_needed: bool = True
    fresh_seconds: float = 1.0
    usable_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """What each part said, and whether those that are needed are there."""

    parts: Mapping[str, str]
    ready: bool


class _Kept:
    """A part, with the last answer and who is getting the next."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self._said: Mapping[str, str] = {}
        self._said_at = float("-inf")
        self._looking: asyncio.Task[None] | None = None

    async def said(self) -> Mapping[str, str]:
        loop = asyncio.get_running_loop()
        if loop.time() - self._said_at > self.part.fresh_seconds and self._looking is None:
            self._looking = loop.create_task(self._look())
        if self._looking is not None and loop.time() - self._said_at > self.part.usable_seconds:
            await asyncio.shield(self._looking)
        return self._said

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(LONGEST_LOOK_SECONDS):
                self._said = await self.part.look()
        except TimeoutError:
            said = f"gave no answer within {LONGEST_LOOK_SECONDS:g} seconds"
            self._said = dict.fromkeys(self.part.names, said)
        finally:
            self._said_at = asyncio.get_running_loop().time()
            self._looking = None


def database_part(database: Database) -> Part:
    """Whether the database takes what is written, and has room for it."""

    async def look() -> Mapping[str, str]:
        try:
            # A row is written, for a disk that is full shows itself in nothing less.
            await database.write(lambda tx: tx.lanes.lock(_OWN_LANE))
        except StorageFull as error:
            return {"database": OK, "storage": error.message}
        except Unavailable as error:
            return {"database": error.message, "storage": OK}
        return {"database": OK, "storage": OK}

    return Part(("database", "storage"), look, usable_seconds=2.0)


class Readiness:
    """The parts of a process, and how they are."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = [_Kept(part) for part in parts]

    async def report(self) -> Report:
        """How all parts are now, or were a moment ago."""
        answers = await asyncio.gather(*(kept.said() for kept in self._parts))
        needed = [answer for kept, answer in zip(self._parts, answers, strict=True) if kept.part.is_needed]
        ready = all(said == OK for answer in needed for said in answer.values())
        return Report({name: said for answer in answers for name, said in answer.items()}, ready)

    async def close(self) -> None:
        """Look no more."""
        for kept in self._parts:
            await kept.close()
