"""What people do with sessions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from oneliner.app import audit, lanes
from oneliner.app.ports import Page, Scope
from oneliner.domain.audit import Action, Target
from oneliner.domain.errors import Invalid, Purged
from oneliner.domain.run import chat_lane
from oneliner.domain.session import Session, title_from
from oneliner.domain.times import rfc3339
from oneliner.domain.usage import Totals

if TYPE_CHECKING:
    from oneliner.app.ports import Transaction
    from oneliner.domain.message import Message
    from oneliner.domain.user import Caller

__all__ = ["get", "messages", "messages_of_run", "page", "recall", "rename", "resolve", "restore", "title_from"]


def resolve(
    tx: Transaction, caller: Caller, session_id: str | None, project_id: str, text: str
) -> tuple[Session, bool]:
    """The caller's session, or a new one named after *text* when none is given; and whether it is new.

    Raises NotFound: no such session of the caller (an administrator works in his own sessions too); Forbidden: the
    token may not use the project; Invalid: the session belongs to another project than the one named.
    """
    if session_id is not None:
        session = tx.sessions.get(session_id, Scope(caller.user_id))
        caller.check_project(session.project_id)
        if project_id and session.project_id != project_id:
            raise Invalid(
                f"session {session_id!r} belongs to project {session.project_id!r}, not {project_id!r}; "
                "leave one of them out",
                field="session_id",
            )
        return session, False
    caller.check_project(project_id)
    session = Session(
        id=tx.new_id(),
        user_id=caller.user_id,
        project_id=project_id,
        title=title_from(text),
        message_count=0,
        totals=Totals(),
        created_at=tx.now_ms,
        updated_at=tx.now_ms,
        deleted_at=None,
    )
    tx.sessions.add(session)
    return session, True


def get(tx: Transaction, caller: Caller, session_id: str) -> Session:
    """One session with its totals. Raises NotFound."""
    return tx.sessions.get(session_id, _scope(caller))


def page(
    tx: Transaction,
    caller: Caller,
    part: Page,
    project_id: str | None,
    text: str | None,
    *,
    mine: bool = False,
    deleted: bool = False,
) -> list[Session]:
    """Sessions the caller may see, or with *mine* those that are his, newest first.

    With *deleted* those that can be restored. Raises Forbidden: they are an administrator's to see.
    """
    if deleted:
        caller.check_admin()
    scope = Scope(caller.user_id) if mine else _scope(caller)
    return tx.sessions.page(scope, part, project_id, text, restorable=deleted)


def messages(tx: Transaction, caller: Caller, session_id: str, part: Page) -> list[Message]:
    """A session's messages, newest first. Raises NotFound."""
    session = tx.sessions.get(session_id, _scope(caller))
    return tx.messages.page(session.id, part)


def messages_of_run(tx: Transaction, caller: Caller, run_id: str, part: Page) -> list[Message]:
    """A run's messages, newest first. Raises NotFound."""
    run = tx.runs.get(run_id, _scope(caller))
    return tx.messages.page_of_run(run.id, part)


def recall(tx: Transaction, user_id: str, session_id: str, run_id: str, position: int) -> Message | None:
    """The message at *position* of a user's session, as the agent may read it again in *run_id*; None when there is none
    or it belongs to a run that began later.
    """
    found = tx.messages.at(session_id, position)
    return found if found is not None and found.user_id == user_id and found.run_id <= run_id else None


def rename(tx: Transaction, caller: Caller, session_id: str, title: str) -> Session:
    """The session under the first line of *title*. Raises NotFound; Invalid: nothing of it can be seen."""
    session = tx.sessions.get(session_id, _scope(caller))
    named = title_from(title)
    if not named:
        raise Invalid("give the session a title that can be seen", field="title")
    if named == session.title:
        return session
    tx.sessions.rename(session.id, named)
    audit.record(tx, caller.user_id, Action.SESSION_RENAMED, Target.SESSION, session.id, owner=session.user_id)
    return replace(session, title=named)


def restore(tx: Transaction, caller: Caller, session_id: str) -> Session:
    """Bring a deleted session back, with its messages and runs.

    Raises Forbidden: an administrator's; NotFound; Purged: there is nothing left to bring back.
    """
    caller.check_admin()
    tx.sessions.get(session_id, Scope(None, with_deleted=True))
    lanes.hold(tx, chat_lane(session_id))
    # Again, now that its lane is held: whoever purges holds it too.
    session = tx.sessions.get(session_id, Scope(None, with_deleted=True))
    if session.purged_at is not None:
        raise Purged(
            f"the content of session {session_id!r} is gone since {rfc3339(session.purged_at)}; it cannot be restored",
            purged_at=rfc3339(session.purged_at),
        )
    tx.sessions.set_deleted(session.id, None)
    # Restoring it is something that happens in it: a retention rule does not take it away again at once.
    tx.sessions.grow(session.id, 0, Totals())
    audit.record(tx, caller.user_id, Action.SESSION_RESTORED, Target.SESSION, session_id, owner=session.user_id)
    return tx.sessions.get(session_id, Scope(None))


def _scope(caller: Caller) -> Scope:
    return Scope(None if caller.is_admin else caller.user_id)
