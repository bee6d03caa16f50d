"""What can be refused, in the product's words.

``OneLinerError``
├── ``Invalid``           the input is wrong; says which part and what to do
├── ``Unauthenticated``   no acceptable token
├── ``Forbidden``         known, but may not
│   └── ``UserNotApproved``
├── ``NotFound``          not there, or not yours: one answer for both
├── ``Conflict``          the thing is in another state than the caller thinks
│   ├── ``IllegalMove``
│   ├── ``PlanChanged``
│   ├── ``VersionChanged``
│   ├── ``SessionBusy``
│   └── ``RequestInFlight``
├── ``IdempotencyMismatch``
├── ``PolicyDenied``
├── ``LeaseLost``         a worker lost its right to write; never reaches a client
├── ``ModelFailure``      the model could not answer
└── ``Unavailable``       the store cannot take it now; try again

Use cases raise these; ``web/problems.py`` is the one table that maps them to HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneliner.domain.run import RunStatus, Trigger


class OneLinerError(Exception):
    """Root of everything this product refuses. ``code`` is stable and machine readable; ``params`` feed the answer."""

    code = "error"

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(message)
        self.message = message
        self.params: Mapping[str, object] = params


class Invalid(OneLinerError):
    """The input cannot be accepted as it is."""

    code = "invalid"


class Unauthenticated(OneLinerError):
    """No token, or one that is not acceptable. The answer never says which check failed."""

    code = "unauthenticated"


class Forbidden(OneLinerError):
    """The caller is known and may not do this."""

    code = "forbidden"


class UserNotApproved(Forbidden):
    """The user exists but waits for approval, or is suspended."""

    code = "user_not_approved"


class NotFound(OneLinerError):
    """No such thing for this caller."""

    code = "not_found"

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"no {kind} {key!r}", kind=kind, key=key)


class Conflict(OneLinerError):
    """The thing has moved on since the caller looked."""

    code = "conflict"


class IllegalMove(Conflict):
    """The run is in a state from which this move does not lead."""

    code = "illegal_move"

    def __init__(self, *, status: RunStatus, trigger: Trigger | str) -> None:
        super().__init__(f"cannot {trigger!s} a run that is {status!s}", run_status=str(status), trigger=str(trigger))
        self.status = status
        self.trigger = trigger


class PlanChanged(Conflict):
    """The plan has another revision than the caller saw; ``plan`` is the current one, as JSON."""

    code = "plan_changed"


class VersionChanged(Conflict):
    """A document or policy layer has another version than the caller saw."""

    code = "version_changed"


class SessionBusy(Conflict):
    """A run of the session is at work, and the caller asked to be refused then; ``run_id`` is that run's."""

    code = "session_busy"


class RequestInFlight(Conflict):
    """A request with the same idempotency key is still being answered."""

    code = "request_in_flight"


class IdempotencyMismatch(OneLinerError):
    """The idempotency key was used before, with another body."""

    code = "idempotency_mismatch"


class PolicyDenied(OneLinerError):
    """The effective policy forbids it; ``field`` and ``layer`` say which rule of which layer."""

    code = "policy_denied"


class LeaseLost(OneLinerError):
    """The run is no longer this worker's to write."""

    code = "lease_lost"


class Unavailable(OneLinerError):
    """The store cannot take it now. ``retry_after_seconds`` says when to try again."""

    code = "unavailable"


class StorageFull(Unavailable):
    """The disk is full."""

    code = "storage_full"


class ModelFailure(OneLinerError):
    """The model gave no usable answer.

    ``kind`` is one of ``rate_limited``, ``unavailable``, ``timed_out``, ``truncated``, ``malformed``, ``rejected``,
    ``output_limit``, ``unauthorized``; ``retryable`` says whether trying again can cure it; ``retry_after_seconds`` is
    what the provider asked for. ``partial_text`` was streamed before the failure and must not be shown as complete.
    """

    code = "model_failure"

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        retryable: bool,
        retry_after_seconds: float | None = None,
        partial_text: str = "",
    ) -> None:
        super().__init__(message, kind=kind)
        self.kind = kind
        self.retryable = retryable
        self.retry_after_seconds = retry_after_seconds
        self.partial_text = partial_text
