"""Webhooks: who is told of run events at an address of his own, and how he knows that it was us.

Deliveries are signed as the Standard Webhooks specification says (https://www.standardwebhooks.com): over the id, the time
and the body, with a secret that the receiver has too. A delivery may come more than once and in any order; its id stays the
same, and the event in it says its place in the history of its run.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from oneliner.domain.address import AddressRefused, check_address, check_target
from oneliner.domain.errors import Invalid
from oneliner.domain.event import EventType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from oneliner.domain.address import AddressRules

SECRET_PREFIX = "whsec_"  # noqa: S105 - what secrets begin with
#: The type of what an administrator sends to see whether it arrives; it goes to its endpoint whatever that listens to.
TEST_TYPE = "webhook.test"
MAX_ENDPOINTS = 100
MAX_URL_CHARS = 2_000
#: How long to wait after each failed attempt of a delivery; after the last it is given up. About three days in all.
RETRY_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
MAX_RETRY_AFTER_SECONDS = 86_400
#: For how long an endpoint may fail without a single success before it is disabled.
DISABLE_AFTER_MS = 5 * 86_400_000
#: For how long the delivery log is kept.
LOG_LIFE_MS = 30 * 86_400_000
_GROUPS = frozenset(f"{event.partition('.')[0]}.*" for event in EventType)
_PORTS = {"http": 80, "https": 443}


class DeliveryStatus(StrEnum):
    """Where a delivery is: to be sent (again), arrived, or given up."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class DisabledReason(StrEnum):
    """Why an endpoint gets nothing; empty while it is enabled."""

    NONE = ""
    BY_ADMIN = "by_admin"
    FAILING = "failing"
    GONE = "gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """An address that is told of the run events of a project, or of all (*project_id* None).

    *secret* and *old_secret* are sealed, by the key that *key_id* names; the old one is still signed with until
    *old_secret_until*. *failing_since*: no attempt has succeeded since then. Times in ms.
    """

    id: str
    project_id: str | None
    url: str
    description: str
    event_types: tuple[str, ...]
    disabled_reason: DisabledReason
    secret: str
    old_secret: str
    old_secret_until: int | None
    key_id: str
    failing_since: int | None
    created_by: str
    created_at: int
    updated_at: int

    @property
    def is_enabled(self) -> bool:
        """Whether it is told anything."""
        return self.disabled_reason is DisabledReason.NONE

    def hears(self, event_type: str) -> bool:
        """Whether it wants events of this type."""
        group = f"{event_type.partition('.')[0]}.*"
        return any(wanted in (event_type, group, "*") for wanted in self.event_types)


@dataclass(frozen=True, slots=True)
class WebhookDelivery:
    """One event for one endpoint. The event is (*run_id*, *seq*), which are empty and 0 for a test.

    *attempts* counts all attempts, *round_attempts* those since it was last asked for; *next_attempt_at* (ms) is when it is
    sent next, or when whoever is sending it has lost it.
    """

    id: str
    endpoint_id: str
    event_type: str
    run_id: str
    seq: int
    status: DeliveryStatus
    attempts: int
    round_attempts: int
    next_attempt_at: int | None
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One attempt: what the receiver answered, cut (*status_code* None: no answer, *error* says why), and how long it took."""

    delivery_id: str
    number: int
    at: int
    status_code: int | None
    duration_ms: int
    error: str
    answer: str


def check_event_types(wanted: Sequence[str]) -> tuple[str, ...]:
    """*wanted* without repetitions. Raises Invalid: there is none, or something that no event is."""
    unknown = [name for name in wanted if name != "*" and name not in _GROUPS and name not in set(EventType)]
    if unknown:
        raise Invalid(
            f"{unknown[0]!r} is no type of event; give types such as run.completed, groups such as run.*, or *",
            field="event_types",
        )
    if not wanted:
        raise Invalid("at least one type of event is needed", field="event_types")
    return tuple(dict.fromkeys(wanted))


def check_url(url: str, rules: AddressRules) -> str:
    """*url*, if events may be sent there as far as can be said before its name is looked up; plain http only in a
    deployment that names networks of its own. Raises Invalid.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme, 0)
        check_target(parts.scheme, parts.hostname)
        if parts.hostname and _is_address(parts.hostname):
            check_address(parts.hostname, port, rules)
    except ValueError as error:
        raise Invalid(f"the url cannot be read: {error}", field="url") from error
    except AddressRefused as error:
        raise Invalid(error.message, field="url") from error
    if parts.username or parts.password or parts.fragment or not url.isprintable() or " " in url:
        raise Invalid("the url must be without a user name, a password, a fragment and spaces", field="url")
    if parts.scheme == "http" and not rules.networks:
        raise Invalid("the url must begin with https:// (http only with ONELINER_WEBHOOK_NETWORKS)", field="url")
    return url


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def signatures(secrets: Iterable[str], delivery_id: str, at_seconds: int, body: bytes) -> str:
    """The value of ``webhook-signature``: one signature for each of *secrets* (``whsec_…``)."""
    signed = b"%s.%d.%s" % (delivery_id.encode(), at_seconds, body)
    return " ".join("v1," + _signature(secret, signed) for secret in secrets)


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    return base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


def retry_at(now_ms: int, failed_attempts: int, retry_after_seconds: float | None) -> int | None:
    """When to try again (ms) after so many failed attempts; None: give up. The receiver may ask for more time."""
    if failed_attempts > len(RETRY_SECONDS):
        return None
    asked = min(retry_after_seconds or 0.0, MAX_RETRY_AFTER_SECONDS)
    return now_ms + int(max(RETRY_SECONDS[failed_attempts - 1], asked) * 1000)
