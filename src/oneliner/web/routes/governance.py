"""``/v2/oneliner/governance``: what may be done, and who said so."""

import json
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from oneliner.app import governance, trial
from oneliner.app.tools import BadArguments, UnknownTool
from oneliner.domain.errors import Forbidden, Invalid, NotFound, VersionChanged
from oneliner.domain.policy import LayerName
from oneliner.domain.policy_json import rules_from_json
from oneliner.domain.times import time_from
from oneliner.domain.tool_rules import ToolUse
from oneliner.domain.tool_rules_json import ruling_to_json
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer
from oneliner.web.answer_schemas import GovernanceAnswer, LayerAnswer
from oneliner.web.call import Incoming
from oneliner.web.description import described
from oneliner.web.parameters import Text
from oneliner.web.routing import Endpoint
from oneliner.web.schemas import LayerRequest, OverrideRequest
from oneliner.web.trial_schemas import ExplainAnswer, ExplainRequest, SimulateAnswer, SimulateRequest

router = APIRouter(prefix="/v2/oneliner/governance", tags=["governance"], route_class=Endpoint)

_Scope = Annotated[Text, Query(max_length=200, description="Empty for everybody, `project:ID` or `user:ID`.")]


@router.get(
    "",
    response_model=GovernanceAnswer,
    operation_id="getGovernance",
    summary="Read what applies to the caller",
    openapi_extra=described(refuses=(Forbidden,)),
)
async def get_governance(
    call: Incoming,
    project_id: Annotated[Text, Query(max_length=128)] = "",
    platform: Annotated[Text, Query(max_length=128)] = "",
) -> Response:
    """The effective policy, field by field with the layer that decided it, and the layers behind it."""
    stored, snapshot = await call.read(lambda tx: governance.applying(tx, call.caller, project_id, platform))
    return JsonAnswer(shapes.governance_to_json(snapshot, stored))


@router.put(
    "/layers/{layer}",
    response_model=LayerAnswer,
    operation_id="putLayer",
    summary="Set the rules of a layer",
    openapi_extra=described(LayerRequest, refuses=(Forbidden, VersionChanged)),
)
async def put_layer(call: Incoming, layer: LayerName) -> Response:
    """Everybody may set his own user layer; the rest is an administrator's."""
    body = await call.body(LayerRequest)
    rules = rules_from_json(body.rules.model_dump(mode="json"))
    written = await call.write(
        lambda tx: governance.put_layer(tx, call.caller, layer, body.scope, rules, body.seen_version)
    )
    return JsonAnswer(shapes.layer_to_json(written))


@router.put(
    "/override",
    response_model=LayerAnswer,
    operation_id="putOverride",
    summary="Override the layers for a while (administrators)",
    openapi_extra=described(OverrideRequest, refuses=(Forbidden,)),
)
async def put_override(call: Incoming) -> Response:
    """The rules replace what the layers say, until the expiry; those it touches see the notice."""
    body = await call.body(OverrideRequest)
    rules = rules_from_json(body.rules.model_dump(mode="json"))
    expires_at_ms = time_from(body.expires_at, "expires_at")
    written = await call.write(
        lambda tx: governance.put_override(tx, call.caller, body.scope, rules, body.notice, expires_at_ms)
    )
    return JsonAnswer(shapes.layer_to_json(written))


@router.delete(
    "/override",
    response_model=LayerAnswer,
    operation_id="endOverride",
    summary="End an override now (administrators)",
    openapi_extra=described(refuses=(Forbidden, NotFound)),
)
async def end_override(call: Incoming, scope: _Scope = "") -> Response:
    """The layers hold again; the history keeps the override."""
    ended = await call.write(lambda tx: governance.end_override(tx, call.caller, scope))
    return JsonAnswer(shapes.layer_to_json(ended))


@router.post(
    "/explain",
    response_model=ExplainAnswer,
    operation_id="explainCall",
    summary="Ask whether a tool call is allowed, and why",
    openapi_extra=described(ExplainRequest, refuses=(Forbidden, NotFound)),
)
async def explain_call(call: Incoming) -> Response:
    """Nothing is called. The arguments are checked and judged as a run would."""
    body = await call.body(ExplainRequest)
    tools = call.services.tools
    try:
        spec = tools.spec(body.tool)
        said = tools.parse(body.tool, json.dumps(body.arguments)).said
    except BadArguments as error:
        raise Invalid(error.message, field="arguments") from error
    except UnknownTool as error:
        raise NotFound("tool", body.tool) from error
    use = ToolUse(body.tool, said, spec.read_only, body.executor)
    return await call.once_found(
        lambda tx: trial.explain(
            tx, call.caller, use, project_id=body.project_id, platform=body.platform, user_id=body.user_id
        ),
        lambda ruling: {"tool": body.tool, "arguments": said, **ruling_to_json(ruling)},
    )


@router.post(
    "/simulate",
    response_model=SimulateAnswer,
    operation_id="simulateRules",
    summary="Try a draft of a layer on past runs",
    openapi_extra=described(SimulateRequest, refuses=(Forbidden,)),
)
async def simulate_rules(call: Incoming) -> Response:
    """What the draft would have stopped that was not stopped then. Everybody may try his own user layer."""
    body = await call.body(SimulateRequest)
    rules = rules_from_json(body.rules.model_dump(mode="json"))
    return await call.once_found(
        lambda tx: trial.simulate(tx, call.caller, body.layer, body.scope, rules, body.last), shapes.trial_to_json
    )
