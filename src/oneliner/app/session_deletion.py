"""Deleting a session: softly, with all it holds, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.app import lanes
from oneliner.app.runs import cancel_as, scope_of
from oneliner.domain.run import Reason, chat_lane

if TYPE_CHECKING:
    from oneliner.app.ports import Transaction
    from oneliner.domain.run import Run
    from oneliner.domain.user import Caller


def delete(tx: Transaction, caller: Caller, session_id: str) -> None:
    """Mark a session, its messages and its runs as deleted; runs that have not ended are cancelled first.

    Raises NotFound: no such session of the caller, or deleted already.
    """
    session = tx.sessions.get(session_id, scope_of(caller))
    for run_id in _hold_open(tx, session.id):
        tx.runs.hold(run_id)
    # Again, now that they are held: one may have ended meanwhile.
    still_open = tx.runs.open_in_session(session.id)
    tx.sessions.set_deleted(session.id, tx.now_ms)
    for run in still_open:
        cancel_as(tx, run, Reason.SESSION_DELETED, {"by": caller.user_id})


def _hold_open(tx: Transaction, session_id: str) -> list[str]:
    """Lock the session's lanes, in the order that every transaction which locks several keeps to; its open runs."""
    held: set[str] = set()
    wanted = {chat_lane(session_id)}
    found: list[Run] = []
    # Whoever was quicker to a lane may have brought another one with it.
    while wanted - held:
        for lane in sorted(wanted - held):
            lanes.hold(tx, lane)
        held |= wanted
        found = tx.runs.open_in_session(session_id)
        wanted = {run.lane for run in found}
    return sorted(run.id for run in found)
