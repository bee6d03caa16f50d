"""Runs as people are shown them: with their place in the lane, where their budgets stand, and what they will cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.app import budgets, runs
from oneliner.domain.estimate import HISTORY_RUNS, Estimate, estimate
from oneliner.domain.run import RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.app.budgets import Standing
    from oneliner.app.ports import Transaction
    from oneliner.domain.run import Run
    from oneliner.domain.usage import Price


@dataclass(frozen=True, slots=True)
class Shown:
    """A run, how many are ahead of it in its lane, its budgets, and the estimate while it waits for its confirmation."""

    run: Run
    ahead: int
    budgets: Sequence[Standing] = ()
    estimate: Estimate | None = None


def shown(tx: Transaction, run: Run, price: Price | None) -> Shown:
    """*run* with what belongs to it; *price* is that of the model which would carry it out."""
    expected = _estimate(tx, run, price) if run.run_status is RunStatus.NEEDS_CONFIRMATION else None
    return Shown(run, runs.position(tx, run), budgets.standings(tx, run), expected)


def _estimate(tx: Transaction, run: Run, price: Price | None) -> Estimate:
    earlier = tx.runs.done_before(run.user_id, run.source_screen, run.source_action_key, HISTORY_RUNS)
    return estimate(run.plan, earlier, price)
