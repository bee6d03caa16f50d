"""``/v2/oneliner/executors``: who can carry out work."""

from fastapi import APIRouter
from starlette.responses import Response

from oneliner.app.staff import Staff
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer
from oneliner.web.answer_schemas import Listed
from oneliner.web.call import Incoming
from oneliner.web.description import described
from oneliner.web.executor_schemas import ExecutorAnswer, executor_to_json
from oneliner.web.routing import Endpoint

router = APIRouter(prefix="/v2/oneliner/executors", tags=["executors"], route_class=Endpoint)


@router.get(
    "",
    response_model=Listed[ExecutorAnswer],
    operation_id="listExecutors",
    summary="List who can carry out work",
    openapi_extra=described(),
)
async def list_executors(call: Incoming) -> Response:
    """The main agent first, then the specialists of this deployment, with the tools that each has at the moment."""
    services = call.services
    staff = await call.read(lambda _: Staff(services.roster, services.models, services.tools.specs()))
    return JsonAnswer(shapes.listed([executor_to_json(one, staff) for one in services.roster]))
