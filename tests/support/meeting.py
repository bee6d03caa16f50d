"""A move and the end of an answer, so near to each other that either may win, however slow the machine is."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

STEP_SECONDS = 0.01
SCATTER_SECONDS = 0.005
ROUND = 5
"""So many races run at once: more would learn too late who wins."""


class Meeting:
    """Races of a move with an end. Whoever won gives the other a longer start in the races that follow, so that they
    gather where the two meet: how long each takes is the machine's affair and not known here."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._head_start = 0.0
        """Of the move, in seconds; below 0, of the end."""

    async def race(self, gate: asyncio.Event, move: Callable[[], Awaitable[T]]) -> T:
        """Opens the gate the answer waits at and makes the move; what the move gave."""
        head_start = self._head_start + self._dice.uniform(-SCATTER_SECONDS, SCATTER_SECONDS)

        async def end() -> None:
            await asyncio.sleep(max(head_start, 0))
            gate.set()

        async def make() -> T:
            await asyncio.sleep(max(-head_start, 0))
            return await move()

        return (await asyncio.gather(make(), end()))[0]

    def won(self, *, by_move: bool) -> None:
        """To be told after each race."""
        self._head_start += -STEP_SECONDS if by_move else STEP_SECONDS


async def many(races: int, race: Callable[[int], Awaitable[None]]) -> None:
    """The races 0 to *races*, round by round."""
    for first in range(0, races, ROUND):
        await asyncio.gather(*(race(n) for n in range(first, first + ROUND)))
