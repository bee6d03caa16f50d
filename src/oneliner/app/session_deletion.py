"""Deleting a session: softly, with all it holds, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.app import lanes
from oneliner.app.runs import cancel_as, scope_of
from oneliner.domain.run import Reason

if TYPE_CHECKING:
    from oneliner.app.ports import Transaction
    from oneliner.domain.user import Caller


def delete(tx: Transaction, caller: Caller, session_id: str) -> None:
    """Mark a session, its messages and its runs as deleted; runs that have not ended are cancelled first.

    Raises NotFound: no such session of the caller, or deleted already.
    """
    session = tx.sessions.get(session_id, scope_of(caller))
    for run in lanes.hold_of_session(tx, session.id):
        tx.runs.hold(run.id)
    # Again, now that they are held: one may have ended meanwhile.
    still_open = tx.runs.open_in_session(session.id)
    tx.sessions.set_deleted(session.id, tx.now_ms)
    for run in still_open:
        cancel_as(tx, run, Reason.SESSION_DELETED, {"by": caller.user_id})
