"""What stands in a stream: batches of frames, compact, each process's own marked as its own.

An entry is JSON: arrays whose first item says what they are. Names of streams and keys are here too, so that writer
and reader cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from zlib import crc32

import orjson

from oneliner.app.ports import Delta
from oneliner.domain.event import RunEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARDS = 8
_DELTA, _WHOLE, _EVENT, _INTERRUPT = "d", "w", "e", "i"


@dataclass(frozen=True, slots=True)
class Whole:
    """All of a message up to now: ``delta`` begins at its beginning. Told when pieces of it were lost."""

    delta: Delta


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Whoever executes ``run_id`` should look at it now."""

    run_id: str


Frame: TypeAlias = "RunEvent | Delta | Whole | Interrupt"


@dataclass(frozen=True, slots=True)
class Names:
    """The names of streams and keys under one prefix."""

    prefix: str

    @property
    def interrupts(self) -> str:
        """The stream that workers read."""
        return f"{self.prefix}:interrupts"

    @property
    def shards(self) -> list[str]:
        """The streams that API processes read."""
        return [f"{self.prefix}:bus:{n}" for n in range(SHARDS)]

    def stream_of(self, frame: Frame) -> str:
        """Where *frame* goes. All of a user's runs share a stream, so that their order is kept for him."""
        match frame:
            case Interrupt():
                return self.interrupts
            case Whole(delta=delta):
                user_id = delta.user_id
            case _:
                user_id = frame.user_id
        return f"{self.prefix}:bus:{crc32(user_id.encode()) % SHARDS}"

    def text_of(self, run_id: str) -> str:
        """The key that holds what a run is writing."""
        return f"{self.prefix}:text:{run_id}"


def encode(frames: Sequence[Frame]) -> bytes:
    """*frames* as the body of one entry."""
    return orjson.dumps([_to_json(frame) for frame in frames])


def decode(body: bytes) -> list[Frame]:
    """The frames of an entry, without those of a kind that this version does not know."""
    return [frame for data in orjson.loads(body) if (frame := _from_json(data)) is not None]


def _to_json(frame: Frame) -> list[Any]:
    match frame:
        case Delta():
            return [_DELTA, *_delta_fields(frame)]
        case Whole(delta=delta):
            return [_WHOLE, *_delta_fields(delta)]
        case Interrupt(run_id=run_id):
            return [_INTERRUPT, run_id]
        case RunEvent() as e:
            scope = [e.id, e.run_id, e.session_id, e.user_id, e.project_id]
            return [_EVENT, *scope, e.seq, e.owner_seq, e.event_type, e.summary, e.details, e.created_at]


def _delta_fields(delta: Delta) -> list[Any]:
    d = delta
    return [d.run_id, d.session_id, d.user_id, d.project_id, d.message_id, d.offset, d.text]


def _from_json(data: list[Any]) -> Frame | None:
    match data:
        case [str() as kind, *fields] if kind == _DELTA:
            return Delta(*fields)
        case [str() as kind, *fields] if kind == _WHOLE:
            return Whole(Delta(*fields))
        case [str() as kind, *fields] if kind == _EVENT:
            return RunEvent(*fields)
        case [str() as kind, str(run_id)] if kind == _INTERRUPT:
            return Interrupt(run_id)
        case _:
            return None
