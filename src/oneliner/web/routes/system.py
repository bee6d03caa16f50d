"""``/v2/oneliner/system``: what this server is made of, for its administrators."""

from fastapi import APIRouter
from starlette.responses import Response

from oneliner.domain.errors import Forbidden
from oneliner.web.answer import JsonAnswer
from oneliner.web.call import Incoming
from oneliner.web.description import described
from oneliner.web.routing import Endpoint
from oneliner.web.system_schemas import SystemAnswer, system_to_json

router = APIRouter(prefix="/v2/oneliner/system", tags=["operations"], route_class=Endpoint)


@router.get(
    "",
    response_model=SystemAnswer,
    operation_id="getSystem",
    summary="Read what this server is made of (administrators)",
    openapi_extra=described(refuses=(Forbidden,)),
)
async def get_system(call: Incoming) -> Response:
    """Its version, parts, models, tools and effective settings, as the process sees them that answers. No secret is in
    it.
    """
    await call.read(lambda _: call.caller.check_admin())
    return JsonAnswer(system_to_json(call.services, await call.services.is_ready()))
