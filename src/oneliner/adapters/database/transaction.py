"""One transaction over one connection: the stores, the time, and what leaves after the commit."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from oneliner.adapters.database.audit import SqlAudit
from oneliner.adapters.database.backlog import SqlBacklog
from oneliner.adapters.database.budgets import SqlBudgets
from oneliner.adapters.database.documents import SqlDocuments
from oneliner.adapters.database.events import SqlEvents
from oneliner.adapters.database.keys import SqlKeys
from oneliner.adapters.database.lanes import SqlLanes
from oneliner.adapters.database.mcp_servers import SqlMcpServers
from oneliner.adapters.database.messages import SqlMessages
from oneliner.adapters.database.policies import SqlPolicies
from oneliner.adapters.database.purging import SqlPurging
from oneliner.adapters.database.retention import SqlRetention
from oneliner.adapters.database.runs import SqlRuns
from oneliner.adapters.database.saved_views import SqlSavedViews
from oneliner.adapters.database.schedules import SqlSchedules
from oneliner.adapters.database.sessions import SqlSessions
from oneliner.adapters.database.sign_in import SqlSignInCodes
from oneliner.adapters.database.tool_calls import SqlToolCalls
from oneliner.adapters.database.usage import SqlUsage
from oneliner.adapters.database.users import SqlUsers
from oneliner.adapters.database.webhooks import SqlDeliveries, SqlWebhooks
from oneliner.app.ports import Effects
from oneliner.domain.ids import uuid7

if TYPE_CHECKING:
    from oneliner.adapters.database.statement import Driver


_LARGEST_COUNT = 0xFFF


class Ids:
    """Makes ids that sort in the order they were asked for, within one process."""

    def __init__(self) -> None:
        self._last_ms = 0
        self._count = 0

    def new(self, now_ms: int) -> str:
        """A UUIDv7 for *now_ms*, or for the latest time seen when the clock went back."""
        # RFC 9562 method 1: the first random bits are a counter, and a full counter borrows the next millisecond.
        self._count += 1
        if now_ms > self._last_ms:
            self._last_ms, self._count = now_ms, 0
        elif self._count > _LARGEST_COUNT:
            self._last_ms, self._count = self._last_ms + 1, 0
        return uuid7(self._last_ms, self._count.to_bytes(2, "big") + os.urandom(8))


class SqlTransaction:
    """See ``app.ports.Transaction``."""

    def __init__(self, driver: Driver, now_ms: int, ids: Ids) -> None:
        self._ids = ids
        self.now_ms = now_ms
        self.effects = Effects()
        self.traceparent = ""
        self.users = SqlUsers(driver, now_ms)
        self.sessions = SqlSessions(driver, now_ms)
        self.messages = SqlMessages(driver)
        self.runs = SqlRuns(driver, now_ms)
        self.events = SqlEvents(driver, now_ms, self.new_id)
        self.lanes = SqlLanes(driver)
        self.tool_calls = SqlToolCalls(driver)
        self.usage = SqlUsage(driver)
        self.budgets = SqlBudgets(driver)
        self.policies = SqlPolicies(driver, now_ms, self.new_id)
        self.documents = SqlDocuments(driver, now_ms)
        self.schedules = SqlSchedules(driver, now_ms)
        self.saved_views = SqlSavedViews(driver, now_ms)
        self.keys = SqlKeys(driver, now_ms)
        self.audit = SqlAudit(driver)
        self.retention = SqlRetention(driver, now_ms)
        self.purging = SqlPurging(driver, now_ms)
        self.sign_in_codes = SqlSignInCodes(driver, now_ms)
        self.mcp_servers = SqlMcpServers(driver, now_ms)
        self.webhooks = SqlWebhooks(driver, now_ms)
        self.deliveries = SqlDeliveries(driver, now_ms)
        self.backlog = SqlBacklog(driver, now_ms)

    def new_id(self) -> str:
        """A fresh UUIDv7."""
        return self._ids.new(self.now_ms)
