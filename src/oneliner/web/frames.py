"""Server-sent events as bytes. Every frame is one JSON object on one line; LF only.

``id:`` stands on durable events alone, so a reader that resumes never asks for what was never stored. Comments and
``retry:`` come without an empty line after them: an empty line is always the end of a frame with data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from oneliner.domain.times import rfc3339

if TYPE_CHECKING:
    from oneliner.app.ports import Delta, Snapshot
    from oneliner.domain.event import RunEvent

DELTA = "message.delta"
SNAPSHOT = "message.snapshot"
BEGIN = b"retry: 1000\n: open\n"
HEARTBEAT = b": alive\n"


def event_frame(event: RunEvent, cursor: int) -> bytes:
    """A durable event; *cursor* is where to resume after it."""
    data = orjson.dumps(
        {
            "type": event.event_type,
            "seq": event.seq,
            "run_id": event.run_id,
            "session_id": event.session_id,
            "at": rfc3339(event.created_at),
            "summary": event.summary,
            "details": event.details,
        }
    )
    return b"id: %d\ndata: %b\n\n" % (cursor, data)


def delta_frame(delta: Delta) -> bytes:
    """A piece of text; live only."""
    data = orjson.dumps(
        {
            "type": DELTA,
            "run_id": delta.run_id,
            "session_id": delta.session_id,
            "message_id": delta.message_id,
            "offset": delta.offset,
            "text": delta.text,
        }
    )
    return b"data: %b\n\n" % data


def snapshot_frame(snapshot: Snapshot) -> bytes:
    """All of a message up to now; live only."""
    data = orjson.dumps(
        {
            "type": SNAPSHOT,
            "run_id": snapshot.run_id,
            "session_id": snapshot.session_id,
            "message_id": snapshot.message_id,
            "text": snapshot.text,
        }
    )
    return b"data: %b\n\n" % data
