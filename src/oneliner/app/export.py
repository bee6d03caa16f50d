"""Exports: all that is kept of a session or of a user, read in pages.

No transaction lasts as long as an export, and no more than a page is held in memory. So what is said meanwhile may be in
it or not; what was there when it began, and was not deleted meanwhile, is.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from oneliner.app import audit, run_views
from oneliner.app.ports import Page, Scope
from oneliner.domain.audit import Action, Target
from oneliner.domain.errors import NotFound
from oneliner.domain.policy import LayerName

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from typing import Protocol

    from oneliner.app.ports import Transaction
    from oneliner.app.run_views import Shown
    from oneliner.domain.document import Document, DocumentVersion
    from oneliner.domain.event import RunEvent
    from oneliner.domain.message import Message, ToolCall
    from oneliner.domain.policy import Layer
    from oneliner.domain.saved_view import SavedView
    from oneliner.domain.session import Session
    from oneliner.domain.user import Caller, User

    class Read(Protocol):
        """Runs a function as a reading transaction."""

        def __call__(self, work: Callable[[Transaction], T], /) -> Awaitable[T]: ...  # noqa: D102


T = TypeVar("T")
PAGE = 50
Part: TypeAlias = "User | Layer | SavedView | Session | Shown | ToolCall | RunEvent | Message | Document | tuple[Document, DocumentVersion]"


def begin_session(tx: Transaction, caller: Caller, session_id: str) -> Session:
    """The session to export. Raises NotFound."""
    session = tx.sessions.get(session_id, Scope(None if caller.is_admin else caller.user_id))
    audit.record(tx, caller.user_id, Action.SESSION_EXPORTED, Target.SESSION, session_id, owner=session.user_id)
    return session


def begin_user(tx: Transaction, caller: Caller, user_id: str) -> User:
    """The user to export: the caller himself, or anybody for an administrator. Raises NotFound."""
    user = tx.users.find(user_id) if caller.is_admin or user_id == caller.user_id else None
    if user is None:
        raise NotFound("user", user_id)
    audit.record(tx, caller.user_id, Action.USER_EXPORTED, Target.USER, user_id)
    return user


async def of_session(read: Read, session: Session) -> AsyncIterator[Part]:
    """A session, and its messages in their order; before the first message of a run the run, with its tool calls and its
    events.
    """
    yield session
    told: set[str] = set()
    position = 0
    while messages := await read(partial(_messages, session_id=session.id, position=position)):
        for message in messages:
            if message.run_id and message.run_id not in told:
                told.add(message.run_id)
                async for part in _of_run(read, message.run_id):
                    yield part
            yield message
        position = messages[-1].position


async def of_user(read: Read, user: User) -> AsyncIterator[Part]:
    """A user, the rules he set for himself, his saved views, his documents with every version, and his sessions, the newest first."""
    yield user
    layer = await read(lambda tx: tx.policies.get(LayerName.USER, user.id))
    if layer is not None:
        yield layer
    for view in await read(lambda tx: tx.saved_views.of_user(user.id)):
        yield view
    document_id = ""
    while documents := await read(partial(_documents, user_id=user.id, after=document_id)):
        for document in documents:
            yield document
            for number in range(1, document.version + 1):
                with suppress(NotFound):
                    yield document, await read(partial(_version, document_id=document.id, number=number))
        document_id = documents[-1].id
    before: str | None = None
    while sessions := await read(partial(_sessions, user_id=user.id, before=before)):
        for session in sessions:
            async for part in of_session(read, session):
                yield part
        before = sessions[-1].id


async def _of_run(read: Read, run_id: str) -> AsyncIterator[Part]:
    run, calls = await read(partial(_run, run_id=run_id))
    yield run
    for call in calls:
        yield call
    seq = 0
    while events := await read(partial(_events, run_id=run_id, seq=seq)):
        for event in events:
            yield event
        seq = events[-1].seq


def _run(tx: Transaction, run_id: str) -> tuple[Shown, list[ToolCall]]:
    return run_views.shown(tx, tx.runs.get(run_id, Scope(None)), None), tx.tool_calls.of_run(run_id)


def _events(tx: Transaction, run_id: str, seq: int) -> list[RunEvent]:
    return tx.events.after(run_id, seq, PAGE)


def _messages(tx: Transaction, session_id: str, position: int) -> list[Message]:
    return tx.messages.after(session_id, position, PAGE)


def _documents(tx: Transaction, user_id: str, after: str) -> list[Document]:
    return tx.documents.of_user(user_id, after, PAGE)


def _version(tx: Transaction, document_id: str, number: int) -> DocumentVersion:
    return tx.documents.content(document_id, number)


def _sessions(tx: Transaction, user_id: str, before: str | None) -> list[Session]:
    return tx.sessions.page(Scope(user_id), Page(PAGE, before), None, None)
