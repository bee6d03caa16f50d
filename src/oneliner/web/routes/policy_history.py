"""What the rules were: versions, differences, bringing one back; and the approvals that stand."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from oneliner.app import policy_history, standing_approvals
from oneliner.app.ports import Page
from oneliner.domain.errors import Forbidden, NotFound, VersionChanged
from oneliner.domain.policy import LayerName
from oneliner.domain.policy_diff import change_to_json
from oneliner.web import policy_shapes, shapes
from oneliner.web.answer import JsonAnswer
from oneliner.web.answer_schemas import LayerAnswer, Listed
from oneliner.web.call import Incoming
from oneliner.web.description import described
from oneliner.web.parameters import Before, Limit, RunId, Text
from oneliner.web.policy_history_schemas import (
    AgainstNowAnswer,
    LayerDiff,
    LayerVersion,
    RestoreRequest,
    StandingApprovalAnswer,
)
from oneliner.web.routing import Endpoint

router = APIRouter(prefix="/v2/oneliner", tags=["governance"], route_class=Endpoint)

_MAX_VERSION = 1_000_000_000
_LayerScope = Annotated[Text, Query(max_length=200, description="As for setting the layer; empty for the system's.")]
_OfUser = Annotated[Text | None, Query(max_length=128, description="The caller when left out.")]
_ApprovalId = Annotated[Text, Path(max_length=250, description="The id of a standing approval.")]


@router.get(
    "/governance/history",
    response_model=Listed[LayerVersion],
    operation_id="listLayerVersions",
    summary="List versions of layers, newest first",
    openapi_extra=described(refuses=(Forbidden,)),
)
async def list_history(
    call: Incoming,
    limit: Limit = 20,
    before: Before = None,
    layer: Annotated[LayerName | None, Query(description="Only of this layer.")] = None,
    scope: Annotated[Text | None, Query(max_length=200, description="Only for this scope.")] = None,
) -> Response:
    """Each with what it changed. An administrator sees all; everybody else names his own user layer."""
    part = Page(limit + 1, before)
    found = await call.read(lambda tx: policy_history.versions(tx, call.caller, layer, scope, part))
    shown, cursor = shapes.page_of(found, limit, lambda version: version.id)
    return JsonAnswer(shapes.listed([policy_shapes.version_to_json(v) for v in shown], cursor))


@router.get(
    "/governance/diff",
    response_model=LayerDiff,
    operation_id="diffLayer",
    summary="Compare two versions of a layer",
    openapi_extra=described(refuses=(Forbidden, NotFound)),
)
async def diff_layer(
    call: Incoming,
    layer: LayerName,
    scope: _LayerScope = "",
    since: Annotated[int, Query(ge=0, le=_MAX_VERSION, description="0: before there were any rules.")] = 0,
    until: Annotated[int | None, Query(ge=0, le=_MAX_VERSION, description="The newest when left out.")] = None,
) -> Response:
    """What the later one says differently, and whether that is tighter or looser."""
    compared, changes = await call.read(
        lambda tx: policy_history.diff(tx, call.caller, layer, scope, since, until),
    )
    told = [change_to_json(c) for c in changes]
    return JsonAnswer({"layer": layer, "scope_key": scope, "since": since, "until": compared, "changes": told})


@router.post(
    "/governance/layers/{layer}/restore",
    response_model=LayerAnswer,
    operation_id="restoreLayer",
    summary="Bring back the rules of an older version",
    openapi_extra=described(RestoreRequest, refuses=(Forbidden, NotFound, VersionChanged)),
)
async def restore_layer(call: Incoming, layer: LayerName) -> Response:
    """They become the newest version. Standing approvals stay as they are; an override is set anew instead."""
    body = await call.body(RestoreRequest)
    return await call.once(
        lambda tx: policy_history.restore(tx, call.caller, layer, body.scope, body.version, body.seen_version),
        shapes.layer_to_json,
    )


@router.get(
    "/runs/{run_id}/governance/diff",
    response_model=AgainstNowAnswer,
    operation_id="diffRunGovernance",
    summary="Compare what a run was promised with what holds now",
    openapi_extra=described(refuses=(NotFound,)),
)
async def diff_run(call: Incoming, run_id: RunId) -> Response:
    """What a run like it would be promised now, field by field, and the versions of the layers then and now."""
    found = await call.read(lambda tx: policy_history.against_now(tx, call.caller, run_id))
    return JsonAnswer(policy_shapes.against_now_to_json(found))


@router.get(
    "/governance/approvals",
    response_model=Listed[StandingApprovalAnswer],
    operation_id="listStandingApprovals",
    summary="List the approvals that stand",
    openapi_extra=described(refuses=(Forbidden,)),
)
async def list_approvals(call: Incoming, user_id: _OfUser = None) -> Response:
    """What was answered with "allow always", in words, with the rule that asked."""
    user = user_id or call.caller.user_id
    found = await call.read(lambda tx: standing_approvals.of_user(tx, call.caller, user))
    return JsonAnswer(shapes.listed([policy_shapes.approval_to_json(a) for a in found]))


@router.delete(
    "/governance/approvals/{approval_id}",
    status_code=204,
    response_class=Response,
    operation_id="revokeStandingApproval",
    summary="Take an approval back",
    openapi_extra=described(refuses=(Forbidden, NotFound)),
)
async def revoke_approval(call: Incoming, approval_id: _ApprovalId, user_id: _OfUser = None) -> Response:
    """It counts no more from now on, also for runs at work."""
    user = user_id or call.caller.user_id
    await call.write(lambda tx: standing_approvals.revoke(tx, call.caller, user, approval_id))
    return Response(status_code=204)
