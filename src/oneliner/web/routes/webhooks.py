"""``/v2/oneliner/webhooks``: who is told of run events at an address of his own, and what became of each delivery."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from oneliner.app import webhooks
from oneliner.app.ports import Page, Transaction
from oneliner.app.webhooks import Asked, WithSecret
from oneliner.domain.errors import Conflict, Forbidden, NotFound
from oneliner.domain.webhook import DeliveryStatus, WebhookEndpoint
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer, no_content
from oneliner.web.answer_schemas import Listed
from oneliner.web.call import REPLAYED, Call, Incoming
from oneliner.web.description import described
from oneliner.web.parameters import Before, DeliveryId, Limit, ProjectFilter, WebhookId
from oneliner.web.routing import Endpoint
from oneliner.web.webhook_schemas import (
    DeliveryAnswer,
    DeliveryLogAnswer,
    RotateRequest,
    WebhookAnswer,
    WebhookChangeRequest,
    WebhookRequest,
    WebhookSecretAnswer,
    delivery_to_json,
    endpoint_to_json,
    log_to_json,
)

router = APIRouter(prefix="/v2/oneliner/webhooks", tags=["webhooks"], route_class=Endpoint)


@router.post(
    "",
    response_model=WebhookSecretAnswer,
    operation_id="createWebhook",
    summary="Have an address told of run events (administrators)",
    openapi_extra=described(WebhookRequest, refuses=(Forbidden, Conflict)),
)
async def create_webhook(call: Incoming) -> Response:
    """The answer holds the secret that deliveries are signed with; it is told this once."""
    body = await call.body(WebhookRequest)
    terms = call.services.webhooks
    asked = Asked(event_types=body.event_types, description=body.description)
    return await _told_once(call, lambda tx: webhooks.create(tx, call.caller, terms, body.project_id, body.url, asked))


@router.get(
    "",
    response_model=Listed[WebhookAnswer],
    operation_id="listWebhooks",
    summary="List the webhook endpoints, newest first (administrators)",
    openapi_extra=described(refuses=(Forbidden,)),
)
async def list_webhooks(
    call: Incoming, limit: Limit = 20, before: Before = None, project_id: ProjectFilter = None
) -> Response:
    """Those of one project, or all; without their secrets."""
    part = Page(limit + 1, before)
    found = await call.read(lambda tx: webhooks.page(tx, call.caller, part, project_id))
    shown, cursor = shapes.page_of(found, limit, lambda e: e.id)
    return JsonAnswer(shapes.listed([_shown(call, endpoint) for endpoint in shown], cursor))


@router.get(
    "/{webhook_id}",
    response_model=WebhookAnswer,
    operation_id="getWebhook",
    summary="Read a webhook endpoint (administrators)",
    openapi_extra=described(refuses=(Forbidden, NotFound)),
)
async def get_webhook(call: Incoming, webhook_id: WebhookId) -> Response:
    """Whether it is enabled, and since when it has been failing."""
    return JsonAnswer(_shown(call, await call.read(lambda tx: webhooks.get(tx, call.caller, webhook_id))))


@router.patch(
    "/{webhook_id}",
    response_model=WebhookAnswer,
    operation_id="changeWebhook",
    summary="Change, disable or enable a webhook endpoint (administrators)",
    openapi_extra=described(WebhookChangeRequest, may_be_empty=True, refuses=(Forbidden, NotFound)),
)
async def change_webhook(call: Incoming, webhook_id: WebhookId) -> Response:
    """While it is disabled nothing is noted for it; what was still to be sent goes out when it is enabled again."""
    body = await call.body(WebhookChangeRequest)
    asked = Asked(body.url, body.event_types, body.description, body.enabled)
    terms = call.services.webhooks
    changed = await call.write(lambda tx: webhooks.change(tx, call.caller, terms, webhook_id, asked))
    return JsonAnswer(_shown(call, changed))


@router.delete(
    "/{webhook_id}",
    status_code=204,
    operation_id="deleteWebhook",
    summary="Delete a webhook endpoint (administrators)",
    openapi_extra=described(refuses=(Forbidden, NotFound)),
)
async def delete_webhook(call: Incoming, webhook_id: WebhookId) -> Response:
    """It is gone with what was to be sent to it and with its log."""
    await call.write(lambda tx: webhooks.delete(tx, call.caller, webhook_id))
    return no_content()


@router.post(
    "/{webhook_id}/rotate",
    response_model=WebhookSecretAnswer,
    operation_id="rotateWebhookSecret",
    summary="Give a webhook endpoint a new secret (administrators)",
    openapi_extra=described(RotateRequest, may_be_empty=True, refuses=(Forbidden, NotFound)),
)
async def rotate_secret(call: Incoming, webhook_id: WebhookId) -> Response:
    """The answer holds the new secret, this once. Until the overlap is over, deliveries carry a signature of each."""
    body = await call.body(RotateRequest)
    terms = call.services.webhooks
    return await _told_once(call, lambda tx: webhooks.rotate(tx, call.caller, terms, webhook_id, body.overlap_seconds))


@router.post(
    "/{webhook_id}/test",
    response_model=DeliveryAnswer,
    operation_id="testWebhook",
    summary="Send a test to a webhook endpoint (administrators)",
    openapi_extra=described(refuses=(Forbidden, NotFound, Conflict)),
)
async def test_webhook(call: Incoming, webhook_id: WebhookId) -> Response:
    """A delivery of type `webhook.test`; read it again to see what became of it."""
    return await call.once(lambda tx: webhooks.test(tx, call.caller, webhook_id), delivery_to_json)


@router.get(
    "/{webhook_id}/deliveries",
    response_model=Listed[DeliveryAnswer],
    operation_id="listDeliveries",
    summary="List the deliveries of a webhook endpoint, newest first (administrators)",
    openapi_extra=described(refuses=(Forbidden, NotFound)),
)
async def list_deliveries(
    call: Incoming,
    webhook_id: WebhookId,
    limit: Limit = 20,
    before: Before = None,
    status: Annotated[DeliveryStatus | None, Query(description="Only those that are so.")] = None,
) -> Response:
    """What was delivered, what waits for its next attempt, and what was given up; kept for 30 days."""
    part = Page(limit + 1, before)
    found = await call.read(lambda tx: webhooks.log(tx, call.caller, webhook_id, part, status))
    shown, cursor = shapes.page_of(found, limit, lambda d: d.id)
    return JsonAnswer(shapes.listed([delivery_to_json(delivery) for delivery in shown], cursor))


@router.get(
    "/{webhook_id}/deliveries/{delivery_id}",
    response_model=DeliveryLogAnswer,
    operation_id="getDelivery",
    summary="Read a delivery with its attempts (administrators)",
    openapi_extra=described(refuses=(Forbidden, NotFound)),
)
async def get_delivery(call: Incoming, webhook_id: WebhookId, delivery_id: DeliveryId) -> Response:
    """With the status, the time and the beginning of the answer of each attempt."""
    found, attempts = await call.read(lambda tx: webhooks.delivery(tx, call.caller, webhook_id, delivery_id))
    return JsonAnswer(log_to_json(found, attempts))


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/redeliver",
    response_model=DeliveryAnswer,
    operation_id="redeliver",
    summary="Send a delivery again (administrators)",
    openapi_extra=described(refuses=(Forbidden, NotFound, Conflict)),
)
async def redeliver(call: Incoming, webhook_id: WebhookId, delivery_id: DeliveryId) -> Response:
    """Now, whatever became of it, under the same `webhook-id` and with a full round of attempts."""
    return await call.once(lambda tx: webhooks.redeliver(tx, call.caller, webhook_id, delivery_id), delivery_to_json)


def _shown(call: Call, endpoint: WebhookEndpoint) -> dict[str, object]:
    return endpoint_to_json(endpoint, call.services.webhooks.secrets.key_id)


async def _told_once(call: Call, work: Callable[[Transaction], WithSecret]) -> Response:
    """The endpoint that *work* makes, with its secret: which is not kept with the answer under an idempotency key."""
    told: dict[str, object] = {}

    def without_secret(made: WithSecret) -> dict[str, object]:
        told.update({**_shown(call, made.endpoint), "secret": made.secret})
        return {**told, "secret": None}

    answer = await call.once(work, without_secret)
    return answer if REPLAYED in answer.raw_headers else JsonAnswer(told)
