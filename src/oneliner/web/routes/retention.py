"""``/v2/oneliner/retention``: for how long the sessions of projects are kept."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from oneliner.app import retention
from oneliner.app.ports import Page
from oneliner.domain.errors import Forbidden, NotFound
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer, no_content
from oneliner.web.answer_schemas import Listed
from oneliner.web.call import Incoming
from oneliner.web.care_schemas import RetentionAnswer
from oneliner.web.description import described
from oneliner.web.parameters import Before, Limit, Text
from oneliner.web.routing import Endpoint
from oneliner.web.schemas import RetentionRequest

router = APIRouter(prefix="/v2/oneliner/retention", tags=["data care"], route_class=Endpoint)


@router.get(
    "",
    response_model=Listed[RetentionAnswer],
    operation_id="listRetention",
    summary="List the retention rules by project (administrators)",
    openapi_extra=described(refuses=(Forbidden,)),
)
async def list_retention(call: Incoming, limit: Limit = 50, before: Before = None) -> Response:
    """Projects without a rule keep their sessions for good."""
    found = await call.read(lambda tx: retention.page(tx, call.caller, Page(limit + 1, before)))
    shown, cursor = shapes.page_of(found, limit, lambda r: r.project_id)
    return JsonAnswer(shapes.listed([shapes.retention_to_json(r) for r in shown], cursor))


@router.put(
    "",
    response_model=RetentionAnswer,
    operation_id="putRetention",
    summary="Say for how long the sessions of a project are kept (administrators)",
    openapi_extra=described(RetentionRequest, refuses=(Forbidden,)),
)
async def put_retention(call: Incoming) -> Response:
    """Sessions in which nothing happened for so many days, and in which nothing is under way, are deleted."""
    body = await call.body(RetentionRequest)
    written = await call.write(lambda tx: retention.put(tx, call.caller, body.project_id, body.keep_days))
    return JsonAnswer(shapes.retention_to_json(written))


@router.delete(
    "",
    status_code=204,
    operation_id="removeRetention",
    summary="Keep the sessions of a project for good (administrators)",
    openapi_extra=described(refuses=(Forbidden, NotFound)),
)
async def remove_retention(
    call: Incoming,
    project_id: Annotated[Text, Query(max_length=128, description="The project; empty: without a project.")] = "",
) -> Response:
    """What was deleted already stays deleted."""
    await call.write(lambda tx: retention.remove(tx, call.caller, project_id))
    return no_content()
