"""Webhooks on the wire: the bodies that configure endpoints, and the answers about them and what was delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from oneliner.domain.times import rfc3339
from oneliner.domain.webhook import MAX_URL_CHARS, DeliveryStatus, DisabledReason
from oneliner.web.answer_schemas import Answer, Time, Uuid
from oneliner.web.schemas import MAX_NAME_CHARS, Body

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.domain.webhook import DeliveryAttempt, WebhookDelivery, WebhookEndpoint

MAX_OVERLAP_SECONDS = 7 * 86_400
_Url = Annotated[str, Field(min_length=1, max_length=MAX_URL_CHARS, examples=["https://app.example.com/oneliner"])]
_Type = Annotated[str, Field(max_length=64)]
_Types = Annotated[
    list[_Type],
    Field(
        min_length=1,
        max_length=64,
        description="Types of run events, groups such as `run.*`, or `*` for all.",
        examples=[["run.completed", "run.failed"]],
    ),
]
_Description = Annotated[str, Field(max_length=500)]


class WebhookRequest(Body):
    """An endpoint that is to be told of run events."""

    url: _Url
    project_id: Annotated[
        Annotated[str, Field(max_length=MAX_NAME_CHARS)] | None,
        Field(description="The project whose events it hears; empty: those without a project; null: all."),
    ]
    event_types: _Types = Field(default_factory=lambda: ["run.*"])
    description: _Description = ""


class WebhookChangeRequest(Body):
    """What is to change of an endpoint; what is left out or null stays."""

    url: _Url | None = None
    event_types: _Types | None = None
    description: _Description | None = None
    enabled: Annotated[bool, Field(strict=True)] | None = None


class RotateRequest(Body):
    """For how long the old secret still signs beside the new one."""

    overlap_seconds: Annotated[int, Field(strict=True, ge=0, le=MAX_OVERLAP_SECONDS)] = 86_400


class WebhookAnswer(Answer):
    """A webhook endpoint. Its secret is not in it."""

    id: Uuid
    project_id: Annotated[str | None, Field(description="Null: it hears the events of all projects.")]
    url: str
    description: str
    event_types: list[str]
    enabled: bool
    disabled_reason: DisabledReason
    failing_since: Annotated[Time | None, Field(description="No attempt has succeeded since then.")]
    old_secret_until: Annotated[Time | None, Field(description="Until then the secret before this one signs too.")]
    signable: Annotated[
        bool, Field(description="Whether the server that answers has the key that its secret is sealed with.")
    ]
    created_by: str
    created_at: Time
    updated_at: Time


class WebhookSecretAnswer(WebhookAnswer):
    """An endpoint with its new secret."""

    secret: Annotated[
        str | None,
        Field(
            description="What its receiver verifies with. Told once: null when the request is repeated under its key.",
            examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        ),
    ]


class DeliveryAnswer(Answer):
    """A delivery: one event for one endpoint."""

    id: Annotated[Uuid, Field(description="The `webhook-id` of each of its attempts.")]
    endpoint_id: Uuid
    event_type: str
    run_id: Annotated[str | None, Field(description="Null for a test.")]
    seq: Annotated[int | None, Field(description="The place of the event in its run; null for a test.")]
    status: DeliveryStatus
    attempts: int
    next_attempt_at: Time | None
    created_at: Time
    updated_at: Time


class AttemptAnswer(Answer):
    """One attempt of a delivery."""

    number: int
    at: Time
    status_code: Annotated[int | None, Field(description="Null: there was no answer.")]
    duration_ms: int
    error: str
    answer: Annotated[str, Field(description="The first kilobyte of what was answered, without what looks secret.")]


class DeliveryLogAnswer(DeliveryAnswer):
    """A delivery with its newest attempts, the newest first."""

    log: list[AttemptAnswer]


def endpoint_to_json(endpoint: WebhookEndpoint, key_id: str) -> dict[str, object]:
    """An endpoint, seen by a server whose key is *key_id*."""
    return {
        "id": endpoint.id,
        "project_id": endpoint.project_id,
        "url": endpoint.url,
        "description": endpoint.description,
        "event_types": list(endpoint.event_types),
        "enabled": endpoint.is_enabled,
        "disabled_reason": endpoint.disabled_reason,
        "failing_since": _time(endpoint.failing_since),
        "old_secret_until": _time(endpoint.old_secret_until),
        "signable": endpoint.key_id == key_id,
        "created_by": endpoint.created_by,
        "created_at": rfc3339(endpoint.created_at),
        "updated_at": rfc3339(endpoint.updated_at),
    }


def delivery_to_json(delivery: WebhookDelivery) -> dict[str, object]:
    """A delivery."""
    return {
        "id": delivery.id,
        "endpoint_id": delivery.endpoint_id,
        "event_type": delivery.event_type,
        "run_id": delivery.run_id or None,
        "seq": delivery.seq or None,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "next_attempt_at": _time(delivery.next_attempt_at),
        "created_at": rfc3339(delivery.created_at),
        "updated_at": rfc3339(delivery.updated_at),
    }


def log_to_json(delivery: WebhookDelivery, attempts: Sequence[DeliveryAttempt]) -> dict[str, object]:
    """A delivery with its attempts."""
    log = [
        {
            "number": attempt.number,
            "at": rfc3339(attempt.at),
            "status_code": attempt.status_code,
            "duration_ms": attempt.duration_ms,
            "error": attempt.error,
            "answer": attempt.answer,
        }
        for attempt in attempts
    ]
    return {**delivery_to_json(delivery), "log": log}


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
