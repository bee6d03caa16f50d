"""What tells workers and readers: the queue and the bus. Nothing is true because it was told here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from oneliner.domain.event import RunEvent


class Queue(Protocol):
    """Hands runs to workers. A message is a hint to look; losing or doubling one is harmless."""

    def wake(self, run_id: str) -> None:
        """Have some worker look at *run_id* soon. Never waits and never raises."""
        ...

    def interrupt(self, run_id: str) -> None:
        """Have whoever executes *run_id* look at it now: it was cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a message being written: *text* stands at *offset* (characters) of message *message_id*."""

    run_id: str
    session_id: str
    user_id: str
    project_id: str
    message_id: str
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of a message that is being written, up to now: what a reader needs who comes in the middle."""

    run_id: str
    session_id: str
    message_id: str
    text: str
    project_id: str = ""


Frame = "RunEvent | Delta | Snapshot"


class Subscription(Protocol):
    """One reader's place on the bus. Reading never waits for a slow reader's sake: one that falls behind gets a
    snapshot instead of the deltas it missed; events it missed are in the database (``missed_events``).
    """

    def frames(self) -> AsyncIterator[Sequence[RunEvent | Delta | Snapshot]]:
        """What happens, in batches as they come; an empty batch every heartbeat."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class Bus(Protocol):
    """Tells readers what happens. A publisher never waits for it, and nothing is true because it was told."""

    def publish_events(self, events: Sequence[RunEvent]) -> None:
        """Tell committed events."""
        ...

    def publish_delta(self, delta: Delta) -> None:
        """Tell a piece of text."""
        ...

    def follow_run(self, run_id: str, *, heartbeat_seconds: float) -> Subscription:
        """Listen to one run; begins with a snapshot when a message is being written."""
        ...

    def follow_user(self, user_id: str, *, heartbeat_seconds: float) -> Subscription:
        """Listen to all runs of a user."""
        ...
