"""What the use cases need of the outside: a transaction with stores, a queue to wake, a bus to tell.

A use case that touches the database is a plain function of a :class:`Transaction`; :class:`Database` runs it. Effects
are collected on the transaction and leave after its commit, so nobody is told of what did not happen.

Lock order, for every function here and above: schedules, lanes by name, runs by id, budget counters by key, session, user. Reads are scoped to the caller
in one place: a :class:`Scope`; what is outside of it is answered as what does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

    from oneliner.domain.audit import Action, AuditEntry, Target
    from oneliner.domain.budget import Counter, CounterKey
    from oneliner.domain.document import Access, Document, DocumentUse, DocumentVersion, SearchHit
    from oneliner.domain.event import Draft, RunEvent
    from oneliner.domain.mcp_server import McpEntry, McpServer
    from oneliner.domain.message import Approval, AskedCall, Message, MessageState, ToolCall, ToolCallState
    from oneliner.domain.policy import Layer, LayerName, Rules
    from oneliner.domain.retention import RetentionRule
    from oneliner.domain.run import Move, Run, RunStatus
    from oneliner.domain.schedule import Fire, Schedule
    from oneliner.domain.session import Session
    from oneliner.domain.usage import Totals, Usage
    from oneliner.domain.user import Caller, User, UserStatus

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows may be seen: *user_id*'s, or everybody's when it is None. Deleted rows only where asked for."""

    user_id: str | None
    with_deleted: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list: at most *limit* rows that come after the row *before* (an id), newest first."""

    limit: int = 20
    before: str | None = None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs: each field that is not None narrows. *text* is looked for in title and summary."""

    project_id: str | None = None
    session_id: str | None = None
    statuses: frozenset[RunStatus] | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which lines of the audit log: each field that is not None narrows. Times in ms, *until_ms* excluded."""

    actor: str | None = None
    action: Action | None = None
    target: Target | None = None
    target_id: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's fenced right to write to a run; only the newest ``fence`` of a run may write."""

    run_id: str
    fence: int


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Which calls of models are on a bill: those begun between two times (ms); each field that is not None narrows."""

    since_ms: int
    until_ms: int
    user_id: str | None = None
    project_id: str | None = None
    session_id: str | None = None
    model: str | None = None
    executor: str | None = None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One line of a bill: *key* is the day, project, session, model and so on. *tool_calls* is counted by tool alone."""

    key: str
    message_count: int
    totals: Totals
    tool_calls: int | None = None


@dataclass(slots=True)
class Effects:
    """What leaves after a commit: runs to look at, executions to stop, and events to tell."""

    wakes: list[str] = field(default_factory=list[str])
    interrupts: list[str] = field(default_factory=list[str])
    events: list[RunEvent] = field(default_factory=list["RunEvent"])


class UserStore(Protocol):
    """Users, created at their first valid token."""

    def admit(self, caller: Caller, status_if_new: UserStatus) -> User:
        """The user behind *caller*, created with *status_if_new* when unknown."""
        ...

    def find(self, user_id: str) -> User | None:
        """One user, or None when he is unknown."""
        ...

    def page(self, page: Page) -> list[User]:
        """Users by id; ``before`` is the id to go on after."""
        ...

    def set_status(self, user_id: str, status: UserStatus) -> User:
        """The user with another status. Raises NotFound."""
        ...

    def erase(self, user_id: str) -> None:
        """Forget the name of a user and mark him as erased. Raises NotFound."""
        ...

    def advance_cursor(self, user_id: str, count: int) -> int:
        """The user's event cursor after *count* more events."""
        ...


class SessionStore(Protocol):
    """Sessions and their totals."""

    def add(self, session: Session) -> None:
        """Store a new session."""
        ...

    def get(self, session_id: str, scope: Scope) -> Session:
        """One session. Raises NotFound."""
        ...

    def page(self, scope: Scope, page: Page, project_id: str | None, text: str | None) -> list[Session]:
        """Sessions, newest first."""
        ...

    def grow(self, session_id: str, messages: int, totals: Totals) -> int:
        """Add *messages* to the count and *totals* to the sums; the count after it, which is the last position."""
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
        """A session's messages, newest first; ``before`` is a position."""
        ...

    def after(self, session_id: str, position: int, limit: int) -> list[Message]:
        """A session's messages that are not deleted and come after *position*, oldest first."""
        ...

    def of_run(self, run_id: str) -> list[Message]:
        """The complete messages of a run's part of the conversation, oldest first."""
        ...

    def before_run(self, session_id: str, run_id: str, limit: int) -> list[Message]:
        """The newest *limit* complete messages of the session's runs that were created before *run_id*, each run's
        together, oldest first.
        """
        ...


class UsageStore(Protocol):
    """The bill: sums over the messages."""

    def lines(self, group_by: str, only: UsageFilter, page: Page) -> list[UsageRow]:
        """By ``day`` (days since 1970), ``project``, ``user``, ``session``, ``run``, ``model``, ``tool`` or
        ``executor``, the greatest key first; ``before`` is the key of the line before.
        """
        ...

    def total(self, only: UsageFilter) -> UsageRow:
        """The sum of all lines, by whatever."""
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

    def of_user(self, user_id: str, owner_seq: int, project_id: str | None, limit: int) -> list[RunEvent]:
        """A user's events after *owner_seq*, oldest first."""
        ...

    def cursor_of(self, user_id: str) -> int:
        """The ``owner_seq`` of a user's newest event, or 0."""
        ...


class BudgetStore(Protocol):
    """Counters of budgets. A counter that is not there yet begins with what the messages of its day (or run) say."""

    def reserve(self, key: CounterKey, nanos: int) -> Counter:
        """Lock a counter and add to what is reserved in it; the counter after it."""
        ...

    def settle(self, key: CounterKey, reserved: int, cost: int) -> None:
        """Take back what was reserved and add what was spent, in nano-USD."""
        ...

    def grant(self, key: CounterKey, nanos: int) -> None:
        """Give more on top of the limit."""
        ...

    def read(self, key: CounterKey) -> Counter:
        """A counter as it stands."""
        ...

    def recount(self) -> None:
        """Have every counter begin again from the messages: which calls are counted has changed."""
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


class PolicyStore(Protocol):
    """Policy layers and their history."""

    def layers(self, user_id: str, project_id: str, platform: str) -> list[Layer]:
        """Every layer that applies, strictest order not implied."""
        ...

    def get(self, name: LayerName, scope_key: str, *, lock: bool = False) -> Layer | None:
        """One layer as it is now; with *lock* nobody else writes it before this transaction ends."""
        ...

    def put(
        self, name: LayerName, scope_key: str, rules: Rules | None, author: str, notice: str, expires_at_ms: int | None
    ) -> Layer:
        """Write a new version of a layer (None removes its rules) and keep the old one in the history."""
        ...

    def history(self, name: LayerName | None, scope_key: str | None, page: Page) -> list[tuple[str, Layer]]:
        """Versions with their history id, newest first; ``before`` is a history id."""
        ...


class DocumentStore(Protocol):
    """Project documents, versioned."""

    def page(self, user_id: str, project_id: str, page: Page) -> list[Document]:
        """Documents of a user in a project by path; ``before`` is the path to go on after."""
        ...

    def of_user(self, user_id: str, after: str, limit: int) -> list[Document]:
        """Documents of a user in all projects that come after the id *after*, by id."""
        ...

    def find(self, user_id: str, project_id: str, path: str, *, lock: bool = False) -> Document | None:
        """One document by its path, or None; *lock*: nobody else writes it until the transaction is over."""
        ...

    def get(self, document_id: str, scope: Scope) -> Document:
        """One document. Raises NotFound."""
        ...

    def content(self, document_id: str, version: int) -> DocumentVersion:
        """One version with its text. Raises NotFound."""
        ...

    def versions(self, document_id: str, limit: int) -> list[DocumentVersion]:
        """Versions, newest first, without their text."""
        ...

    def write(self, document: Document, content: str, author: str, run_id: str) -> Document:
        """Store *content* as the next version of *document* (version 0: a new document)."""
        ...

    def search(self, user_id: str, project_id: str, query: str, limit: int) -> list[SearchHit]:
        """Documents whose path and newest version have every word of *query*, with an excerpt; those that hold it word
        for word first, then the last written.
        """
        ...

    def note_use(self, run_id: str, document_id: str, version: int, access: Access) -> None:
        """Remember that a run read or wrote a version; once is enough. ``write`` remembers what a run writes."""
        ...

    def of_run(self, run_id: str, limit: int) -> list[DocumentUse]:
        """What a run read and wrote, in the order in which it first did."""
        ...


class ScheduleStore(Protocol):
    """Schedules and their fires."""

    def add(self, schedule: Schedule) -> None:
        """Store a new schedule."""
        ...

    def get(self, schedule_id: str, scope: Scope, *, lock: bool = False) -> Schedule:
        """One schedule; with *lock* it does not fire before this transaction ends. Raises NotFound."""
        ...

    def page(self, scope: Scope, page: Page, project_id: str | None) -> list[Schedule]:
        """Schedules, newest first."""
        ...

    def count(self, user_id: str) -> int:
        """How many schedules a user has."""
        ...

    def set_next(self, schedule_id: str, *, paused: bool, next_due_at: int | None) -> Schedule:
        """Say when it is due next (ms). Raises NotFound."""
        ...

    def delete(self, schedule_id: str) -> None:
        """Forget a schedule and its fires."""
        ...

    def due(self, limit: int) -> list[str]:
        """The schedules that are due."""
        ...

    def lock_due(self, schedule_id: str) -> Schedule | None:
        """Lock a schedule that is due; None when it is not due any more."""
        ...

    def add_fire(self, fire: Fire) -> None:
        """Store a fire; there is one for each due time."""
        ...

    def fires(self, schedule_id: str, limit: int, before_due: int | None) -> list[Fire]:
        """The fires of a schedule, newest first."""
        ...


class KeyStore(Protocol):
    """Idempotency keys with the answers that were given."""

    def find(self, user_id: str, route: str, key: str) -> tuple[str, int, str] | None:
        """What was answered: (hash of the request's body, status, JSON text). Locks the key against another request
        with it. Raises RequestInFlight: one is being answered right now.
        """
        ...

    def keep(self, user_id: str, route: str, key: str, body_hash: str, status: int, answer: str) -> None:
        """Remember the answer."""
        ...

    def purge(self, older_than_ms: int) -> int:
        """Forget keys made before a time; how many."""
        ...


class AuditStore(Protocol):
    """The audit log, append-only."""

    def add(self, entry: AuditEntry) -> None:
        """Write a line."""
        ...

    def page(self, page: Page, only: AuditFilter) -> list[AuditEntry]:
        """Lines, newest first."""
        ...


class RetentionStore(Protocol):
    """For how long the sessions of projects are kept."""

    def put(self, project_id: str, keep_days: int, author: str) -> RetentionRule:
        """Write the rule of a project."""
        ...

    def remove(self, project_id: str) -> bool:
        """Forget the rule of a project; whether there was one."""
        ...

    def page(self, page: Page) -> list[RetentionRule]:
        """Rules by project; ``before`` is the project to go on after."""
        ...

    def expired(self, limit: int) -> list[str]:
        """The ids of sessions that are kept for longer than the rule of their project says: not deleted, and without a
        run that has not ended.
        """
        ...

    def is_expired(self, session_id: str) -> bool:
        """Whether one session is."""
        ...


class PurgeStore(Protocol):
    """What is to be purged. A session is due once it is deleted and nobody writes to it any more."""

    def due(self, deleted_before_ms: int, after: str, limit: int) -> list[str]:
        """The ids of due sessions that come after the id *after*, in their order."""
        ...

    def is_due(self, session_id: str, deleted_before_ms: int) -> bool:
        """Whether one session is due."""
        ...

    def of_erased(self, after: str, limit: int, user_id: str | None = None) -> list[str]:
        """The ids of sessions of erased users (of one of them) that are not purged yet, after the id *after*."""
        ...

    def drop_belongings(self) -> None:
        """Delete what else is kept of erased users: documents, their policy layers, sign-in codes, answers that were
        kept for idempotency keys.
        """
        ...

    def empty(self, session_id: str) -> None:
        """Take the content out of a session, its messages, runs, run events and tool calls, and mark them as purged."""
        ...


class SignInCodeStore(Protocol):
    """One-time sign-in codes, known only by their hash."""

    def add(self, code_hash: str, user_id: str, role: str, ttl_ms: int) -> None:
        """Let a code sign *user_id* in once, for a while."""
        ...

    def take(self, code_hash: str) -> tuple[str, str] | None:
        """The user and role of a code, which is used up by it; None when it is unknown, used or expired."""
        ...


class McpServerStore(Protocol):
    """MCP servers that were configured over the API."""

    def all(self) -> list[McpEntry]:
        """Every server, by name."""
        ...

    def get(self, name: str) -> McpEntry | None:
        """One server, or None when there is none of that name."""
        ...

    def put(self, server: McpServer, author: str) -> McpEntry:
        """Store *server* as its next version."""
        ...

    def remove(self, name: str) -> bool:
        """Forget a server; False: there was none of that name."""
        ...


class Transaction(Protocol):
    """One transaction: the stores, the time it happens at, and the effects that leave after its commit."""

    @property
    def now_ms(self) -> int:
        """The database's time in ms since 1970 UTC; one value for the whole transaction."""
        ...

    @property
    def effects(self) -> Effects:
        """What leaves after the commit."""
        ...

    @property
    def users(self) -> UserStore: ...  # noqa: D102
    @property
    def sessions(self) -> SessionStore: ...  # noqa: D102
    @property
    def messages(self) -> MessageStore: ...  # noqa: D102
    @property
    def runs(self) -> RunStore: ...  # noqa: D102
    @property
    def events(self) -> EventStore: ...  # noqa: D102
    @property
    def lanes(self) -> LaneStore: ...  # noqa: D102
    @property
    def tool_calls(self) -> ToolCallStore: ...  # noqa: D102
    @property
    def usage(self) -> UsageStore: ...  # noqa: D102
    @property
    def budgets(self) -> BudgetStore: ...  # noqa: D102
    @property
    def policies(self) -> PolicyStore: ...  # noqa: D102
    @property
    def documents(self) -> DocumentStore: ...  # noqa: D102
    @property
    def schedules(self) -> ScheduleStore: ...  # noqa: D102
    @property
    def keys(self) -> KeyStore: ...  # noqa: D102
    @property
    def audit(self) -> AuditStore: ...  # noqa: D102
    @property
    def retention(self) -> RetentionStore: ...  # noqa: D102
    @property
    def purging(self) -> PurgeStore: ...  # noqa: D102
    @property
    def sign_in_codes(self) -> SignInCodeStore: ...  # noqa: D102
    @property
    def mcp_servers(self) -> McpServerStore: ...  # noqa: D102

    def new_id(self) -> str:
        """A fresh UUIDv7; ids of one process sort in the order they were asked for."""
        ...


class Database(Protocol):
    """Runs plain functions as transactions. Whole transactions are tried again when the database asks for it, so a
    function must not have effects of its own.
    """

    async def write(
        self, work: Callable[[Transaction], T], *, patience_seconds: float = 0.0, reserved: bool = False
    ) -> T:
        """Run *work* in a writing transaction; its effects leave after the commit. Raises what *work* raises, with
        everything rolled back; Unavailable, StorageFull: the database cannot take it now.

        While the database is away it is tried again for about a second, or for *patience_seconds* where that is more,
        as long as the caller waits. What is *reserved* does not queue up for a connection: the renewal of leases,
        without which all other work is lost.
        """
        ...

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run *work* in a reading transaction."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class Queue(Protocol):
    """Hands runs to workers. A message is a hint to look; losing or doubling one is harmless."""

    def wake(self, run_id: str) -> None:
        """Have some worker look at *run_id* soon. Never waits and never raises."""
        ...

    def interrupt(self, run_id: str) -> None:
        """Have whoever executes *run_id* look at it now: it was cancelled."""
        ...


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a message being written: *text* stands at *offset* (characters) of message *message_id*."""

    run_id: str
    session_id: str
    user_id: str
    project_id: str
    message_id: str
    offset: int
    text: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of a message that is being written, up to now: what a reader needs who comes in the middle."""

    run_id: str
    session_id: str
    message_id: str
    text: str
    project_id: str = ""


Frame = "RunEvent | Delta | Snapshot"


class Subscription(Protocol):
    """One reader's place on the bus. Reading never waits for a slow reader's sake: one that falls behind gets a
    snapshot instead of the deltas it missed; events it missed are in the database (``missed_events``).
    """

    def frames(self) -> AsyncIterator[Sequence[RunEvent | Delta | Snapshot]]:
        """What happens, in batches as they come; an empty batch every heartbeat."""
        ...

    def close(self) -> None:
        """Stop listening."""
        ...


class Bus(Protocol):
    """Tells readers what happens. A publisher never waits for it, and nothing is true because it was told."""

    def publish_events(self, events: Sequence[RunEvent]) -> None:
        """Tell committed events."""
        ...

    def publish_delta(self, delta: Delta) -> None:
        """Tell a piece of text."""
        ...

    def follow_run(self, run_id: str, *, heartbeat_seconds: float) -> Subscription:
        """Listen to one run; begins with a snapshot when a message is being written."""
        ...

    def follow_user(self, user_id: str, *, heartbeat_seconds: float) -> Subscription:
        """Listen to all runs of a user."""
        ...
