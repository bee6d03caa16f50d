"""The bill: what the calls of models used and cost, by what one asks."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from oneliner.app.ports import Page, Transaction, UsageFilter, UsageRow
    from oneliner.domain.user import Caller


class GroupBy(StrEnum):
    """What a line of the bill is for."""

    DAY = "day"
    PROJECT = "project"
    USER = "user"
    SESSION = "session"
    RUN = "run"
    MODEL = "model"
    TOOL = "tool"
    EXECUTOR = "executor"


def bill(
    tx: Transaction, caller: Caller, group_by: GroupBy, only: UsageFilter, page: Page
) -> tuple[list[UsageRow], UsageRow]:
    """The lines, the greatest key first, and the total of all of them, also of those that are not on the page.

    Raises Forbidden: by user or of another user, and the caller is no administrator; Invalid: it ends before it begins.
    """
    if group_by is GroupBy.USER or only.user_id not in {None, caller.user_id}:
        caller.check_admin()
    if only.since_ms >= only.until_ms:
        raise Invalid("the bill ends before it begins; give a later 'until' or an earlier 'since'", field="until")
    if not caller.is_admin:
        only = replace(only, user_id=caller.user_id)
    return tx.usage.lines(str(group_by), only, page), tx.usage.total(only)
