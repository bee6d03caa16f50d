"""Budgets at work: reserving before a call of a model, settling after it, and giving more to a run that has met its limit.

A run that is under no budget costs no statement here. The rule by which a call is let through is ``domain.budget``'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.app import governance
from oneliner.domain.budget import (
    DAY_MS,
    Budget,
    Counter,
    CounterKey,
    Held,
    Limit,
    limits_of,
    reservation_nanos,
)
from oneliner.domain.errors import Forbidden, Invalid
from oneliner.domain.times import rfc3339, time_from
from oneliner.domain.usage import NANOS_PER_USD, nanos_from, usd

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneliner.app.ports import Transaction
    from oneliner.domain.policy import EffectivePolicy
    from oneliner.domain.run import Run
    from oneliner.domain.usage import Price
    from oneliner.domain.user import Caller

BUDGET = "budget"
UNKNOWN_PRICE = "price_unknown"
MAX_MORE_USD = 1_000_000
_USD_PATTERN = r"^[0-9]{1,7}(\.[0-9]{1,9})?$"


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A call that is not let through: what is asked of whoever may give more, and when the run goes on by itself."""

    asked: Mapping[str, object]
    resumes_at: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a budget of a run stands."""

    limit: Limit
    counter: Counter


def reserve(
    tx: Transaction, run: Run, policy: EffectivePolicy, model: str, price: Price | None, estimated_input: int
) -> Held | Exceeded | None:
    """Reserve what a call of *model* costs at most, in every budget that *run* is under; None when it is under none.

    Nothing is reserved in any of them when one would be passed, or when the *price* is unknown: then no budget could be
    held.
    """
    limits = limits_of(policy, run.id, run.user_id, run.project_id, tx.now_ms)
    if not limits:
        return None
    if price is None:
        return _no_price(model, limits[0])
    held = Held(reservation_nanos(price, estimated_input, policy.max_output_tokens.value), tuple(m.key for m in limits))
    counters = [tx.budgets.reserve(key, held.nanos) for key in held.keys]
    passed = [(m, c) for m, c in zip(limits, counters, strict=True) if not m.holds(c)]
    if not passed:
        return held
    settle(tx, held, 0)
    # Of several, the one in which the most is missing: when it has room, the others will.
    limit, counter = max(passed, key=lambda pair: pair[1].used + pair[1].reserved - pair[0].nanos - pair[1].granted)
    return _exceeded(limit, Counter(counter.used, counter.reserved - held.nanos, counter.granted), held.nanos)


def settle(tx: Transaction, held: Held, cost: int) -> None:
    """Put what a call did *cost* (nano-USD) in the place of what it *held*."""
    for key in held.keys:
        tx.budgets.settle(key, held.nanos, cost)


def standings(tx: Transaction, run: Run) -> list[Standing]:
    """Where the budgets stand that *run* was promised to be under; no statement where it is under none."""
    limits = limits_of(run.governance.effective_policy, run.id, run.user_id, run.project_id, tx.now_ms)
    return [Standing(limit, tx.budgets.read(limit.key)) for limit in limits]


def grant(
    tx: Transaction, caller: Caller, run: Run, asked: Mapping[str, object], answer: object
) -> Mapping[str, object]:
    """Give *run*, which was *asked* for it, more as *answer* (``{"more": "0.50"}``; without it: just try again) says;
    details for its event.

    An administrator may give any amount; the user of the run as much as he could set himself: where the rule is that of
    his own layer, up to what the other layers allow. Raises Invalid: no such amount; Forbidden: it is not his to give.
    """
    more = _more_of(answer)
    if more is None:
        return {}
    key = _key_of(asked)
    if key is None:
        raise Invalid("more money does not help here: the price of the model is unknown", field="more")
    if not caller.is_admin:
        _check_own(tx, run, key, more)
    tx.budgets.grant(key, more)
    return {"budget": key.budget, "more": usd(more)}


def standing_to_json(standing: Standing) -> dict[str, object]:
    """Where a budget stands, as runs and blocks tell it."""
    limit, counter = standing.limit, standing.counter
    day = limit.key.day
    return {
        "budget": limit.key.budget,
        "limit": usd(limit.nanos),
        "granted": usd(counter.granted),
        "used": usd(counter.used),
        "reserved": usd(counter.reserved),
        "left": usd(limit.left(counter)),
        "day": rfc3339(day * DAY_MS)[:10] if day else None,
        "decided_by": str(limit.decision.decided_by),
    }


def _exceeded(limit: Limit, counter: Counter, needed: int) -> Exceeded:
    told = standing_to_json(Standing(limit, counter))
    resumes_at = (limit.key.day + 1) * DAY_MS if limit.key.day else None
    text = (
        f"the {_NAMES[limit.budget]} is ${usd(limit.nanos + counter.granted)}; ${usd(counter.used)} is used and "
        f"${usd(counter.reserved)} reserved by other calls, and the next call of the model reserves ${usd(needed)}"
    )
    asked = {
        "kind": BUDGET,
        "question": text,
        **told,
        "of": limit.key.of,
        "needed": usd(needed),
        "resumes_at": None if resumes_at is None else rfc3339(resumes_at),
        "schema": _SCHEMA,
    }
    return Exceeded(asked, resumes_at, text)


def _no_price(model: str, limit: Limit) -> Exceeded:
    text = (
        f"the price of model {model!r} is unknown, so the {_NAMES[limit.budget]} cannot be held; "
        "give it a price in the file of ONELINER_PRICES (0 when it is free), then resume"
    )
    asked = {
        "kind": BUDGET,
        "question": text,
        "cause": UNKNOWN_PRICE,
        "model": model,
        "budget": limit.key.budget,
        "schema": {"type": "object", "properties": {}, "additionalProperties": False},
    }
    return Exceeded(asked, None, text)


def _more_of(answer: object) -> int | None:
    if answer is None:
        return None
    if not isinstance(answer, dict) or set(answer) - {"more"}:
        raise Invalid('the answer is {"more": "0.50"}, an amount in USD, or {} to try again', field="answer")
    more = answer.get("more")
    if more is None or more == "":
        return None
    nanos = nanos_from(more) if isinstance(more, str) else None
    if not nanos or nanos > MAX_MORE_USD * NANOS_PER_USD:
        raise Invalid(f"{str(more)[:40]!r} is no amount in USD above 0, such as '0.50'", field="more")
    return nanos


def _key_of(blocked: Mapping[str, object]) -> CounterKey | None:
    if blocked.get("cause") == UNKNOWN_PRICE:
        return None
    day = blocked.get("day")
    number = time_from(day, "day") // DAY_MS if isinstance(day, str) else 0
    return CounterKey(str(blocked["budget"]), str(blocked["of"]), number)


def _check_own(tx: Transaction, run: Run, key: CounterKey, more: int) -> None:
    policy = governance.in_force(tx, run)
    limits = limits_of(policy, run.id, run.user_id, run.project_id, key.day * DAY_MS)
    limit = next((m for m in limits if m.key == key), None)
    if limit is None:
        return
    try:
        ceiling = limit.ceiling_for_user()
    except ValueError as error:
        raise Forbidden(
            f"the {_NAMES[limit.budget]} is set by the {error} layer; an administrator may give more", budget=key.budget
        ) from None
    total = limit.nanos + tx.budgets.read(key).granted + more
    if ceiling is not None and total > ceiling:
        raise Forbidden(
            f"this makes ${usd(total)}, and the other layers allow ${usd(ceiling)}; an administrator may give more",
            budget=key.budget,
        )


_NAMES: Mapping[Budget, str] = {
    Budget.RUN: "budget of the run",
    Budget.USER_DAY: "user's budget for the day",
    Budget.PROJECT_DAY: "project's budget for the day",
    Budget.DAY: "budget for the day",
}
_SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {"more": {"type": "string", "pattern": _USD_PATTERN, "description": "how much more, in USD"}},
    "additionalProperties": False,
}
