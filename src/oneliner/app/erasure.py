"""Erasing a user: all that he said and wrote goes, and his bills stay.

The user is marked first, and from that moment on refused. What is his then goes step by step, each in a transaction of
its own; what a step leaves behind (a run whose worker has not noticed yet, a process that died) is found by the
housekeeping of any process, until nothing is left. His id stays as the key of the books; nothing else names him.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from oneliner.app import audit, purging, session_deletion
from oneliner.domain.audit import Action, Target
from oneliner.domain.errors import Invalid, NotFound

if TYPE_CHECKING:
    from oneliner.app.ports import Database, Transaction
    from oneliner.domain.user import Caller

BATCH = 100
#: How many sessions are purged while whoever asked for it waits.
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Erasure:
    """How far it is: so many sessions are purged, and unless it is complete, the housekeeping goes on with the rest."""

    user_id: str
    sessions_purged: int
    is_complete: bool


def begin(tx: Transaction, caller: Caller, user_id: str) -> None:
    """Mark a user as erased and delete what is his alone.

    Raises Forbidden: an administrator's; NotFound; Invalid: nobody erases himself, for who would let him in again?
    """
    caller.check_admin()
    if user_id == caller.user_id:
        raise Invalid("you cannot erase yourself; ask another administrator", field="user_id")
    tx.users.erase(user_id)
    tx.purging.drop_belongings()
    audit.record(tx, caller.user_id, Action.USER_ERASED, Target.USER, user_id)


async def carry_on(database: Database, user_id: str) -> Erasure:
    """Cancel what still runs for an erased user and purge his sessions, about :data:`AT_ONCE` of them at most."""
    purged = await _purge(database, user_id, AT_ONCE)
    left = await database.read(lambda tx: tx.purging.of_erased("", 1, user_id))
    return Erasure(user_id, purged, not left)


async def complete_all(database: Database) -> int:
    """Finish what was begun for any user; how many sessions were purged."""
    purged = await _purge(database, None, None)
    # What a tool wrote for him that was under way when he was erased.
    await database.write(lambda tx: tx.purging.drop_belongings())
    return purged


async def _purge(database: Database, user_id: str | None, at_most: int | None) -> int:
    purged, seen, last = 0, 0, ""
    while found := await database.read(partial(_of_erased, last=last, user_id=user_id)):
        for session_id in found:
            await database.write(partial(_delete, session_id=session_id))
            purged += await database.write(partial(purging.purge, session_id=session_id, after_ms=0))
        last, seen = found[-1], seen + len(found)
        if at_most is not None and seen >= at_most:
            break
    return purged


def _of_erased(tx: Transaction, last: str, user_id: str | None) -> list[str]:
    return tx.purging.of_erased(last, BATCH, user_id)


def _delete(tx: Transaction, session_id: str) -> None:
    try:
        session_deletion.delete_erased(tx, session_id)
    except NotFound:
        # It was deleted before.
        return
