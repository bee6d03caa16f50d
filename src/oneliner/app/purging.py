"""Purging: what was said in a session goes for good, and its books stay.

Deleting a session only hides it; after a time of grace its content is taken out of every row. The rows remain with their
tokens, costs, models, types and times, so that every bill reads to the digit as it did before. Every process looks for
what is due; who holds the session's lane does it, once.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from oneliner.app import audit, lanes
from oneliner.domain.audit import SERVER, Action, Target
from oneliner.domain.run import chat_lane

if TYPE_CHECKING:
    from oneliner.app.ports import Database, Transaction

BATCH = 100


async def purge_deleted(database: Database, *, after_ms: int) -> int:
    """Purge the sessions that were deleted *after_ms* ago or longer; how many."""
    purged, last = 0, ""
    while found := await database.read(partial(_due, after_ms=after_ms, last=last)):
        for session_id in found:
            purged += await database.write(partial(purge, session_id=session_id, after_ms=after_ms))
        last = found[-1]
    return purged


def purge(tx: Transaction, session_id: str, after_ms: int) -> bool:
    """Take the content out of a session that was deleted *after_ms* ago or longer; False when it is not, or no longer,
    to be purged: restored, done already, or somebody still writes to it.
    """
    # Whoever deletes or restores the session holds this lane too.
    lanes.hold(tx, chat_lane(session_id))
    if not tx.purging.is_due(session_id, tx.now_ms - after_ms):
        return False
    tx.purging.empty(session_id)
    audit.record(tx, SERVER, Action.SESSION_PURGED, Target.SESSION, session_id)
    return True


def _due(tx: Transaction, after_ms: int, last: str) -> list[str]:
    return tx.purging.due(tx.now_ms - after_ms, last, BATCH)
