"""The bill: what the calls of models used and cost, by what one asks."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from oneliner.app.ports import UsageRow
from oneliner.domain.errors import Invalid
from oneliner.domain.usage import added

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.app.ports import Page, Transaction, UsageFilter
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
    lines = tx.usage.lines(str(group_by), only, page)
    is_whole = page.before is None and len(lines) < page.limit
    # Each call is in exactly one line, so all of the lines are the total, and the messages need not be read twice.
    return lines, summed(lines) if is_whole else tx.usage.total(only)


def summed(lines: Sequence[UsageRow]) -> UsageRow:
    """One line that is the sum of *lines*."""
    return UsageRow("", sum(line.message_count for line in lines), added(line.totals for line in lines))
