"""How long and how much a model may talk before the call is given up.

Time is measured on content: a comment that keeps the connection warm, a byte of a header or an empty delta is not the
model saying something. The watchdog costs one timer for a whole call and one clock reading per network read; a wait
per chunk would cost more than the chunk.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one call. ``line_bytes`` bounds what is buffered before it can be understood."""

    first_token_seconds: float = 60.0
    idle_seconds: float = 30.0
    output_characters: int = 2_000_000
    line_bytes: int = 16 * 1024 * 1024
    tool_calls: int = 128
    settle_seconds: float = 2.0  # for usage figures after the finish reason: worth a wait, not worth a failure


class Watchdog:
    """An async context that raises TimeoutError in its body's place when content stays away too long.

    ``expired`` then says which limit was met, as the end of a sentence. ``first_content_seconds`` passed before content
    came at all; None while there is none.
    """

    __slots__ = (
        "_deadline_settled",
        "_last",
        "_limits",
        "_loop",
        "_scope",
        "_started",
        "_timer",
        "_total",
        "expired",
        "first_content_seconds",
    )

    def __init__(self, limits: Limits, total_seconds: float) -> None:
        self._limits = limits
        self._total = total_seconds
        self._loop = asyncio.get_running_loop()
        self._scope = asyncio.timeout(None)
        self._started = self._loop.time()
        self._last = 0.0
        self._deadline_settled: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.expired = ""
        self.first_content_seconds: float | None = None

    async def __aenter__(self) -> Self:
        await self._scope.__aenter__()
        self._check()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._scope.__aexit__(kind, error, trace)

    def touch(self) -> None:
        """Content has arrived now."""
        now = self._loop.time()
        if not self._last:
            self.first_content_seconds = now - self._started
        self._last = now

    def settle(self, seconds: float) -> None:
        """The answer is whole: wait at most *seconds* more for what may follow it."""
        deadline = self._loop.time() + seconds
        if self._deadline_settled is None or deadline < self._deadline_settled:
            self._deadline_settled = deadline
            if self._timer is not None:
                self._timer.cancel()
            self._check()

    def _next_deadline(self) -> tuple[float, str]:
        limits = self._limits
        if self._last:
            waiting = (self._last + limits.idle_seconds, f"said nothing for {limits.idle_seconds:g} s")
        else:
            seconds = limits.first_token_seconds
            waiting = (self._started + seconds, f"did not begin to answer within {seconds:g} s")
        total = (self._started + self._total, f"was not done within {self._total:g} s")
        return min(waiting, total)

    def _check(self) -> None:
        deadline, why = self._next_deadline()
        if self._deadline_settled is not None and self._deadline_settled < deadline:
            deadline, why = self._deadline_settled, "was done but did not close"
        if self._loop.time() < deadline:
            self._timer = self._loop.call_at(deadline, self._check)
            return
        self.expired = why
        self._scope.reschedule(self._loop.time())
