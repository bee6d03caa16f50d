"""Moving runs and writing what happened: the only way in which a use case changes a run.

A move and its events are one compare-and-set and one insert in the caller's transaction, so that history and state
cannot disagree, and a run's sequence has no gaps whatever is rolled back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.app import deliveries
from oneliner.app.ports import Scope
from oneliner.domain.errors import IllegalMove, LeaseLost
from oneliner.domain.event import Draft
from oneliner.domain.run import MOVES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.app.ports import Lease, Transaction
    from oneliner.domain.run import Run, Trigger

EVERYTHING = Scope(None, with_deleted=True)


def move(
    tx: Transaction,
    run_id: str,
    trigger: Trigger,
    *,
    lease: Lease | None = None,
    details: Mapping[str, object] | None = None,
    before: Sequence[Draft] = (),
    changes: Mapping[str, object] | None = None,
) -> Run:
    """The run after *trigger*, with the move's events written behind *before*; *details* go with the first of them.

    Raises IllegalMove: the run is in a state from which the move does not lead; LeaseLost: *lease* is not its newest.
    """
    step = MOVES[trigger]
    status = {"run_status": str(step.target)}
    first, *rest = step.events
    drafts = [*before, Draft(first, {**status, **(details or {})}), *(Draft(event, status) for event in rest)]
    fence = None if lease is None else lease.fence
    moved = tx.runs.move(run_id, step, len(drafts), fence, changes or {})
    if moved is None:
        if lease is not None:
            raise LeaseLost(f"run {run_id!r} is no longer executed under fence {lease.fence}")
        raise IllegalMove(status=tx.runs.get(run_id, EVERYTHING).run_status, trigger=trigger)
    write(tx, moved, drafts)
    return moved


def note(tx: Transaction, lease: Lease, drafts: Sequence[Draft], changes: Mapping[str, object] | None = None) -> Run:
    """The run with *changes* and *drafts* written by the worker that holds it. Raises LeaseLost: it does not."""
    touched = tx.runs.touch(lease.run_id, len(drafts), lease.fence, changes or {})
    if touched is None:
        raise LeaseLost(f"run {lease.run_id!r} is no longer executed under fence {lease.fence}")
    write(tx, touched, drafts)
    return touched


def write(tx: Transaction, run: Run, drafts: Sequence[Draft]) -> None:
    """Write *drafts* as the newest events of *run*, whose ``last_seq`` counts them already, and tell them after the
    commit.
    """
    if not drafts:
        return
    cursor, is_listened_to = tx.users.advance_cursor(run.user_id, len(drafts), run.project_id)
    written = tx.events.append(run, cursor, drafts)
    tx.effects.events.extend(written)
    if is_listened_to:
        deliveries.enqueue(tx, written)
