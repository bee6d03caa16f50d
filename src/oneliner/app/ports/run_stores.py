"""Where a run and all that belongs to it is kept: sessions, messages, runs, events, lanes, tool calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oneliner.app.ports.values import Page, RunFilter, Scope
    from oneliner.domain.event import Draft, EventType, RunEvent
    from oneliner.domain.message import Approval, AskedCall, Message, MessageState, ToolCall, ToolCallState
    from oneliner.domain.run import Move, Run
    from oneliner.domain.session import Session
    from oneliner.domain.usage import Totals, Usage


class SessionStore(Protocol):
    """Sessions and their totals."""

    def add(self, session: Session) -> None:
        """Store a new session."""
        ...

    def get(self, session_id: str, scope: Scope) -> Session:
        """One session. Raises NotFound."""
        ...

    def page(
        self, scope: Scope, page: Page, project_id: str | None, text: str | None, *, restorable: bool = False
    ) -> list[Session]:
        """Sessions, newest first; *restorable*: those instead that were deleted and can still be restored."""
        ...

    def grow(self, session_id: str, messages: int, totals: Totals) -> int:
        """Add *messages* to the count and *totals* to the sums; the count after it, which is the last position."""
        ...

    def rename(self, session_id: str, title: str) -> None:
        """Give it another title. Raises NotFound: it was deleted."""
        ...

    def set_deleted(self, session_id: str, deleted_at: int | None) -> None:
        """Mark or unmark the session with its messages and runs."""
        ...


class MessageStore(Protocol):
    """Messages: the conversation, and at the same time every call of a model."""

    def add(self, message: Message) -> None:
        """Store a new message."""
        ...

    def settle(
        self,
        message_id: str,
        state: MessageState,
        content: str,
        tool_calls: Sequence[AskedCall],
        usage: Usage,
        cost_nanos: int | None,
        price_source: str,
        details: Mapping[str, object],
    ) -> bool:
        """Give a streaming message its text and its bill; False when it is no longer streaming."""
        ...

    def streaming(self, run_id: str) -> list[Message]:
        """The messages of a run whose model call was begun and not settled."""
        ...

    def orphaned(self, limit: int) -> list[Message]:
        """Messages still streaming although their run is executed by nobody."""
        ...

    def page(self, session_id: str, page: Page, *, with_deleted: bool = False) -> list[Message]:
        """A session's messages but for notes, newest first; ``before`` is a position."""
        ...

    def page_of_run(self, run_id: str, page: Page) -> list[Message]:
        """A run's messages that are not deleted, but for notes, newest first; ``before`` is a position."""
        ...

    def after(self, session_id: str, position: int, limit: int) -> list[Message]:
        """A session's messages that are not deleted and come after *position*, oldest first."""
        ...

    def of_run(self, run_id: str) -> list[Message]:
        """The complete messages of a run's part of the conversation, oldest first; not what was said in the work that it
        delegated.
        """
        ...

    def of_task(self, run_id: str, scope: str, asked_in: str) -> list[Message]:
        """The complete messages of the work *scope* of a run, and what the user has said to the run since the message
        *asked_in*, oldest first.
        """
        ...

    def in_scope(self, run_id: str, scope: str) -> list[Message]:
        """Every complete message of the work *scope* of a run, notes too, oldest first."""
        ...

    def at_place(self, run_id: str, scope: str, place: str) -> Message | None:
        """The complete message of the work *scope* that a function asked for at *place*, or None."""
        ...

    def answers(self, run_id: str) -> list[Message]:
        """The complete answers of models in a run, whoever asked for them, oldest first."""
        ...

    def before_run(self, session_id: str, run_id: str, limit: int) -> list[Message]:
        """The newest *limit* complete messages of the session's runs that were created before *run_id*, each run's
        together, oldest first.
        """
        ...

    def newest_of_run(self, run_id: str, limit: int) -> list[Message]:
        """The newest *limit* complete messages of a run's part of the conversation, oldest first."""
        ...

    def first_of_run(self, run_id: str) -> Message | None:
        """The message that began a run's part of the conversation."""
        ...

    def summaries(self, session_id: str, limit: int) -> list[Message]:
        """The newest *limit* summaries of a session, newest first."""
        ...

    def at(self, session_id: str, position: int) -> Message | None:
        """The complete message of a session's conversation at *position*, or None when there is none."""
        ...


class RunStore(Protocol):
    """Runs. Status moves by compare-and-set only."""

    def add(self, run: Run) -> None:
        """Store a new run."""
        ...

    def get(self, run_id: str, scope: Scope, *, lock: bool = False) -> Run:
        """One run; with *lock* nobody else writes to it before this transaction ends. Raises NotFound."""
        ...

    def hold(self, run_id: str) -> None:
        """Have nobody else write to a run before this transaction ends. Whoever will touch its session's or user's
        row calls it before; see the lock order.
        """
        ...

    def lane_of(self, run_id: str) -> str | None:
        """The lane of a run, or None when there is no such run."""
        ...

    def page(self, scope: Scope, page: Page, only: RunFilter) -> list[Run]:
        """Runs, newest first."""
        ...

    def move(
        self, run_id: str, move: Move, events: int, fence: int | None, changes: Mapping[str, object]
    ) -> Run | None:
        """The run after *move* with *changes* and room for *events* more; None when it is in no source state of the
        move or *fence* is not its newest.
        """
        ...

    def touch(self, run_id: str, events: int, fence: int | None, changes: Mapping[str, object]) -> Run | None:
        """The run with *changes* and room for *events* more, in the state it is in. With a *fence*: None when the run
        is no longer executed under it.
        """
        ...

    def claim(self, run_id: str, worker_id: str, lease_ms: int, version: int) -> Run | None:
        """Take the lease of a queued run that is active in its lane, or of a drafting run that nobody holds; None when
        it is not to be had (taken, ended, not its turn, made for a newer version).
        """
        ...

    def renew(self, worker_id: str, lease_ms: int, run_ids: Iterable[str]) -> set[str]:
        """Renew the leases of *worker_id* on the runs it carries out; those of them that it still holds. A lease that
        nobody carries out is left to run out.
        """
        ...

    def release(self, run_id: str, fence: int) -> None:
        """Give back the lease of a drafting run."""
        ...

    def add_usage(self, run_id: str, totals: Totals) -> None:
        """Add to the sums of a run, in whatever state it is: money is counted also after the end."""
        ...

    def expired(self, limit: int, version: int) -> list[Run]:
        """Running and drafting runs that *version* may execute, whose lease has run out by the database's clock."""
        ...

    def leased(self, version: int) -> list[Run]:
        """Runs that *version* may execute, whose lease somebody holds, live or not."""
        ...

    def undelivered(self, older_than_ms: int, limit: int, version: int) -> list[str]:
        """Runs ready to be claimed by *version*, waiting for longer than *older_than_ms*: a wake-up was lost."""
        ...

    def due_to_resume(self, limit: int) -> list[Run]:
        """Blocked runs whose time to go on by themselves has come."""
        ...

    def first_queued(self, lane: str) -> str | None:
        """The oldest queued run of a lane."""
        ...

    def queue_position(self, run: Run) -> int:
        """How many queued or active runs of its lane are ahead of a queued run."""
        ...

    def done_before(self, user_id: str, source_screen: str, source_action_key: str, limit: int) -> list[Run]:
        """The newest runs of a user that came from the same action and are done."""
        ...

    def open_in_session(self, session_id: str) -> list[Run]:
        """The runs of a session that have not ended."""
        ...


class EventStore(Protocol):
    """Run events, append-only."""

    def append(self, run: Run, last_owner_seq: int, drafts: Sequence[Draft]) -> list[RunEvent]:
        """Write *drafts* as the newest events of *run*, whose ``last_seq`` already counts them."""
        ...

    def after(self, run_id: str, seq: int, limit: int) -> list[RunEvent]:
        """A run's events after *seq*, oldest first."""
        ...

    def some(
        self, run_id: str, types: frozenset[EventType] | None, seq: int, limit: int, *, newest: bool
    ) -> list[RunEvent]:
        """A run's events after *seq*, only of *types* unless that is None, oldest first; with *newest* the last ones."""
        ...

    def of_user(self, user_id: str, owner_seq: int, project_id: str | None, limit: int) -> list[RunEvent]:
        """A user's events after *owner_seq*, oldest first."""
        ...

    def cursor_of(self, user_id: str) -> int:
        """The ``owner_seq`` of a user's newest event, or 0."""
        ...


class LaneStore(Protocol):
    """Lanes: who may go. Every method locks the lane's row first."""

    def join(self, lane: str, run_id: str) -> str:
        """Make *run_id* the active run of a lane that has none; the active run after it."""
        ...

    def lock(self, lane: str) -> str | None:
        """Lock the lane; its active run."""
        ...

    def set_active(self, lane: str, run_id: str | None) -> None:
        """Say who may go now."""
        ...

    def stuck(self, limit: int) -> list[str]:
        """Lanes in which runs are queued and none is active."""
        ...


class ToolCallStore(Protocol):
    """Tool calls: intent before effect, result after."""

    def add(self, call: ToolCall) -> None:
        """Store a new call."""
        ...

    def of_run(self, run_id: str) -> list[ToolCall]:
        """All calls of a run, oldest first."""
        ...

    def approve(self, call_id: str, approval: Approval, arguments: str | None) -> bool:
        """Note a person's yes to a waiting call, with other *arguments* (JSON text) if they were edited; False when it
        does not wait.
        """
        ...

    def start(self, call_id: str, now_ms: int) -> bool:
        """One more attempt at an unfinished call; False when it was finished already."""
        ...

    def ask(self, call_id: str, asked: Mapping[str, object]) -> None:
        """Let a call wait again, with what its tool *asked* of the user; nothing when it has ended."""
        ...

    def set_state(self, call_id: str, state: ToolCallState, result: str, finished_at: int | None) -> bool:
        """Move an unfinished call on; False when it was finished already."""
        ...
