"""What runs are writing, kept in Redis for processes that come in the middle.

A key for each run holds whose message it is, in one line, and then its text so far. Pieces are put at their byte offset, so that putting
one twice changes nothing, and one that is missing leaves NULs, which no text holds: so whoever reads the key knows
whether it is whole.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from oneliner.app.ports import Delta

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneliner.adapters.redis_bus.entries import Names

LIFE_SECONDS = 600
_SEPARATOR = b"\n"


class Texts:
    """Knows how far each text has come in Redis, in characters and in bytes."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._ends: dict[str, tuple[str, int, int]] = {}

    def put(self, pipe: Any, delta: Delta) -> bool:
        """Have *pipe* store a piece; False, and nothing is stored, when what is before it is missing there."""
        data = delta.text.encode(errors="replace")
        key = self._names.text_of(delta.run_id)
        header = orjson.dumps([delta.session_id, delta.user_id, delta.project_id, delta.message_id]) + _SEPARATOR
        if delta.offset == 0:
            pipe.set(key, header + data, ex=LIFE_SECONDS)
            self._ends[delta.run_id] = (delta.message_id, len(delta.text), len(header) + len(data))
            return True
        message_id, chars, end = self._ends.get(delta.run_id, ("", -1, 0))
        if message_id != delta.message_id or chars != delta.offset:
            return False
        pipe.setrange(key, end, data)
        self._ends[delta.run_id] = (message_id, chars + len(delta.text), end + len(data))
        return True

    def drop(self, pipe: Any, run_id: str) -> None:
        """Have *pipe* forget what a run was writing."""
        self._ends.pop(run_id, None)
        pipe.delete(self._names.text_of(run_id))

    def forget(self, run_ids: Iterable[str]) -> None:
        """Know nothing of *run_ids* any more: what was sent may not have arrived."""
        for run_id in run_ids:
            self._ends.pop(run_id, None)


def whole_from(run_id: str, value: bytes | None) -> Delta | None:
    """All of the message that *run_id* is writing, from its key's *value*; None when some or all of it is missing."""
    if not value or b"\0" in value:
        return None
    header, _, data = value.partition(_SEPARATOR)
    session_id, user_id, project_id, message_id = orjson.loads(header)
    return Delta(run_id, session_id, user_id, project_id, message_id, 0, data.decode())
