"""JSON answers, with as little work per answer as there can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Iterable


class JsonAnswer(Response):
    """*data* as JSON (bytes are JSON already), never stored by anybody on the way."""

    media_type = "application/json"

    def __init__(self, data: object, status: int = 200, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        # Without the base class's constructor, which builds its headers one by one from text.
        self.status_code = status
        self.background = None
        self.body = data if isinstance(data, bytes) else orjson.dumps(data)
        self.raw_headers = [
            (b"content-type", (self.media_type or "").encode()),
            (b"content-length", b"%d" % len(self.body)),
            (b"cache-control", b"no-store"),
            *headers,
        ]


class ProblemAnswer(JsonAnswer):
    """Problem details (RFC 9457)."""

    media_type = "application/problem+json"


def no_content() -> Response:
    """204: done, and there is nothing to say."""
    return Response(status_code=204)
