"""The kinds of path and query parameters, checked alike on every route."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, WithJsonSchema

from oneliner.domain.errors import NotFound
from oneliner.domain.text import is_clean

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ID_CHARS = 128
MAX_CURSOR_CHARS = 300
MAX_LIMIT = 100
MAX_SEQ = 2**53

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _id_of(kind: str) -> Callable[[str], str]:
    def checked(value: str) -> str:
        # What is no id at all is answered like an id that nobody has.
        if _UUID.fullmatch(value) is None:
            raise NotFound(kind, value[:MAX_ID_CHARS])
        return value

    return checked


def storable(text: str) -> str:
    """*text* when every database stores it. Raises ValueError."""
    if not is_clean(text):
        raise ValueError("text must hold no NUL and no lone surrogate")
    return text


_UUID_SCHEMA = WithJsonSchema({"type": "string", "format": "uuid"})
RunId = Annotated[str, AfterValidator(_id_of("run")), _UUID_SCHEMA, Path(description="The id of a run.")]
SessionId = Annotated[str, AfterValidator(_id_of("session")), _UUID_SCHEMA, Path(description="The id of a session.")]
ScheduleId = Annotated[str, AfterValidator(_id_of("schedule")), _UUID_SCHEMA, Path(description="The id of a schedule.")]
WebhookId = Annotated[
    str, AfterValidator(_id_of("webhook endpoint")), _UUID_SCHEMA, Path(description="The id of a webhook endpoint.")
]
DeliveryId = Annotated[str, AfterValidator(_id_of("delivery")), _UUID_SCHEMA, Path(description="The id of a delivery.")]
DocumentId = Annotated[str, AfterValidator(_id_of("document")), _UUID_SCHEMA, Path(description="The id of a document.")]
UserId = Annotated[str, AfterValidator(storable), Path(max_length=MAX_ID_CHARS, description="The id of a user.")]

Text = Annotated[str, AfterValidator(storable)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most this many items.")]
Before = Annotated[
    Text | None, Query(max_length=MAX_CURSOR_CHARS, description="The `next_cursor` of the page before this one.")
]
Position = Annotated[
    str | None, Query(pattern=r"^[0-9]{1,15}$", description="The `next_cursor` of the page before this one.")
]
ProjectFilter = Annotated[
    Text | None, Query(max_length=MAX_ID_CHARS, description="Only of this project; empty: only without a project.")
]
SearchText = Annotated[Text | None, Query(max_length=200, description="Only what holds this text, in any case.")]
Mine = Annotated[bool, Query(description="Only the caller's own, also for an administrator.")]
Time = Annotated[Text | None, Query(max_length=40, examples=["2026-03-05", "2026-03-05T08:15:30Z"])]
After = Annotated[int, Query(ge=0, le=MAX_SEQ, description="Only events after this one.")]
