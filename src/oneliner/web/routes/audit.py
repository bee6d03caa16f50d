"""Who did what to which, and when: all of it, and what was done to one run."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from oneliner.app import audit, run_audit
from oneliner.app.ports import AuditFilter, Page
from oneliner.domain.audit import Action, Target
from oneliner.domain.errors import Forbidden, NotFound
from oneliner.domain.times import time_from
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer
from oneliner.web.answer_schemas import Listed
from oneliner.web.call import Incoming
from oneliner.web.care_schemas import AuditAnswer
from oneliner.web.description import described
from oneliner.web.parameters import Before, Limit, RunId, Text, Time
from oneliner.web.routing import Endpoint

router = APIRouter(prefix="/v2/oneliner", tags=["data care"], route_class=Endpoint)

_Id = Annotated[Text | None, Query(max_length=300)]


@router.get(
    "/audit",
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
    return _listed(found, limit)


@router.get(
    "/runs/{run_id}/audit",
    response_model=Listed[AuditAnswer],
    operation_id="listRunAudit",
    summary="List who did what to a run, newest first",
    openapi_extra=described(refuses=(NotFound,)),
)
async def list_run_audit(call: Incoming, run_id: RunId, limit: Limit = 50, before: Before = None) -> Response:
    """What was done to the run and to its session, to the rules it is under until its end, and exports of its user."""
    part = Page(limit + 1, before)
    found = await call.read(lambda tx: run_audit.of_run(tx, call.caller, run_id, part))
    return _listed(found, limit)


def _listed(found: list[audit.Line], limit: int) -> Response:
    shown, cursor = shapes.page_of(found, limit, lambda line: line.entry.id)
    return JsonAnswer(shapes.listed([shapes.audit_to_json(line) for line in shown], cursor))
