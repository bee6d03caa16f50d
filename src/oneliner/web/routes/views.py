"""``/v2/oneliner/views``: filters of the list of runs that the caller has named."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from oneliner.app import saved_views
from oneliner.domain.errors import NotFound
from oneliner.domain.saved_view import MAX_NAME_CHARS
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer, no_content
from oneliner.web.answer_schemas import Listed, ViewAnswer
from oneliner.web.call import Incoming
from oneliner.web.description import described
from oneliner.web.parameters import Text
from oneliner.web.routing import Endpoint
from oneliner.web.schemas import ViewRequest

router = APIRouter(prefix="/v2/oneliner/views", tags=["users"], route_class=Endpoint)


@router.get(
    "",
    response_model=Listed[ViewAnswer],
    operation_id="listViews",
    summary="List the caller's saved views",
    openapi_extra=described(),
)
async def list_views(call: Incoming) -> Response:
    """All of them, in the order in which they were first saved. They are the caller's alone."""
    found = await call.read(lambda tx: saved_views.of_caller(tx, call.caller))
    return JsonAnswer(shapes.listed([shapes.view_to_json(view) for view in found]))


@router.put(
    "",
    response_model=ViewAnswer,
    operation_id="putView",
    summary="Save a view of the list of runs",
    openapi_extra=described(ViewRequest),
)
async def put_view(call: Incoming) -> Response:
    """In place of what had that name. At most 50 are kept; one more is refused (422)."""
    body = await call.body(ViewRequest)
    written = await call.write(lambda tx: saved_views.put(tx, call.caller, body.name, body.query))
    return JsonAnswer(shapes.view_to_json(written))


@router.delete(
    "",
    status_code=204,
    operation_id="removeView",
    summary="Remove a saved view",
    openapi_extra=described(refuses=(NotFound,)),
)
async def remove_view(
    call: Incoming,
    name: Annotated[Text, Query(min_length=1, max_length=MAX_NAME_CHARS, description="The name of the view.")],
) -> Response:
    """One of the caller's."""
    await call.write(lambda tx: saved_views.remove(tx, call.caller, name))
    return no_content()
