"""What an endpoint says about itself for the API's description, in one line beside it.

FastAPI sees the parameters and the answer; the body (which is read by hand, see ``body``) and what can be refused are
noted here and put into place by ``openapi``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneliner.web.answer_schemas import DeltaFrame, EventFrame, SnapshotFrame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneliner.domain.errors import OneLinerError
    from oneliner.web.schemas import Body

REFUSES = "x-refuses"
PUBLIC = "x-public"
REFERENCE = "#/components/schemas/{model}"
STREAM = "text/event-stream"


def described(
    takes: type[Body] | None = None,
    *,
    may_be_empty: bool = False,
    refuses: tuple[type[OneLinerError], ...] = (),
    public: bool = False,
) -> dict[str, Any]:
    """The ``openapi_extra`` of an endpoint: its body, and what it refuses beside what every endpoint does."""
    extra: dict[str, Any] = {REFUSES: [error.code for error in refuses], PUBLIC: public}
    if takes is not None:
        schema = {"$ref": REFERENCE.format(model=takes.__name__)}
        extra["requestBody"] = {"required": not may_be_empty, "content": {"application/json": {"schema": schema}}}
    return extra


def downloads(media_types: Iterable[str]) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of an endpoint that answers a file."""
    content = {media_type.partition(";")[0]: {"schema": {"type": "string"}} for media_type in media_types}
    return {200: {"description": "The export, as a file", "content": content}}


def streams(*, beside_json: bool = False) -> dict[int | str, dict[str, Any]]:
    """The ``responses`` of an endpoint that streams."""
    frames = [{"$ref": REFERENCE.format(model=m.__name__)} for m in (EventFrame, DeltaFrame, SnapshotFrame)]
    content = {
        STREAM: {
            "schema": {
                "type": "string",
                "description": "Server-sent events; the `data` of each is one JSON object, see `itemSchema`. "
                "Durable events carry an `id` to resume from; `message.delta` and `message.snapshot` do not.",
            },
            "itemSchema": {
                "type": "object",
                "properties": {
                    "id": {"type": "string"},
                    "data": {
                        "type": "string",
                        "contentMediaType": "application/json",
                        "contentSchema": {"anyOf": frames},
                    },
                },
                "required": ["data"],
            },
        }
    }
    described_as = "A page of events, or the stream of them" if beside_json else "The stream of events"
    return {
        200: {"description": described_as, "content": content},
        204: {"description": "The run has ended, and there is nothing newer than the cursor"},
    }
