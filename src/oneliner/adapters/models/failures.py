"""From what a provider answers to what the executor decides by: the kind of failure and whether trying again helps."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from oneliner.domain.errors import ModelFailure

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONGEST_RETRY_AFTER_SECONDS = 86_400.0
_FIRST_ERROR_STATUS = 400
_TRANSIENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT, HTTPStatus.TOO_EARLY})
_NO_MONEY = ("insufficient_quota", "insufficient balance", "insufficient_balance", "billing_hard_limit")
# Words of error codes and types, in the order they are looked for: "rate_limit_error" is not an "invalid_request".
_WORDS = (
    ("rate_limited", ("rate_limit", "too_many_requests", "throttl", "resource_exhausted")),
    ("unauthorized", ("auth", "api_key", "permission")),
    ("rejected", ("invalid", "context_length", "not_found", "unsupported", "content_policy", "bad_request")),
)


def of_status(
    status: int, text: str, headers: Mapping[str, str] | None = None, *, now: datetime | None = None
) -> ModelFailure:
    """The failure that an HTTP *status* stands for; *text* is the provider's own explanation."""
    message = f"the model provider answered {status}" + (f": {text}" if text else "")
    wait = retry_after_seconds(headers or {}, now or datetime.now(UTC))
    if any(word in text.lower() for word in _NO_MONEY):
        return ModelFailure(message, kind="rejected", retryable=False)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ModelFailure(message, kind="rate_limited", retryable=True, retry_after_seconds=wait)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _TRANSIENT:
        return ModelFailure(message, kind="unavailable", retryable=True, retry_after_seconds=wait)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return ModelFailure(message, kind="unauthorized", retryable=False)
    return ModelFailure(message, kind="rejected", retryable=False)


def of_error(error: object) -> ModelFailure:
    """The failure that an error object in a stream stands for, by its code or type; one that says neither can pass."""
    fields: dict[str, Any] = error if isinstance(error, dict) else {}
    text = explanation(error)
    for name in ("code", "status", "status_code"):
        value = fields.get(name)
        number = int(value) if isinstance(value, str) and value.isdecimal() and len(value) == 3 else value  # noqa: PLR2004 - an HTTP status has three digits
        if isinstance(number, int) and _FIRST_ERROR_STATUS <= number <= 599:  # noqa: PLR2004
            return of_status(number, text)
    said = f"{fields.get('code')} {fields.get('type')}".lower()
    message = f"the model provider broke off with an error: {text or 'no explanation'}"
    if any(word in f"{said} {text.lower()}" for word in _NO_MONEY):
        return ModelFailure(message, kind="rejected", retryable=False)
    kind = next((kind for kind, words in _WORDS if any(word in said for word in words)), "unavailable")
    return ModelFailure(message, kind=kind, retryable=kind in {"rate_limited", "unavailable"})


def explanation(body: object) -> str:
    """The words of an error body in any of the shapes that providers use, with its code; empty when there are none."""
    if isinstance(body, list) and body:
        return explanation(body[0])
    if isinstance(body, str):
        return body
    if not isinstance(body, dict):
        return ""
    for name in ("error", "message", "detail", "error_message"):
        if (value := body.get(name)) and (text := explanation(value)):
            code = body.get("code") or body.get("type")
            return f"{text} ({code})" if name == "message" and isinstance(code, str) else text
    return ""


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """What ``Retry-After`` (seconds or a date) or ``Retry-After-Ms`` asks for, at most a day; None: nothing usable."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        seconds = _number(value) * unit if _number(value) >= 0 else _until(value, now)
        if seconds is not None:
            return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER_SECONDS)
    return None


def _number(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        return -1.0
    return number if math.isfinite(number) else -1.0


def _until(value: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - now).total_seconds()
