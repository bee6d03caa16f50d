"""Budgets: how much money may be spent, by what, in which time; and the rule by which a call of a model is let through.

A call **reserves** what it will cost at most, as far as that is known before it: the tokens that are sent, by estimate,
and as many as the answer may have, at the model's price. It is let through when, for each budget that it is under, what
was used and what all calls under way have reserved stay within the limit together with it. What it did cost takes the
place of the reservation in the transaction that stores its bill. So calls in parallel cannot spend one remainder twice,
and a budget is passed only by what a call costs beyond its reservation.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from oneliner.domain.policy import LayerName
from oneliner.domain.usage import Usage, cost_nanos

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneliner.domain.policy import Decision, EffectivePolicy
    from oneliner.domain.usage import Price

DAY_MS = 86_400_000
#: How many tokens an answer is taken to have where no rule limits it.
ASSUMED_OUTPUT_TOKENS = 4_096


class Budget(StrEnum):
    """What a budget is for."""

    RUN = "run"
    USER_DAY = "user_day"
    PROJECT_DAY = "project_day"
    DAY = "day"


#: The layers in which a budget can be set: those that hold for all the runs it counts. An override stands for itself.
SETTABLE_IN: Mapping[str, frozenset[LayerName]] = {
    "run_budget": frozenset(LayerName),
    "user_day_budget": frozenset({LayerName.SYSTEM, LayerName.USER, LayerName.ADMIN_OVERRIDE}),
    "project_day_budget": frozenset({LayerName.SYSTEM, LayerName.PROJECT, LayerName.ADMIN_OVERRIDE}),
    "day_budget": frozenset({LayerName.SYSTEM, LayerName.ADMIN_OVERRIDE}),
}


@dataclass(frozen=True, slots=True, order=True)
class CounterKey:
    """Which counter: of one budget, for the run, user or project *of* (empty: everybody), on a *day* (days since 1970
    UTC; 0 for a run, which has one counter for all its days). Counters are locked in this order.
    """

    budget: str
    of: str
    day: int


@dataclass(frozen=True, slots=True)
class Counter:
    """Where a budget stands, in nano-USD. ``granted`` was given on top of the limit."""

    used: int
    reserved: int
    granted: int


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget that a run is under, and the rule that set it."""

    key: CounterKey
    nanos: int
    decision: Decision[int | None]

    @property
    def budget(self) -> Budget:
        """Which budget it is."""
        return Budget(self.key.budget)

    def left(self, counter: Counter) -> int:
        """What may still be reserved, in nano-USD; never negative."""
        return max(self.nanos + counter.granted - counter.used - counter.reserved, 0)

    def holds(self, counter: Counter) -> bool:
        """Whether the limit is kept by *counter*."""
        return counter.used + counter.reserved <= self.nanos + counter.granted

    def ceiling_for_user(self) -> int | None:
        """Up to what the user himself may raise it: what all the layers but his own say, or None for no limit.

        Raises ValueError: it is not his layer that decided, so it is not his to raise.
        """
        if self.decision.decided_by is not LayerName.USER:
            raise ValueError(str(self.decision.decided_by))
        others = [v for name, v in self.decision.others if name is not LayerName.USER and v is not None]
        return min(others, default=None)


@dataclass(frozen=True, slots=True)
class Held:
    """What a call of a model has reserved, *nanos* in each counter of *keys*."""

    nanos: int
    keys: tuple[CounterKey, ...]


def limits_of(policy: EffectivePolicy, run_id: str, user_id: str, project_id: str, now_ms: int) -> list[Limit]:
    """The budgets that a call of the run is under at *now_ms*, in the order of their counters. A run without a project
    is under no project's budget.
    """
    if policy.has_no_budget:
        return []
    day = now_ms // DAY_MS
    found = [
        (CounterKey(Budget.RUN, run_id, 0), policy.run_budget),
        (CounterKey(Budget.USER_DAY, user_id, day), policy.user_day_budget),
        (CounterKey(Budget.PROJECT_DAY, project_id, day), policy.project_day_budget),
        (CounterKey(Budget.DAY, "", day), policy.day_budget),
    ]
    limits = [
        Limit(key, decision.value, decision)
        for key, decision in found
        if decision.value is not None and (project_id or key.budget != Budget.PROJECT_DAY)
    ]
    return sorted(limits, key=lambda limit: limit.key)


def reservation_nanos(price: Price, estimated_input: int, max_output_tokens: int | None) -> int:
    """What a call reserves: *estimated_input* tokens sent, none of them cached, and the longest answer that the rules
    allow, or :data:`ASSUMED_OUTPUT_TOKENS` where they allow any.
    """
    output = ASSUMED_OUTPUT_TOKENS if max_output_tokens is None else max_output_tokens
    return cost_nanos(Usage(estimated_input, output), price) or 0
