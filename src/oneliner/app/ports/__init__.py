"""What the use cases need of the outside: a transaction with stores, a queue to wake, a bus to tell.

A use case that touches the database is a plain function of a :class:`Transaction`; :class:`Database` runs it. Effects
are collected on the transaction and leave after its commit, so nobody is told of what did not happen.

Lock order, for every function here and above: schedules, lanes by name, runs by id, budget counters by key, session,
user, webhook deliveries, webhook endpoints. Reads are scoped to the caller in one place: a :class:`Scope`; what is
outside of it is answered as what does not exist.
"""

from __future__ import annotations

from oneliner.app.ports.account_stores import (
    BudgetStore,
    PolicyStore,
    SavedViewStore,
    SignInCodeStore,
    UsageStore,
    UserStore,
)
from oneliner.app.ports.care_stores import AuditStore, BacklogStore, KeyStore, PurgeStore, RetentionStore
from oneliner.app.ports.database import Database, Transaction
from oneliner.app.ports.project_stores import DocumentStore, McpServerStore, ScheduleStore
from oneliner.app.ports.run_stores import EventStore, LaneStore, MessageStore, RunStore, SessionStore, ToolCallStore
from oneliner.app.ports.traffic import Bus, Delta, Frame, Queue, Snapshot, Subscription
from oneliner.app.ports.values import (
    AuditFilter,
    Backlog,
    Effects,
    Lease,
    Page,
    RunFilter,
    Scope,
    UsageFilter,
    UsageRow,
)
from oneliner.app.ports.webhook_stores import DeliveryStore, WebhookStore

__all__ = [
    "AuditFilter",
    "AuditStore",
    "Backlog",
    "BacklogStore",
    "BudgetStore",
    "Bus",
    "Database",
    "DeliveryStore",
    "Delta",
    "DocumentStore",
    "Effects",
    "EventStore",
    "Frame",
    "KeyStore",
    "LaneStore",
    "Lease",
    "McpServerStore",
    "MessageStore",
    "Page",
    "PolicyStore",
    "PurgeStore",
    "Queue",
    "RetentionStore",
    "RunFilter",
    "RunStore",
    "SavedViewStore",
    "ScheduleStore",
    "Scope",
    "SessionStore",
    "SignInCodeStore",
    "Snapshot",
    "Subscription",
    "ToolCallStore",
    "Transaction",
    "UsageFilter",
    "UsageRow",
    "UsageStore",
    "UserStore",
    "WebhookStore",
]
