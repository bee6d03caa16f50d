"""``/v2/oneliner/audit``: who did what to which, and when."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from oneliner.app import audit
from oneliner.app.ports import AuditFilter, Page
from oneliner.domain.audit import Action, Target
from oneliner.domain.errors import Forbidden
from oneliner.domain.times import time_from
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer
from oneliner.web.answer_schemas import Listed
from oneliner.web.call import Incoming
from oneliner.web.care_schemas import AuditAnswer
from oneliner.web.description import described
from oneliner.web.parameters import Before, Limit, Text, Time
from oneliner.web.routing import Endpoint

router = APIRouter(prefix="/v2/oneliner/audit", tags=["data care"], route_class=Endpoint)

_Id = Annotated[Text | None, Query(max_length=300)]


@router.get(
    "",
    response_model=Listed[AuditAnswer],
    operation_id="listAudit",
    summary="Read the audit log, newest first (administrators)",
    openapi_extra=described(refuses=(Forbidden,)),
)
async def list_audit(
    call: Incoming,
    limit: Limit = 50,
    before: Before = None,
    actor: _Id = None,
    action: Action | None = None,
    target: Target | None = None,
    target_id: _Id = None,
    since: Time = None,
    until: Time = None,
) -> Response:
    """Who did what to which, and when; an empty actor is the server itself. Every filter narrows."""
    only = AuditFilter(
        actor,
        action,
        target,
        target_id,
        None if since is None else time_from(since, "since"),
        None if until is None else time_from(until, "until"),
    )
    found = await call.read(lambda tx: audit.page(tx, call.caller, Page(limit + 1, before), only))
    shown, cursor = shapes.page_of(found, limit, lambda e: e.id)
    return JsonAnswer(shapes.listed([shapes.audit_to_json(e) for e in shown], cursor))
