"""A server without its socket, and a worker process: opened, and closed in the opposite order."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from oneliner.adapters.data_dir import DataDirLock, prepared
from oneliner.adapters.database.schema_version import Schema
from oneliner.adapters.worker_door import WorkerDoor
from oneliner.app import demo_workspace, recovery, sign_in, users
from oneliner.app.runs import VERSION
from oneliner.domain.errors import Invalid
from oneliner.domain.user import Authority, Caller
from oneliner.web.app import create_app
from oneliner.web.services import Services
from oneliner.wiring.background import start_background, start_sending, webhooks_for
from oneliner.wiring.databases import migrate, schema
from oneliner.wiring.deployment import deployment_of
from oneliner.wiring.parts import Parts, open_parts
from oneliner.wiring.tokens import tokens_for

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Collection

    from fastapi import FastAPI

    from oneliner.app.ports import Transaction
    from oneliner.settings import Settings

LOCAL_USER = "local"
HEARTBEAT_SECONDS = 12.0


class Application:
    """A running server without its socket: the ASGI application, and the worker beside it."""

    def __init__(self, services: Services, parts: Parts, lock: DataDirLock | None, settings: Settings) -> None:
        self.asgi: FastAPI = create_app(services)
        self.model_name = services.models.default
        self.is_demo = services.models.is_demo
        self._services = services
        self._parts = parts
        self._lock = lock
        self._settings = settings

    def announce(self, base_url: str) -> None:
        """Write down where this application answers, for the commands that look for a running server."""
        if self._lock is not None:
            self._lock.announce(base_url)

    async def sign_in_link(self, base_url: str) -> str:
        """A link that signs in as the local administrator, once, within the time the settings say."""
        code = secrets.token_urlsafe(24)
        ttl_ms = int(self._settings.sign_in_ttl_seconds * 1000)
        await self._services.database.write(lambda tx: sign_in.allow(tx, code, LOCAL_USER, Authority.ADMIN, ttl_ms))
        return f"{base_url}/#code={code}"

    def close_streams(self) -> None:
        """End every open stream, so that a server that stops need not wait for its readers."""
        self._parts.readers.close()

    async def drain(self) -> None:
        """Claim nothing more, let runs finish within the grace time, and hand the rest back."""
        await self._parts.drain(self._settings.grace_seconds)


@asynccontextmanager
async def open_application(settings: Settings) -> AsyncGenerator[Application]:
    """A migrated, started application; drained and closed at the end. Raises Invalid: the settings do not work."""
    async with AsyncExitStack() as stack:
        data_dir = prepared(settings.data_dir)
        # Servers on PostgreSQL may share a folder; on an SQLite file there is one.
        lock = DataDirLock(data_dir) if settings.uses_sqlite else None
        if lock is not None:
            stack.callback(lock.release)
        await asyncio.to_thread(migrate, settings)
        parts = await open_parts(settings, stack, serves=True, takes_from=())
        tokens = tokens_for(settings)
        stack.push_async_callback(tokens.close)
        webhooks = webhooks_for(settings)
        services = Services(
            database=parts.database,
            bus=parts.bus,
            tokens=tokens,
            models=parts.models,
            tools=parts.tools,
            roster=parts.roster,
            approve_new_users=settings.approve_users == "automatic",
            heartbeat_seconds=HEARTBEAT_SECONDS,
            cors_origins=settings.cors_origins,
            demo_notice=parts.models.is_demo,
            is_ready=parts.readiness.report,
            mcp=parts.mcp,
            deployment=deployment_of(settings, os.environ, time.time_ns() // 1_000_000),
            webhooks=webhooks,
            metrics=parts.page,
            telemetry=parts.telemetry,
        )
        application = Application(services, parts, lock, settings)
        if lock is not None:
            # This process holds the data folder, so whoever held these leases is dead.
            leased = await parts.database.read(lambda tx: tx.runs.leased(VERSION))
            await recovery.recover_all(parts.database, leased, parts.worker.id)
        if settings.has_demo:
            await parts.database.write(_make_demo)
        start_background(stack, parts, settings)
        start_sending(stack, parts, webhooks)
        stack.push_async_callback(application.drain)
        yield application


@asynccontextmanager
async def open_worker(settings: Settings, queues: Collection[str]) -> AsyncGenerator[Parts]:
    """A started worker process, which executes what it is given from *queues*; drained and closed at the end.

    Raises Invalid: the settings do not work, or the database is not up to date.
    """
    if not settings.broker_url:
        raise Invalid("a worker needs ONELINER_BROKER_URL, where it gets its runs from", setting="broker_url")
    async with AsyncExitStack() as stack:
        prepared(settings.data_dir)
        found = await asyncio.to_thread(schema, settings)
        if found is Schema.BEHIND:
            raise Invalid("the database is not up to date; run `oneliner migrate` first", setting="database_url")
        if found is Schema.TOO_NEW:
            raise Invalid("the database is too new for this version; upgrade OneLiner here too", setting="database_url")
        parts = await open_parts(settings, stack, serves=False, takes_from=queues)
        if settings.worker_port is not None:
            door = WorkerDoor(parts.page, parts.readiness)
            stack.push_async_callback(door.close)
            await door.open(settings.host, settings.worker_port)
        start_background(stack, parts, settings)
        stack.push_async_callback(parts.drain, settings.grace_seconds)
        yield parts


def _make_demo(tx: Transaction) -> None:
    local = Caller(LOCAL_USER, Authority.ADMIN)
    users.admit(tx, local, approve_new=True)
    demo_workspace.make(tx, local)
