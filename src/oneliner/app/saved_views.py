"""A user's saved views. They are his alone: nobody else reads or changes them, an administrator neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.domain.errors import Invalid, NotFound
from oneliner.domain.saved_view import MAX_NAME_CHARS, MAX_VIEWS

if TYPE_CHECKING:
    from oneliner.app.ports import Transaction
    from oneliner.domain.saved_view import SavedView
    from oneliner.domain.user import Caller


def of_caller(tx: Transaction, caller: Caller) -> list[SavedView]:
    """All of the caller's, in the order in which he first saved them."""
    return tx.saved_views.of_user(caller.user_id)


def put(tx: Transaction, caller: Caller, name: str, query: str) -> SavedView:
    """Keep *query* under *name*, in place of what had that name. Raises Invalid: no name, or there are too many."""
    name = name.strip()
    if not name:
        raise Invalid(f"a view needs a name of 1 to {MAX_NAME_CHARS} characters", field="name")
    names = {view.name for view in tx.saved_views.of_user(caller.user_id)}
    if name not in names and len(names) >= MAX_VIEWS:
        raise Invalid(f"{MAX_VIEWS} views are kept already; remove one first", field="name")
    return tx.saved_views.put(caller.user_id, name, query)


def remove(tx: Transaction, caller: Caller, name: str) -> None:
    """Forget one of the caller's. Raises NotFound."""
    if not tx.saved_views.remove(caller.user_id, name.strip()):
        raise NotFound("view", name)
