"""What a run will probably use, said before it is confirmed; always marked as an estimate, and never money that is owed.

From history where there is some: what the newest runs of the same user and the same action used for each step of their
plans, the middle one of them, times the steps of this plan. Else by a rule of thumb: a call of the model for each step
and two more, each of which is sent the instructions and what was said before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from statistics import median_low
from typing import TYPE_CHECKING

from oneliner.domain.usage import Usage, cost_nanos, estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.domain.plan import Plan
    from oneliner.domain.run import Run
    from oneliner.domain.usage import Price

#: How many earlier runs are looked at, and from how many on they say more than the rule of thumb.
HISTORY_RUNS = 20
ENOUGH_RUNS = 3
#: The rule of thumb, in tokens: what every call is sent (instructions, tools, rules), and what an answer is long.
_SENT_ALWAYS = 1_000
_ANSWER = 200
_CALLS_BESIDE_STEPS = 2


class Basis(StrEnum):
    """What an estimate was made from."""

    HISTORY = "history"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Estimate:
    """About how much. ``cost_nanos`` is None where no price is known; ``sample_count`` says how many runs it is from."""

    basis: Basis
    sample_count: int
    model_calls: int
    input_tokens: int
    output_tokens: int
    cost_nanos: int | None


def estimate(plan: Plan, earlier: Sequence[Run], price: Price | None) -> Estimate:
    """What a run with *plan* will probably use, after the *earlier* runs of its kind that are done."""
    told = [run for run in earlier if run.totals.tokens]
    if len(told) < ENOUGH_RUNS:
        return _by_plan(plan, price)
    steps = max(len(plan.steps), 1)

    def middle(values: Sequence[tuple[int, int]]) -> int:
        # Whole numbers all the way: what one step took, in millionths, times the steps.
        return (median_low(value * 1_000_000 // of for value, of in values) * steps + 500_000) // 1_000_000

    sizes = [(run, max(len(run.plan.steps), 1)) for run in told]
    priced = [(run.totals.cost_nanos, of) for run, of in sizes if not run.totals.unpriced_count]
    return Estimate(
        basis=Basis.HISTORY,
        sample_count=len(told),
        model_calls=max(middle([(run.steps_taken, of) for run, of in sizes]), 1),
        input_tokens=middle([(run.totals.input_tokens, of) for run, of in sizes]),
        output_tokens=middle([(run.totals.output_tokens, of) for run, of in sizes]),
        cost_nanos=middle(priced) if priced else None,
    )


def _by_plan(plan: Plan, price: Price | None) -> Estimate:
    calls = len(plan.steps) + _CALLS_BESIDE_STEPS
    plan_tokens = estimate_tokens(plan.goal) + sum(estimate_tokens(step.title) for step in plan.steps)
    # Each call is sent all the answers before it once more.
    sent = calls * (_SENT_ALWAYS + plan_tokens) + _ANSWER * calls * (calls - 1) // 2
    used = Usage(sent, calls * _ANSWER)
    return Estimate(Basis.PLAN, 0, calls, used.input_tokens, used.output_tokens, cost_nanos(used, price))
