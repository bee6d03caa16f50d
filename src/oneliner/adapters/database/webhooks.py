"""Webhook endpoints, deliveries and attempts in the database."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, exists, func, insert, null, or_, select, update

from oneliner.adapters.database.encoding import from_json, to_json
from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import webhook_attempts as attempts
from oneliner.adapters.database.tables import webhook_deliveries as deliveries
from oneliner.adapters.database.tables import webhook_endpoints as endpoints
from oneliner.domain.errors import NotFound
from oneliner.domain.webhook import (
    DeliveryAttempt,
    DeliveryStatus,
    DisabledReason,
    WebhookDelivery,
    WebhookEndpoint,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.adapters.database.statement import Driver
    from oneliner.app.ports import Page

_e, _d = endpoints.c, deliveries.c
_ENDPOINT_NAMES = tuple(c.name for c in endpoints.c)
_DELIVERY_NAMES = tuple(c.name for c in deliveries.c)
_ATTEMPT_NAMES = tuple(c.name for c in attempts.c)
_MAX_ATTEMPTS_SHOWN = 50
_IS_ENDPOINT, _IS_DELIVERY = _e.id == bindparam("key"), _d.id == bindparam("key")
_IS_ENABLED = _e.disabled_reason == str(DisabledReason.NONE)
_IS_DUE = (_d.status == str(DeliveryStatus.PENDING), _d.next_attempt_at <= bindparam("now"))

_ADD_ENDPOINT = Statement(insert(endpoints), _ENDPOINT_NAMES)
_GET_ENDPOINT = Statement(select(*endpoints.c).where(_IS_ENDPOINT))
_LOCK_ENDPOINT = Statement(select(*endpoints.c).where(_IS_ENDPOINT).with_for_update())
_COUNT_ENDPOINTS = Statement(select(func.count()).select_from(endpoints))
_LISTENING = Statement(
    select(*endpoints.c).where(_IS_ENABLED, or_(_e.all_projects == 1, _e.project_id == bindparam("project")))
)
_ENDPOINTS_DUE = Statement(
    select(_e.id)
    .where(_IS_ENABLED, _e.key_id == bindparam("sealed_with"), exists().where(_d.endpoint_id == _e.id, *_IS_DUE))
    .order_by(_e.id)
)
_CHANGEABLE = (
    "url", "description", "event_types_json", "disabled_reason", "secret", "old_secret", "old_secret_until", "key_id",
    "failing_since", "updated_at",
)  # fmt: skip
_SAVE_ENDPOINT = Statement(
    update(endpoints)
    .where(_IS_ENDPOINT)
    .values({_e[name]: bindparam(f"new_{name}") for name in _CHANGEABLE})
    .returning(*endpoints.c)
)
_NOTE_FAILING = Statement(
    update(endpoints)
    .where(_IS_ENDPOINT)
    .values(failing_since=func.coalesce(_e.failing_since, bindparam("since")))
    .returning(_e.failing_since)
)
_NOTE_WELL = Statement(update(endpoints).where(_IS_ENDPOINT).values(failing_since=null()))
_DELETE_ENDPOINT = Statement(delete(endpoints).where(_IS_ENDPOINT))

_ADD = Statement(insert(deliveries), _DELIVERY_NAMES)
_GET = Statement(select(*deliveries.c).where(_IS_DELIVERY, _d.endpoint_id == bindparam("endpoint")))
_DUE = Statement(
    select(_d.id)
    .where(_d.endpoint_id == bindparam("endpoint"), *_IS_DUE)
    .order_by(_d.next_attempt_at, _d.id)
    .limit(bindparam("limit"))
)
_CLAIM = Statement(
    update(deliveries)
    .where(_IS_DELIVERY, *_IS_DUE)
    .values(
        attempts=_d.attempts + 1,
        round_attempts=_d.round_attempts + 1,
        next_attempt_at=bindparam("lease_until"),
        updated_at=bindparam("new_updated"),
    )
    .returning(*deliveries.c)
)
_SETTLE = Statement(
    update(deliveries)
    .where(_IS_DELIVERY, _d.attempts == bindparam("number"), _d.status == str(DeliveryStatus.PENDING))
    .values(status=bindparam("new_status"), next_attempt_at=bindparam("new_next"), updated_at=bindparam("new_updated"))
)
_RESTART = Statement(
    update(deliveries)
    .where(_IS_DELIVERY, _d.endpoint_id == bindparam("endpoint"))
    .values(
        status=str(DeliveryStatus.PENDING),
        round_attempts=0,
        next_attempt_at=bindparam("new_next"),
        updated_at=bindparam("new_updated"),
    )
    .returning(*deliveries.c)
)
_ADD_ATTEMPT = Statement(insert(attempts), _ATTEMPT_NAMES)
_ATTEMPTS = Statement(
    select(*attempts.c)
    .where(attempts.c.delivery_id == bindparam("key"))
    .order_by(attempts.c.number.desc())
    .limit(bindparam("limit"))
)
_IS_OF_ENDPOINT = _d.endpoint_id == bindparam("endpoint")
_IS_OLD = _d.created_at < bindparam("before")


def _drop(which: Any) -> tuple[Statement, Statement]:
    """The attempts of some deliveries, then those themselves."""
    theirs = attempts.c.delivery_id.in_(select(_d.id).where(which))
    return Statement(delete(attempts).where(theirs)), Statement(delete(deliveries).where(which))


_DROP_ATTEMPTS, _DROP = _drop(_IS_OF_ENDPOINT)
_FORGET_ATTEMPTS, _FORGET = _drop(_IS_OLD)


@cache
def _endpoints(keys: frozenset[str]) -> Statement:
    query = select(*endpoints.c)
    if "project" in keys:
        query = query.where(_e.project_id == bindparam("project"), _e.all_projects == 0)
    if "before" in keys:
        query = query.where(_e.id < bindparam("before"))
    return Statement(query.order_by(_e.id.desc()).limit(bindparam("limit")))


@cache
def _page(keys: frozenset[str]) -> Statement:
    query = select(*deliveries.c).where(_IS_OF_ENDPOINT)
    if "wanted" in keys:
        query = query.where(_d.status == bindparam("wanted"))
    if "before" in keys:
        query = query.where(_d.id < bindparam("before"))
    return Statement(query.order_by(_d.id.desc()).limit(bindparam("limit")))


def _endpoint(row: Sequence[Any]) -> WebhookEndpoint:
    values = dict(zip(_ENDPOINT_NAMES, row, strict=True))
    is_for_all = values.pop("all_projects")
    values["project_id"] = None if is_for_all else values["project_id"]
    values["event_types"] = tuple(from_json(values.pop("event_types_json")))
    values["disabled_reason"] = DisabledReason(values["disabled_reason"])
    return WebhookEndpoint(**values)


def _values(endpoint: WebhookEndpoint) -> dict[str, object]:
    values: dict[str, object] = {name: getattr(endpoint, name) for name in _ENDPOINT_NAMES if hasattr(endpoint, name)}
    values["project_id"] = endpoint.project_id or ""
    values["all_projects"] = int(endpoint.project_id is None)
    values["event_types_json"] = to_json(list(endpoint.event_types))
    values["disabled_reason"] = str(endpoint.disabled_reason)
    return values


def _delivery(row: Sequence[Any]) -> WebhookDelivery:
    values: dict[str, Any] = dict(zip(_DELIVERY_NAMES, row, strict=True))
    values["status"] = DeliveryStatus(values["status"])
    return WebhookDelivery(**values)


class SqlWebhooks:
    """The store of webhook endpoints; see ``app.ports.WebhookStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def add(self, endpoint: WebhookEndpoint) -> None:
        _ADD_ENDPOINT.run(self._driver, **_values(endpoint))

    def find(self, endpoint_id: str) -> WebhookEndpoint | None:
        row = _GET_ENDPOINT.first(self._driver, key=endpoint_id)
        return None if row is None else _endpoint(row)

    def get(self, endpoint_id: str, *, lock: bool = False) -> WebhookEndpoint:
        row = (_LOCK_ENDPOINT if lock else _GET_ENDPOINT).first(self._driver, key=endpoint_id)
        if row is None:
            raise NotFound("webhook endpoint", endpoint_id)
        return _endpoint(row)

    def page(self, page: Page, project_id: str | None) -> list[WebhookEndpoint]:
        values: dict[str, object] = {"limit": page.limit}
        if page.before is not None:
            values["before"] = page.before
        if project_id is not None:
            values["project"] = project_id
        return [_endpoint(r) for r in _endpoints(frozenset(values)).rows(self._driver, **values)]

    def count(self) -> int:
        row = _COUNT_ENDPOINTS.first(self._driver)
        return 0 if row is None else row[0]

    def listening(self, project_id: str) -> list[WebhookEndpoint]:
        return [_endpoint(r) for r in _LISTENING.rows(self._driver, project=project_id)]

    def due(self, key_id: str) -> list[str]:
        return [r[0] for r in _ENDPOINTS_DUE.rows(self._driver, sealed_with=key_id, now=self._now_ms)]

    def save(self, endpoint: WebhookEndpoint) -> WebhookEndpoint:
        values = {**_values(endpoint), "updated_at": self._now_ms}
        row = _SAVE_ENDPOINT.first(self._driver, key=endpoint.id, **{f"new_{n}": values[n] for n in _CHANGEABLE})
        if row is None:
            raise NotFound("webhook endpoint", endpoint.id)
        return _endpoint(row)

    def note_failing(self, endpoint_id: str, since_ms: int | None) -> int | None:
        if since_ms is None:
            _NOTE_WELL.run(self._driver, key=endpoint_id)
            return None
        row = _NOTE_FAILING.first(self._driver, key=endpoint_id, since=since_ms)
        return None if row is None else row[0]

    def delete(self, endpoint_id: str) -> None:
        _DELETE_ENDPOINT.run(self._driver, key=endpoint_id)


class SqlDeliveries:
    """The store of deliveries; see ``app.ports.DeliveryStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def add(self, deliveries: Sequence[WebhookDelivery]) -> None:
        rows = [{name: getattr(one, name) for name in _DELIVERY_NAMES} for one in deliveries]
        _ADD.run_many(self._driver, [{**row, "status": str(row["status"])} for row in rows])

    def get(self, endpoint_id: str, delivery_id: str) -> WebhookDelivery:
        return self._found(_GET.first(self._driver, key=delivery_id, endpoint=endpoint_id), delivery_id)

    def page(self, endpoint_id: str, page: Page, status: DeliveryStatus | None) -> list[WebhookDelivery]:
        values: dict[str, object] = {"endpoint": endpoint_id, "limit": page.limit}
        if page.before is not None:
            values["before"] = page.before
        if status is not None:
            values["wanted"] = str(status)
        return [_delivery(r) for r in _page(frozenset(values)).rows(self._driver, **values)]

    def due(self, endpoint_id: str, limit: int) -> list[str]:
        rows = _DUE.rows(self._driver, endpoint=endpoint_id, now=self._now_ms, limit=limit)
        return [r[0] for r in rows]

    def claim(self, delivery_id: str, lease_ms: int) -> WebhookDelivery | None:
        now = self._now_ms
        row = _CLAIM.first(self._driver, key=delivery_id, now=now, lease_until=now + lease_ms, new_updated=now)
        return None if row is None else _delivery(row)

    def settle(self, delivery: WebhookDelivery, status: DeliveryStatus, next_attempt_at: int | None) -> bool:
        changed = _SETTLE.count(
            self._driver,
            key=delivery.id,
            number=delivery.attempts,
            new_status=str(status),
            new_next=next_attempt_at,
            new_updated=self._now_ms,
        )
        return changed > 0

    def restart(self, endpoint_id: str, delivery_id: str) -> WebhookDelivery:
        now = self._now_ms
        row = _RESTART.first(self._driver, key=delivery_id, endpoint=endpoint_id, new_next=now, new_updated=now)
        return self._found(row, delivery_id)

    def add_attempt(self, attempt: DeliveryAttempt) -> None:
        _ADD_ATTEMPT.run(self._driver, **{name: getattr(attempt, name) for name in _ATTEMPT_NAMES})

    def attempts(self, delivery_id: str) -> list[DeliveryAttempt]:
        rows = _ATTEMPTS.rows(self._driver, key=delivery_id, limit=_MAX_ATTEMPTS_SHOWN)
        return [DeliveryAttempt(*r) for r in rows]

    def drop_of(self, endpoint_id: str) -> None:
        _DROP_ATTEMPTS.run(self._driver, endpoint=endpoint_id)
        _DROP.run(self._driver, endpoint=endpoint_id)

    def forget(self, before_ms: int) -> int:
        _FORGET_ATTEMPTS.run(self._driver, before=before_ms)
        return _FORGET.count(self._driver, before=before_ms)

    def _found(self, row: Sequence[Any] | None, delivery_id: str) -> WebhookDelivery:
        if row is None:
            raise NotFound("delivery", delivery_id)
        return _delivery(row)
