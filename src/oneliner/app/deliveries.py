"""Deliveries: the outbox of the webhooks.

A delivery is a row that is written in the transaction of its event, so that what happened is told and what did not happen
is not. It holds no copy of the event: what is sent is read when it is sent. Sending is at least once: an attempt takes the
row for as long as a lease lasts by moving its due time, and its number is the fence that its outcome is written under.

Lock order: deliveries, then their endpoint.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from oneliner.app import audit
from oneliner.domain.audit import SERVER, Action, Target
from oneliner.domain.errors import Conflict
from oneliner.domain.times import rfc3339
from oneliner.domain.webhook import (
    DISABLE_AFTER_MS,
    TEST_TYPE,
    DeliveryAttempt,
    DeliveryStatus,
    DisabledReason,
    WebhookDelivery,
    retry_at,
    signatures,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.app.ports import Transaction
    from oneliner.domain.event import RunEvent
    from oneliner.domain.webhook import WebhookEndpoint

_OK = range(200, 300)
_GONE = 410


class Secrets(Protocol):
    """Makes the secrets of endpoints, and keeps them sealed: who has the database alone cannot sign."""

    @property
    def key_id(self) -> str:
        """Which key it seals with."""
        ...

    def new(self) -> str:
        """A fresh secret, ``whsec_…``."""
        ...

    def seal(self, secret: str, endpoint_id: str) -> str:
        """*secret* as it may be stored with its endpoint."""
        ...

    def unseal(self, sealed: str, endpoint_id: str) -> str:
        """The secret. Raises Invalid: it was sealed with another key, or for another endpoint."""
        ...


@dataclass(frozen=True, slots=True)
class Parcel:
    """An attempt to make: what is sent where. *endpoint* is as it was when the attempt was begun."""

    delivery: WebhookDelivery
    endpoint: WebhookEndpoint
    body: bytes
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt; *status_code* None: no answer, for the reason *error*."""

    status_code: int | None
    duration_ms: int
    error: str = ""
    answer: str = ""
    retry_after_seconds: float | None = None


def enqueue(tx: Transaction, events: Sequence[RunEvent]) -> None:
    """Have those told of *events* (all of one run) who listen."""
    listening = tx.webhooks.listening(events[0].project_id)
    found = [
        _new(tx, endpoint.id, event.event_type, event.run_id, event.seq)
        for endpoint in listening
        for event in events
        if endpoint.hears(event.event_type)
    ]
    if found:
        tx.deliveries.add(found)
        tx.effects.has_deliveries = True


def ping(tx: Transaction, endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Send a test. Raises Conflict: the endpoint is disabled."""
    _check_enabled(endpoint)
    delivery = _new(tx, endpoint.id, TEST_TYPE, "", 0)
    tx.deliveries.add([delivery])
    tx.effects.has_deliveries = True
    return delivery


def redeliver(tx: Transaction, endpoint: WebhookEndpoint, delivery_id: str) -> WebhookDelivery:
    """Send it again, now, with as many attempts as a new one has. Raises NotFound; Conflict: the endpoint is disabled."""
    _check_enabled(endpoint)
    found = tx.deliveries.restart(endpoint.id, delivery_id)
    tx.effects.has_deliveries = True
    return found


def claim(tx: Transaction, endpoint_id: str, secrets: Secrets, *, limit: int, lease_ms: int) -> list[Parcel]:
    """Begin an attempt of each of the deliveries that are due for an endpoint, at most *limit*."""
    endpoint = tx.webhooks.find(endpoint_id)
    if endpoint is None or not endpoint.is_enabled or endpoint.key_id != secrets.key_id:
        return []
    keys = [secrets.unseal(endpoint.secret, endpoint.id)]
    if endpoint.old_secret and (endpoint.old_secret_until or 0) > tx.now_ms:
        keys.append(secrets.unseal(endpoint.old_secret, endpoint.id))
    claimed = [tx.deliveries.claim(id_, lease_ms) for id_ in tx.deliveries.due(endpoint_id, limit)]
    return [_parcel(tx, endpoint, delivery, keys) for delivery in claimed if delivery is not None]


def settle(tx: Transaction, parcel: Parcel, outcome: Outcome) -> None:
    """Write down what came of an attempt; nothing, when it took so long that somebody else has begun another."""
    delivery, now_ms = parcel.delivery, tx.now_ms
    if outcome.status_code in _OK:
        status, next_at = DeliveryStatus.DELIVERED, None
    else:
        next_at = retry_at(now_ms, delivery.round_attempts, outcome.retry_after_seconds)
        status = DeliveryStatus.FAILED if next_at is None else DeliveryStatus.PENDING
    if not tx.deliveries.settle(delivery, status, next_at):
        return
    begun_at = now_ms - outcome.duration_ms
    tx.deliveries.add_attempt(
        DeliveryAttempt(
            delivery.id,
            delivery.attempts,
            begun_at,
            outcome.status_code,
            outcome.duration_ms,
            outcome.error,
            outcome.answer,
        )
    )
    _judge(tx, parcel.endpoint, outcome)


def forget_old(tx: Transaction, before_ms: int) -> int:
    """Drop what the log has of deliveries made before a time; how many."""
    return tx.deliveries.forget(before_ms)


def _judge(tx: Transaction, seen: WebhookEndpoint, outcome: Outcome) -> None:
    """What the outcome says about the endpoint itself."""
    if outcome.status_code in _OK:
        if seen.failing_since is not None:
            tx.webhooks.note_failing(seen.id, None)
        return
    failing_since = tx.webhooks.note_failing(seen.id, tx.now_ms)
    is_gone = outcome.status_code == _GONE
    if failing_since is None or not (is_gone or failing_since <= tx.now_ms - DISABLE_AFTER_MS):
        return
    endpoint = tx.webhooks.get(seen.id, lock=True)
    if not endpoint.is_enabled:
        return
    reason = DisabledReason.GONE if is_gone else DisabledReason.FAILING
    tx.webhooks.save(replace(endpoint, disabled_reason=reason))
    details = {"reason": str(reason), "failing_since": rfc3339(failing_since)}
    audit.record(tx, SERVER, Action.WEBHOOK_DISABLED, Target.WEBHOOK, endpoint.id, **details)


def _check_enabled(endpoint: WebhookEndpoint) -> None:
    if not endpoint.is_enabled:
        raise Conflict("the endpoint is disabled; enable it first", disabled_reason=str(endpoint.disabled_reason))


def _new(tx: Transaction, endpoint_id: str, event_type: str, run_id: str, seq: int) -> WebhookDelivery:
    now_ms = tx.now_ms
    return WebhookDelivery(
        tx.new_id(), endpoint_id, event_type, run_id, seq, DeliveryStatus.PENDING, 0, 0, now_ms, now_ms, now_ms
    )


def _parcel(tx: Transaction, endpoint: WebhookEndpoint, delivery: WebhookDelivery, keys: Sequence[str]) -> Parcel:
    if delivery.event_type == TEST_TYPE:
        at_ms: int = delivery.created_at
        data: dict[str, object] = {"endpoint_id": endpoint.id, "project_id": endpoint.project_id}
    else:
        (event,) = tx.events.after(delivery.run_id, delivery.seq - 1, 1)
        at_ms, data = event.created_at, _data(event)
    told = {"type": delivery.event_type, "timestamp": rfc3339(at_ms), "data": data}
    body = json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()
    at_seconds = tx.now_ms // 1000
    headers = {
        "content-type": "application/json",
        "webhook-id": delivery.id,
        "webhook-timestamp": str(at_seconds),
        "webhook-signature": signatures(keys, delivery.id, at_seconds, body),
    }
    return Parcel(delivery, endpoint, body, headers)


def _data(event: RunEvent) -> dict[str, object]:
    return {
        "id": event.id,
        "run_id": event.run_id,
        "seq": event.seq,
        "session_id": event.session_id,
        "user_id": event.user_id,
        "project_id": event.project_id,
        "event_type": event.event_type,
        "summary": event.summary,
        "details": event.details,
        "created_at": rfc3339(event.created_at),
    }
