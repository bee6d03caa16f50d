"""The tools of the demo workspace: accounts that are kept in one of its documents.

What they change is that document, as a new version that names the run: so it can be seen, and taken back.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

from oneliner.adapters.tools.declaration import tool
from oneliner.app import documents
from oneliner.app.demo_texts import ACCOUNTS_PATH
from oneliner.app.tools import CallContext, ToolFailed
from oneliner.domain.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.app.ports import Database, Transaction

_COLUMNS = ("account", "followers", "change_in_a_week", "status")


def demo_tools(database: Database) -> list[Callable[..., object]]:
    """The tools over the accounts in *database*."""

    @tool(read_only=True)
    async def list_accounts(context: CallContext) -> list[dict[str, str]]:
        """List the accounts of the demo project: followers, their change in a week, and status."""
        text = await database.read(lambda tx: _read(tx, context))
        return [dict(zip(_COLUMNS, row, strict=True)) for row in _rows(text)]

    @tool(idempotent=True)
    async def set_account_status(
        account: str, status: Literal["active", "paused"], context: CallContext, reason: str = ""
    ) -> dict[str, str]:
        """Set the status of an account of the demo project.

        Args:
            account: its name, as listed
            status: what it is to be
            reason: why, in a sentence
        """
        await database.write(partial(_set_status, context=context, account=account, status=status))
        return {"account": account, "status": status, "reason": reason}

    return [list_accounts, set_account_status]


def _read(tx: Transaction, context: CallContext) -> str:
    try:
        _, version = documents.read(tx, context.user_id, context.project_id, ACCOUNTS_PATH)
    except NotFound:
        raise ToolFailed(f"there is no {ACCOUNTS_PATH} in this project; the accounts are in the demo project") from None
    return version.content


def _set_status(tx: Transaction, *, context: CallContext, account: str, status: str) -> None:
    text = _read(tx, context)
    row = next((r for r in _rows(text) if r[0] == account), None)
    if row is None:
        known = ", ".join(r[0] for r in _rows(text))
        raise ToolFailed(f"there is no account {account!r}; there are {known}")
    content = text.replace(_line(row), _line((*row[:-1], status)))
    if content != text:
        documents.write(
            tx,
            context.user_id,
            context.project_id,
            ACCOUNTS_PATH,
            content,
            None,
            context.executor,
            context.run_id,
        )


def _rows(text: str) -> list[tuple[str, ...]]:
    """The lines of the table, without its head."""
    cells = [tuple(c.strip() for c in line.strip().strip("|").split("|")) for line in text.splitlines() if "|" in line]
    return [row for row in cells[2:] if len(row) == len(_COLUMNS)]


def _line(row: tuple[str, ...]) -> str:
    return f"| {' | '.join(row)} |"
