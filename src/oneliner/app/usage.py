"""The bill: what the calls of models used and cost, by what one asks."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from oneliner.app.ports import Scope
from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from oneliner.app.ports import Transaction, UsageRow
    from oneliner.domain.user import Caller

MAX_ROWS = 1_000


class GroupBy(StrEnum):
    """What a line of the bill is for."""

    DAY = "day"
    PROJECT = "project"
    SESSION = "session"
    MODEL = "model"
    RUN = "run"
    USER = "user"


def bill(
    tx: Transaction, caller: Caller, group_by: GroupBy, since_ms: int, until_ms: int, project_id: str | None
) -> list[UsageRow]:
    """The lines between two times, the greatest key first, at most :data:`MAX_ROWS`.

    Raises Forbidden: by user, and the caller is no administrator; Invalid: it ends before it begins.
    """
    if group_by is GroupBy.USER:
        caller.check_admin()
    if since_ms >= until_ms:
        raise Invalid("the bill ends before it begins; give a later 'until' or an earlier 'since'", field="until")
    scope = Scope(None if caller.is_admin else caller.user_id)
    return tx.messages.usage(scope, str(group_by), since_ms, until_ms, project_id, MAX_ROWS)
