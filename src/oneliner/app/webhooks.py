"""What administrators do with webhook endpoints. An endpoint's secret is told when it is made, and never again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from oneliner.app import audit, deliveries
from oneliner.domain.audit import Action, Target
from oneliner.domain.errors import Conflict
from oneliner.domain.webhook import (
    MAX_ENDPOINTS,
    DeliveryAttempt,
    DeliveryStatus,
    DisabledReason,
    WebhookDelivery,
    WebhookEndpoint,
    check_event_types,
    check_url,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.app.deliveries import Secrets
    from oneliner.app.ports import Page, Transaction
    from oneliner.domain.address import AddressRules
    from oneliner.domain.user import Caller


@dataclass(frozen=True, slots=True)
class WebhookTerms:
    """What a deployment says about webhooks: who keeps the secrets, and which addresses may be told."""

    secrets: Secrets
    rules: AddressRules


@dataclass(frozen=True, slots=True)
class Asked:
    """What an endpoint is to be; None leaves a field as it is."""

    url: str | None = None
    event_types: Sequence[str] | None = None
    description: str | None = None
    is_enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class WithSecret:
    """An endpoint whose secret was just made."""

    endpoint: WebhookEndpoint
    secret: str


def create(
    tx: Transaction, caller: Caller, terms: WebhookTerms, project_id: str | None, url: str, asked: Asked
) -> WithSecret:
    """An endpoint for a project, or for all (None). Raises Forbidden; Invalid; Conflict: there are too many."""
    caller.check_admin()
    if tx.webhooks.count() >= MAX_ENDPOINTS:
        raise Conflict(f"there are {MAX_ENDPOINTS} webhook endpoints already; delete one that is not needed")
    id_, secret = tx.new_id(), terms.secrets.new()
    endpoint = WebhookEndpoint(
        id=id_,
        project_id=project_id,
        url=check_url(url, terms.rules),
        description=asked.description or "",
        event_types=check_event_types(asked.event_types or ()),
        disabled_reason=DisabledReason.NONE,
        secret=terms.secrets.seal(secret, id_),
        old_secret="",
        old_secret_until=None,
        key_id=terms.secrets.key_id,
        failing_since=None,
        created_by=caller.user_id,
        created_at=tx.now_ms,
        updated_at=tx.now_ms,
    )
    tx.webhooks.add(endpoint)
    _record(tx, caller, Action.WEBHOOK_CREATED, endpoint, project_id=project_id)
    return WithSecret(endpoint, secret)


def page(tx: Transaction, caller: Caller, part: Page, project_id: str | None) -> list[WebhookEndpoint]:
    """Endpoints, newest first; of one project where *project_id* is given. Raises Forbidden."""
    caller.check_admin()
    return tx.webhooks.page(part, project_id)


def get(tx: Transaction, caller: Caller, endpoint_id: str) -> WebhookEndpoint:
    """One endpoint. Raises Forbidden, NotFound."""
    caller.check_admin()
    return tx.webhooks.get(endpoint_id)


def change(tx: Transaction, caller: Caller, terms: WebhookTerms, endpoint_id: str, asked: Asked) -> WebhookEndpoint:
    """Change what *asked* names. Enabling it forgets its failures. Raises Forbidden, NotFound, Invalid."""
    caller.check_admin()
    found = tx.webhooks.get(endpoint_id, lock=True)
    changed = found
    if asked.url is not None:
        changed = replace(changed, url=check_url(asked.url, terms.rules))
    if asked.event_types is not None:
        changed = replace(changed, event_types=check_event_types(asked.event_types))
    if asked.description is not None:
        changed = replace(changed, description=asked.description)
    if asked.is_enabled is False and changed.is_enabled:
        changed = replace(changed, disabled_reason=DisabledReason.BY_ADMIN)
    if asked.is_enabled is True:
        changed = replace(changed, disabled_reason=DisabledReason.NONE, failing_since=None)
        # What was still to be sent when it was disabled is due now.
        tx.effects.has_deliveries = True
    names = [name for name in ("url", "event_types", "description", "is_enabled") if _differs(found, changed, name)]
    if names:
        changed = tx.webhooks.save(changed)
        _record(tx, caller, Action.WEBHOOK_CHANGED, changed, fields=names, enabled=changed.is_enabled)
    return changed


def rotate(tx: Transaction, caller: Caller, terms: WebhookTerms, endpoint_id: str, overlap_seconds: int) -> WithSecret:
    """A new secret; what is sent within the overlap is signed with the old one as well.

    A secret that another key sealed cannot be signed with here: then there is no overlap. Raises Forbidden, NotFound.
    """
    caller.check_admin()
    found = tx.webhooks.get(endpoint_id, lock=True)
    keys, secret = terms.secrets, terms.secrets.new()
    overlaps = overlap_seconds > 0 and found.key_id == keys.key_id
    rotated = replace(
        found,
        secret=keys.seal(secret, found.id),
        key_id=keys.key_id,
        old_secret=found.secret if overlaps else "",
        old_secret_until=tx.now_ms + overlap_seconds * 1000 if overlaps else None,
    )
    saved = tx.webhooks.save(rotated)
    _record(tx, caller, Action.WEBHOOK_SECRET_ROTATED, saved, overlap_seconds=overlap_seconds if overlaps else 0)
    return WithSecret(saved, secret)


def delete(tx: Transaction, caller: Caller, endpoint_id: str) -> None:
    """Forget an endpoint and its deliveries. Raises Forbidden, NotFound."""
    caller.check_admin()
    found = tx.webhooks.get(endpoint_id)
    tx.deliveries.drop_of(found.id)
    tx.webhooks.delete(found.id)
    _record(tx, caller, Action.WEBHOOK_DELETED, found)


def test(tx: Transaction, caller: Caller, endpoint_id: str) -> WebhookDelivery:
    """Send a test to an endpoint. Raises Forbidden, NotFound; Conflict: it is disabled."""
    return deliveries.ping(tx, get(tx, caller, endpoint_id))


def log(
    tx: Transaction, caller: Caller, endpoint_id: str, part: Page, status: DeliveryStatus | None
) -> list[WebhookDelivery]:
    """The deliveries of an endpoint, newest first. Raises Forbidden, NotFound."""
    return tx.deliveries.page(get(tx, caller, endpoint_id).id, part, status)


def delivery(
    tx: Transaction, caller: Caller, endpoint_id: str, delivery_id: str
) -> tuple[WebhookDelivery, list[DeliveryAttempt]]:
    """One delivery with its newest attempts, the newest first. Raises Forbidden, NotFound."""
    found = tx.deliveries.get(get(tx, caller, endpoint_id).id, delivery_id)
    return found, tx.deliveries.attempts(found.id)


def redeliver(tx: Transaction, caller: Caller, endpoint_id: str, delivery_id: str) -> WebhookDelivery:
    """Send a delivery again, under the id it had. Raises Forbidden, NotFound; Conflict: the endpoint is disabled."""
    return deliveries.redeliver(tx, get(tx, caller, endpoint_id), delivery_id)


def _differs(old: WebhookEndpoint, new: WebhookEndpoint, name: str) -> bool:
    return getattr(old, name) != getattr(new, name)


def _record(tx: Transaction, caller: Caller, action: Action, endpoint: WebhookEndpoint, **details: object) -> None:
    audit.record(tx, caller.user_id, action, Target.WEBHOOK, endpoint.id, **details)
