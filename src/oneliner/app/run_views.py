"""Runs as people are shown them: with their place in the lane, where their budgets stand, what they will cost, and what
happened to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.app import budgets
from oneliner.app.ports import Scope
from oneliner.app.runs import scope_of
from oneliner.domain.estimate import HISTORY_RUNS, Estimate, estimate
from oneliner.domain.run import RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.app.budgets import Standing
    from oneliner.app.ports import Page, RunFilter, Transaction
    from oneliner.domain.event import EventType, RunEvent
    from oneliner.domain.run import Run
    from oneliner.domain.usage import Price
    from oneliner.domain.user import Caller


@dataclass(frozen=True, slots=True)
class Shown:
    """A run, how many are ahead of it in its lane, its budgets, and the estimate while it waits for its confirmation."""

    run: Run
    ahead: int
    budgets: Sequence[Standing] = ()
    estimate: Estimate | None = None


def get(tx: Transaction, caller: Caller, run_id: str) -> Run:
    """One run. Raises NotFound."""
    return tx.runs.get(run_id, scope_of(caller))


def position(tx: Transaction, run: Run) -> int:
    """How many runs of its lane are ahead of a queued run; 0 for any other."""
    return tx.runs.queue_position(run) if run.run_status is RunStatus.QUEUED else 0


def page(tx: Transaction, caller: Caller, part: Page, only: RunFilter, *, mine: bool = False) -> list[Run]:
    """Runs the caller may see, or with *mine* those that are his, newest first."""
    return tx.runs.page(Scope(caller.user_id) if mine else scope_of(caller), part, only)


def events(tx: Transaction, caller: Caller, run_id: str, after: int, limit: int) -> tuple[Run, list[RunEvent]]:
    """A run with its events after a sequence number, oldest first. Raises NotFound."""
    run = tx.runs.get(run_id, scope_of(caller))
    return run, tx.events.after(run.id, after, limit)


def some_events(
    tx: Transaction,
    caller: Caller,
    run_id: str,
    types: frozenset[EventType] | None,
    after: int,
    limit: int,
    *,
    newest: bool,
) -> list[RunEvent]:
    """A run's events after a sequence number and of some types (None: of all), oldest first; with *newest* the last of
    them. Raises NotFound.
    """
    run = tx.runs.get(run_id, scope_of(caller))
    return tx.events.some(run.id, types, after, limit, newest=newest)


def shown(tx: Transaction, run: Run, price: Price | None) -> Shown:
    """*run* with what belongs to it; *price* is that of the model which would carry it out."""
    expected = _estimate(tx, run, price) if run.run_status is RunStatus.NEEDS_CONFIRMATION else None
    return Shown(run, position(tx, run), budgets.standings(tx, run), expected)


def _estimate(tx: Transaction, run: Run, price: Price | None) -> Estimate:
    earlier = tx.runs.done_before(run.user_id, run.source_screen, run.source_action_key, HISTORY_RUNS)
    return estimate(run.plan, earlier, price)
