"""When a model call that failed is made again, and what a run's end is called when it is not."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from oneliner.domain.run import Reason

if TYPE_CHECKING:
    from oneliner.domain.errors import ModelFailure

MAX_ATTEMPTS = 4
FIRST_DELAY_SECONDS = 0.5
MAX_DELAY_SECONDS = 60.0

#: Failures that come after the provider has begun to work, and to charge.
CHARGED = frozenset({"timed_out", "truncated", "malformed", "output_limit"})

#: Failures of a provider rather than of a call, which another model may not have.
OUTAGES = frozenset({"rate_limited", "unavailable", "timed_out"})
#: So often a model that has a fallback is asked before that one is: a hiccup is no reason to change models.
ATTEMPTS_BEFORE_FALLBACK = 2
LONGEST_WAIT_BEFORE_FALLBACK_SECONDS = 5.0

_REASONS = {
    "rate_limited": Reason.MODEL_UNAVAILABLE,
    "unavailable": Reason.MODEL_UNAVAILABLE,
    "timed_out": Reason.MODEL_UNAVAILABLE,
    "rejected": Reason.MODEL_REFUSED,
    "unauthorized": Reason.MODEL_REFUSED,
    "output_limit": Reason.OUTPUT_LIMIT,
}


def delay_seconds(attempt: int, asked_seconds: float | None) -> float:
    """How long to wait after failed *attempt* (from 1): what the provider asked for, or twice as long each time, with
    jitter so that runs that failed together do not come back together.
    """
    if asked_seconds is not None:
        return min(max(asked_seconds, 0.0), MAX_DELAY_SECONDS)
    grown = FIRST_DELAY_SECONDS * 2 ** (attempt - 1)
    return min(grown * random.uniform(0.75, 1.25), MAX_DELAY_SECONDS)  # noqa: S311 - jitter, not a secret


def falls_back(failure: ModelFailure, attempts: int, wait_seconds: float) -> bool:
    """Whether another model is to be asked, if there is one, after *attempts* that failed and with so long a wait before
    the next.
    """
    if failure.kind not in OUTAGES:
        return False
    return attempts >= ATTEMPTS_BEFORE_FALLBACK or wait_seconds > LONGEST_WAIT_BEFORE_FALLBACK_SECONDS


def reason_for(failure: ModelFailure) -> Reason:
    """The reason of a run that ends by *failure*."""
    return _REASONS.get(failure.kind, Reason.MODEL_ERROR)
