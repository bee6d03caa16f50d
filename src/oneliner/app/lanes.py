"""Lanes: the runs of one lane go one at a time.

The lane's row says who may go, and it is locked first in every transaction that puts a run into its lane or takes one
out (a partial unique index alone loses promotions: the end of one run and the confirmation of the next both see the
other's old state). Only the run that may go is handed to the queue, so a lane holds at most one message there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.domain.run import chat_lane

if TYPE_CHECKING:
    from oneliner.app.ports import Transaction
    from oneliner.domain.run import Run


def enter(tx: Transaction, lane: str, run_id: str) -> bool:
    """Put a run that is about to be queued into its lane; whether it may go at once. Call it before the run's row is
    touched.
    """
    goes = tx.lanes.join(lane, run_id) == run_id
    if goes:
        tx.effects.wakes.append(run_id)
    return goes


def hold(tx: Transaction, lane: str) -> str | None:
    """Lock a lane before the row of one of its runs is touched; the run that may go, for :func:`leave`."""
    return tx.lanes.lock(lane)


def hold_of_session(tx: Transaction, session_id: str) -> list[Run]:
    """Lock every lane of a session's runs, in the order that every transaction which locks several keeps to; its runs
    that have not ended, by id, none of which can end or begin to work before this transaction ends.
    """
    held: set[str] = set()
    wanted = {chat_lane(session_id)}
    found: list[Run] = []
    # Whoever was quicker to a lane may have brought another one with it.
    while wanted - held:
        for lane in sorted(wanted - held):
            hold(tx, lane)
        held |= wanted
        found = tx.runs.open_in_session(session_id)
        wanted = {run.lane for run in found}
    return sorted(found, key=lambda run: run.id)


def leave(tx: Transaction, lane: str, run_id: str, active: str | None) -> None:
    """Let the next one go when *run_id*, which has just left the lane, was the *active* one."""
    if active == run_id:
        promote(tx, lane)


def promote(tx: Transaction, lane: str) -> str | None:
    """Make the oldest queued run of a locked lane its active one; that run, or None."""
    following = tx.runs.first_queued(lane)
    tx.lanes.set_active(lane, following)
    if following is not None:
        tx.effects.wakes.append(following)
    return following
