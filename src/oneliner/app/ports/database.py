"""The database: runs plain functions as transactions with stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.app.ports.account_stores import (
        BudgetStore,
        PolicyStore,
        SavedViewStore,
        SignInCodeStore,
        UsageStore,
        UserStore,
    )
    from oneliner.app.ports.care_stores import AuditStore, BacklogStore, KeyStore, PurgeStore, RetentionStore
    from oneliner.app.ports.project_stores import DocumentStore, McpServerStore, ScheduleStore
    from oneliner.app.ports.run_stores import EventStore, LaneStore, MessageStore, RunStore, SessionStore, ToolCallStore
    from oneliner.app.ports.values import Effects
    from oneliner.app.ports.webhook_stores import DeliveryStore, WebhookStore

T = TypeVar("T")


class Transaction(Protocol):
    """One transaction: the stores, the time it happens at, and the effects that leave after its commit."""

    #: The trace (W3C Trace Context) of whoever asked for what is done here; empty: none. Runs are created with it.
    traceparent: str

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
    def saved_views(self) -> SavedViewStore: ...  # noqa: D102
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
    @property
    def webhooks(self) -> WebhookStore: ...  # noqa: D102
    @property
    def deliveries(self) -> DeliveryStore: ...  # noqa: D102
    @property
    def backlog(self) -> BacklogStore: ...  # noqa: D102

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

    @property
    def waiting(self) -> int:
        """How many transactions wait for the database now, or are in it."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
