"""The text of a model call while it is being written: told as it comes, kept until it is settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.app.ports import Delta
from oneliner.domain.event import EventType

if TYPE_CHECKING:
    from oneliner.app.ports import Bus
    from oneliner.domain.run import Run

#: After these nobody is writing a message of the run any more.
SILENCING = frozenset(
    {
        EventType.MESSAGE_COMPLETED,
        EventType.MESSAGE_INTERRUPTED,
        EventType.RUN_COMPLETED,
        EventType.RUN_FAILED,
        EventType.RUN_CANCELLED,
        EventType.RUN_BLOCKED,
        EventType.RUN_RECOVERED,
    }
)


class LiveText:
    """Tells the pieces of one message to the bus and remembers them, for the bill of a call that breaks off."""

    __slots__ = ("_bus", "_length", "_parts", "_run", "message_id")

    def __init__(self, bus: Bus, run: Run, message_id: str) -> None:
        self._bus = bus
        self._run = run
        self._parts: list[str] = []
        self._length = 0
        self.message_id = message_id

    def add(self, text: str) -> None:
        """Tell one more piece."""
        run = self._run
        offset = self._length
        self._parts.append(text)
        self._length = offset + len(text)
        self._bus.publish_delta(
            Delta(run.id, run.session_id, run.user_id, run.project_id, self.message_id, offset, text)
        )

    @property
    def text(self) -> str:
        """All of it so far."""
        return "".join(self._parts)
