"""Who may work here.

A user is created at the first write under a valid token; until then he is what he would be created as. So a read needs
no write, and a user who waits for approval is refused from the first request on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.app import audit
from oneliner.domain.audit import Action, Target
from oneliner.domain.errors import Invalid, UserNotApproved
from oneliner.domain.user import User, UserStatus

if TYPE_CHECKING:
    from oneliner.app.ports import Page, Transaction
    from oneliner.domain.user import Caller


def admit(tx: Transaction, caller: Caller, *, approve_new: bool) -> User:
    """The user behind *caller*, created when unknown. Raises UserNotApproved: he waits for approval, or is suspended."""
    return _approved(tx.users.admit(caller, _status_if_new(caller, approve_new=approve_new)))


def recognise(tx: Transaction, caller: Caller, *, approve_new: bool) -> User:
    """As :func:`admit`, without writing anything."""
    found = tx.users.find(caller.user_id)
    return _approved(
        found or User(caller.user_id, caller.name, _status_if_new(caller, approve_new=approve_new), tx.now_ms)
    )


def register(tx: Transaction, caller: Caller, *, approve_new: bool) -> User:
    """The user behind *caller*, created when unknown, whatever his status: so that he can be told what it is."""
    return tx.users.admit(caller, _status_if_new(caller, approve_new=approve_new))


def page(tx: Transaction, caller: Caller, part: Page) -> list[User]:
    """Users by id. Raises Forbidden: the caller is no administrator."""
    caller.check_admin()
    return tx.users.page(part)


def set_status(tx: Transaction, caller: Caller, user_id: str, status: UserStatus) -> User:
    """Approve or suspend a user. Raises Forbidden: the caller is no administrator; NotFound; Invalid: erasing is no
    status to be set.
    """
    caller.check_admin()
    if status is UserStatus.ERASED:
        raise Invalid("a user is erased by deleting him, not by his status", field="status")
    changed = tx.users.set_status(user_id, status)
    audit.record(tx, caller.user_id, Action.USER_STATUS_SET, Target.USER, user_id, status=str(status))
    return changed


def _status_if_new(caller: Caller, *, approve_new: bool) -> UserStatus:
    # An administrator's token is an approval: somebody has to be there who can approve the first user.
    return UserStatus.APPROVED if approve_new or caller.is_admin else UserStatus.PENDING


def _approved(user: User) -> User:
    if user.status is UserStatus.PENDING:
        raise UserNotApproved("this user waits for the approval of an administrator", user_status=str(user.status))
    if user.status is UserStatus.SUSPENDED:
        raise UserNotApproved("this user is suspended", user_status=str(user.status))
    if user.status is UserStatus.ERASED:
        raise UserNotApproved(
            "the data of this user was erased; an administrator can approve him to start anew",
            user_status=str(user.status),
        )
    return user
