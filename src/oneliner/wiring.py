"""The one place that knows which adapters are in use.

It puts the parts of a process together and takes them apart again in the opposite order. Nothing else constructs an
adapter, so what differs between deployments differs here.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import socket
import time
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine

from oneliner.adapters.data_dir import DataDirLock, prepared
from oneliner.adapters.database import schema_version
from oneliner.adapters.database.schema_version import Schema
from oneliner.adapters.database.sqlite import SqliteDatabase
from oneliner.adapters.executors import loading as executor_loading
from oneliner.adapters.jwt_tokens import JwtTokens, check_secret, load_or_create_secret
from oneliner.adapters.local_bus import LocalBus
from oneliner.adapters.local_queue import LocalQueue
from oneliner.adapters.models.demo import DemoModel
from oneliner.adapters.models.registry import ConfiguredModels
from oneliner.adapters.routed_queue import RoutedQueue
from oneliner.adapters.telemetry.exposition import Exposition
from oneliner.adapters.telemetry.metrics import Metrics
from oneliner.adapters.telemetry.pulse import Senses, keep_feeling
from oneliner.adapters.tools.builtin import BUILTIN_TOOLS
from oneliner.adapters.tools.combined import CombinedTools
from oneliner.adapters.tools.demo_accounts import demo_tools
from oneliner.adapters.tools.documents import document_tools
from oneliner.adapters.tools.loading import load_module
from oneliner.adapters.tools.mcp.configuration import read_file
from oneliner.adapters.tools.mcp.servers import McpTools
from oneliner.adapters.tools.outbound import guarded_session
from oneliner.adapters.tools.python_tools import PythonTools
from oneliner.adapters.tools.recall import recall_tools
from oneliner.adapters.tools.web_pages import web_tools
from oneliner.adapters.webhook_courier import HttpCourier
from oneliner.adapters.webhook_secrets import SealedSecrets
from oneliner.adapters.worker_door import WorkerDoor
from oneliner.app import control, deliveries, demo_workspace, erasure, purging, recovery, retention, sign_in, users
from oneliner.app.execution import Surroundings
from oneliner.app.mcp import McpAdmin
from oneliner.app.readiness import OK, Part, Readiness, database_part
from oneliner.app.runs import VERSION
from oneliner.app.sending import Sender
from oneliner.app.telemetry import Several
from oneliner.app.watching import WatchedCourier, WatchedModels, WatchedTools
from oneliner.app.webhooks import WebhookTerms
from oneliner.app.worker import Worker
from oneliner.deployment import deployment_of
from oneliner.domain.address import AddressRules
from oneliner.domain.errors import Invalid, Unavailable
from oneliner.domain.executor import MAIN_EXECUTOR
from oneliner.domain.secret import in_environment
from oneliner.domain.user import Authority, Caller
from oneliner.domain.webhook import LOG_LIFE_MS
from oneliner.web.app import create_app
from oneliner.web.services import Services

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Collection, Mapping

    from fastapi import FastAPI

    from oneliner.app.ports import Bus, Database, Effects, Queue, Transaction
    from oneliner.app.telemetry import Telemetry
    from oneliner.app.tools import Tools
    from oneliner.domain.executor import Roster
    from oneliner.settings import Settings

LOCAL_USER = "local"
HEARTBEAT_SECONDS = 12.0
HOUSEKEEPING_SECONDS = 600.0
DAY_MS = 86_400_000
WEBHOOK_KEY_FILE = "webhook.key"
#: Where servers behind one port share their figures; their supervisor sets it.
SHARED_FIGURES = "PROMETHEUS_MULTIPROC_DIR"


@dataclass(frozen=True, slots=True)
class Parts:
    """What every process that knows runs is made of. ``queue`` hands runs on; ``executor`` is this process's own; the
    ``bell`` rings when this process has written something for webhooks; ``page`` is what collectors of figures read.
    """

    database: Database
    bus: Bus
    readers: LocalBus
    models: ConfiguredModels
    tools: Tools
    roster: Roster
    mcp: McpTools
    worker: Worker
    queue: Queue
    executor: LocalQueue
    bell: asyncio.Event
    telemetry: Telemetry
    page: Exposition
    readiness: Readiness

    async def drain(self, grace_seconds: float) -> None:
        """Claim nothing more, let runs finish within the grace time, and hand the rest back."""
        await self.worker.shut_down(grace_seconds)
        await self.executor.drain()


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
        parts = await _open_parts(settings, stack, serves=True, takes_from=())
        tokens = _tokens(settings)
        stack.push_async_callback(tokens.close)
        webhooks = _webhooks(settings)
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
            await recovery.recover_all(parts.database, leased)
        if settings.has_demo:
            await parts.database.write(_make_demo)
        _start_background(stack, parts, settings)
        _start_sending(stack, parts, webhooks)
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
        parts = await _open_parts(settings, stack, serves=False, takes_from=queues)
        if settings.worker_port is not None:
            door = WorkerDoor(parts.page, parts.readiness)
            stack.push_async_callback(door.close)
            await door.open(settings.host, settings.worker_port)
        _start_background(stack, parts, settings)
        stack.push_async_callback(parts.drain, settings.grace_seconds)
        yield parts


def _make_demo(tx: Transaction) -> None:
    local = Caller(LOCAL_USER, Authority.ADMIN)
    users.admit(tx, local, approve_new=True)
    demo_workspace.make(tx, local)


async def _open_parts(settings: Settings, stack: AsyncExitStack, *, serves: bool, takes_from: Collection[str]) -> Parts:
    readers = LocalBus()
    executor: LocalQueue
    bus: Any = readers

    def stop_here(run_id: str) -> None:
        executor.interrupt(run_id)

    if settings.bus_url:
        executes = not serves or not settings.broker_url
        bus = _extra("oneliner.adapters.redis_bus.bus", "distributed").RedisBus(
            settings.bus_url,
            readers,
            follows=serves,
            on_interrupt=stop_here if executes else None,
        )
        stack.push_async_callback(bus.close)
        bus.start()
    queue: Queue
    bell = asyncio.Event()

    metrics = Metrics()
    telemetry = _telemetry(settings, stack, metrics)

    def leave(effects: Effects) -> None:
        for run_id in effects.interrupts:
            queue.interrupt(run_id)
        if effects.events:
            bus.publish_events(effects.events)
            telemetry.happened(effects.events)
        if effects.has_deliveries:
            bell.set()
        for run_id in effects.wakes:
            queue.wake(run_id)

    database = _database(settings, leave)
    stack.push_async_callback(database.close)
    models = await _models(settings, stack)
    of_file = [] if settings.mcp_file is None else read_file(settings.mcp_file)
    mcp = McpTools(os.environ, of_file, McpAdmin(settings.mcp_admin))
    tools = CombinedTools(
        [*_own_tools(settings, database), mcp],
        secrets=settings.secrets | in_environment(os.environ),
        reserved=control.NAMES,
    )
    roster, functions = executor_loading.load(settings.executors_file, settings.executors)
    stack.push_async_callback(tools.close)
    await mcp.follow(database)
    following = asyncio.ensure_future(mcp.keep_following(database, settings.sweep_seconds))
    stack.push_async_callback(_ended, following)
    watched = WatchedModels(models, telemetry), WatchedTools(tools, telemetry)
    worker = Worker(
        Surroundings(
            database,
            bus,
            *watched,
            telemetry,
            context_tokens=settings.context_tokens,
            roster=roster,
            functions=functions,
        ),
        worker_id=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}",
        lease_seconds=settings.lease_seconds,
        sweep_seconds=settings.sweep_seconds,
    )
    executor = LocalQueue(worker.execute, worker.interrupt, concurrency=settings.concurrency)
    queue = _queue(settings, stack, executor, bus, database, takes_from)
    senses = Senses(
        sse_clients=lambda: readers.reader_count,
        database_waiting=lambda: database.waiting,
        bus_works=lambda: bus.is_working,
        events_dropped=lambda: bus.dropped_events,
    )
    stack.push_async_callback(_ended, asyncio.ensure_future(keep_feeling(metrics, senses)))
    shared = os.environ.get(SHARED_FIGURES, "")
    page = Exposition(
        metrics,
        database,
        version=version("oneliner"),
        token=settings.metrics_token,
        shared=Path(shared) if serves and shared else None,
    )
    readiness = Readiness(_parts_to_look_at(settings, database, bus, serves=serves))
    stack.push_async_callback(readiness.close)
    return Parts(
        database, bus, readers, models, tools, roster, mcp, worker, queue, executor, bell, telemetry, page, readiness
    )


def _telemetry(settings: Settings, stack: AsyncExitStack, metrics: Metrics) -> Telemetry:
    """Who watches this process: counters always, traces where there is a collector for them."""
    if not settings.otlp_url:
        return metrics
    traces = _extra("oneliner.adapters.telemetry.traces", "otel").open_traces(
        settings.otlp_url, metrics.spans, version=version("oneliner"), with_content=settings.trace_content == "on"
    )
    stack.push_async_callback(asyncio.to_thread, traces.close)
    return Several([traces, metrics])


def _parts_to_look_at(settings: Settings, database: Database, bus: Any, *, serves: bool) -> list[Part]:
    """What a process needs to do its job. A server without its bus does it, but for text while it is written."""

    async def migrations() -> Mapping[str, str]:
        try:
            found = await asyncio.to_thread(schema, settings)
        except Unavailable:
            return {"migrations": OK}  # unknown, and `database` tells why
        return {"migrations": OK if found in (Schema.UP_TO_DATE, Schema.NEWER) else f"the database {found.value}"}

    async def listens() -> Mapping[str, str]:
        return {"bus": OK if bus.is_working else "Redis does not answer: no text while it is written"}

    parts = [
        database_part(database),
        Part(("migrations",), migrations, fresh_seconds=15.0, usable_seconds=30.0),
    ]
    if settings.bus_url:
        parts.append(Part(("bus",), listens, is_needed=False))
    if settings.broker_url:
        queue = _extra("oneliner.adapters.celery_queue", "distributed")
        probe = _extra("oneliner.adapters.broker_probe", "distributed").BrokerProbe(
            queue.celery_app(settings.broker_url, queue=settings.queue),
            {settings.queue, *(route.queue for route in settings.routes)} if serves else (),
        )
        parts.append(Part(probe.names, probe.look, fresh_seconds=5.0, usable_seconds=15.0))
    return parts


def _queue(
    settings: Settings,
    stack: AsyncExitStack,
    executor: LocalQueue,
    bus: Any,
    database: Database,
    takes_from: Collection[str],
) -> Queue:
    """Where runs go: to this process itself, or to the broker, of whose queues this process *takes_from* some."""

    def interrupt(run_id: str) -> None:
        executor.interrupt(run_id)
        if settings.bus_url:
            bus.interrupt(run_id)

    if not settings.broker_url:
        return _Alone(executor, interrupt)
    celery = _extra("oneliner.adapters.celery_queue", "distributed")
    loop = asyncio.get_running_loop()

    def fall_back(run_id: str) -> None:
        loop.call_soon_threadsafe(executor.wake, run_id)

    queue = celery.CeleryQueue(
        celery.celery_app(settings.broker_url, queue=settings.queue),
        interrupt=interrupt,
        fall_back=fall_back,
        its_queues=takes_from,
    )
    stack.push_async_callback(asyncio.to_thread, queue.close)
    if not settings.routes:
        return queue
    routed = RoutedQueue(queue, database, settings.routes, otherwise=settings.queue, main_executor=MAIN_EXECUTOR)
    stack.push_async_callback(routed.close)
    return routed


class _Alone:
    """The queue of a process that executes its runs itself; *interrupt* reaches other such processes too."""

    def __init__(self, executor: LocalQueue, interrupt: Callable[[str], None]) -> None:
        self._executor = executor
        self._interrupt = interrupt

    def wake(self, run_id: str) -> None:
        self._executor.wake(run_id)

    def interrupt(self, run_id: str) -> None:
        self._interrupt(run_id)


def _extra(module: str, extra: str) -> Any:
    """A module that needs an extra of this package. Raises Invalid: it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise Invalid(
            f"this needs an extra that is not installed: pip install 'oneliner[{extra}]' ({error})"
        ) from error


def _database(settings: Settings, on_commit: Callable[[Effects], None]) -> Database:
    if settings.uses_sqlite:
        return SqliteDatabase(settings.database_path, on_commit, synchronous=settings.sqlite_synchronous)
    postgres = _extra("oneliner.adapters.database.postgres", "postgres")
    return postgres.PostgresDatabase(settings.database_url, on_commit, pool_size=settings.database_connections)


def migrate(settings: Settings) -> bool:
    """Bring the database to the schema this code needs; whether anything was missing. Not to be called on an event
    loop. Raises Unavailable: the database cannot be reached; Invalid: it is too new for this code.
    """
    if not settings.uses_sqlite:
        postgres = _extra("oneliner.adapters.database.postgres", "postgres")
        return asyncio.run(postgres.migrate_postgres(settings.database_url))
    path = settings.database_path
    prepared(path.parent)
    engine = create_engine(f"sqlite:///{path}")
    with closing(engine.raw_connection()) as raw:
        raw.cursor().execute("PRAGMA journal_mode = WAL")
    with engine.begin() as connection:
        behind = schema_version.bring_up_to_date(connection)
    engine.dispose()
    return behind


def schema(settings: Settings) -> Schema:
    """What the database is to this code; changes nothing. Not to be called on an event loop. Raises Unavailable: the
    database cannot be reached.
    """
    if not settings.uses_sqlite:
        postgres = _extra("oneliner.adapters.database.postgres", "postgres")
        return asyncio.run(postgres.schema_of_postgres(settings.database_url))
    path = settings.database_path
    if not path.exists():
        return Schema.BEHIND
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        found = schema_version.schema_of(connection)
    engine.dispose()
    return found


def issue_token(
    settings: Settings,
    user_id: str,
    *,
    authority: Authority = Authority.MEMBER,
    ttl_seconds: int,
    name: str = "",
    projects: frozenset[str] | None = None,
) -> str:
    """A token that servers with these settings accept. Raises Invalid: tokens come from elsewhere (a JWKS address)."""
    return _tokens(settings).issue(user_id, authority=authority, ttl_seconds=ttl_seconds, name=name, projects=projects)


def _tokens(settings: Settings) -> JwtTokens:
    secret = settings.jwt_secret
    if not secret and not settings.jwt_jwks_url:
        secret = load_or_create_secret(prepared(settings.data_dir))
    return JwtTokens(
        issuer=settings.jwt_issuer,
        audience=settings.jwt_audience,
        secret=secret or None,
        jwks_url=settings.jwt_jwks_url or None,
    )


async def _models(settings: Settings, stack: AsyncExitStack) -> ConfiguredModels:
    demo = DemoModel()
    await demo.start()
    stack.push_async_callback(demo.stop)
    models = ConfiguredModels(
        default=settings.model,
        fallbacks=settings.model_fallbacks,
        base_url=settings.model_base_url,
        api_key=settings.model_api_key,
        environment=os.environ,
        prices=_price_overrides(settings),
        demo_base_url=demo.base_url,
    )
    stack.push_async_callback(models.close)
    return models


def _price_overrides(settings: Settings) -> Mapping[str, Mapping[str, str]]:
    if settings.prices is None:
        return {}
    try:
        return json.loads(settings.prices.read_text())
    except (OSError, ValueError) as error:
        raise Invalid(f"the price file {str(settings.prices)!r} cannot be read: {error}", setting="prices") from error


def _own_tools(settings: Settings, database: Database) -> list[Tools]:
    own = [function for target in settings.tools for function in load_module(target)]
    of_database = [*document_tools(database), *recall_tools(database)]
    if settings.has_demo:
        of_database += demo_tools(database)
    built_in = [*BUILTIN_TOOLS, *of_database, *web_tools(settings.fetch_hosts, settings.networks)]
    return [PythonTools(built_in), PythonTools(own, networks=settings.networks)]


def _start_background(stack: AsyncExitStack, parts: Parts, settings: Settings) -> None:
    worker = parts.worker
    for forever in (worker.keep_leases(), worker.keep_sweeping(parts.queue), _keep_house(parts.database, settings)):
        stack.push_async_callback(_ended, asyncio.ensure_future(forever))


def _webhooks(settings: Settings) -> WebhookTerms:
    key = settings.webhook_key
    if key:
        check_secret(key)
    else:
        key = load_or_create_secret(prepared(settings.data_dir), WEBHOOK_KEY_FILE)
    return WebhookTerms(SealedSecrets(key), AddressRules(settings.webhook_networks))


def _start_sending(stack: AsyncExitStack, parts: Parts, webhooks: WebhookTerms) -> None:
    """Only servers send: a worker need not be let out into the network."""
    courier = HttpCourier(lambda: guarded_session(webhooks.rules.networks))
    sender = Sender(parts.database, WatchedCourier(courier, parts.telemetry), webhooks.secrets, parts.bell)
    stack.push_async_callback(_ended, asyncio.ensure_future(sender.keep_sending()))


async def _keep_house(database: Database, settings: Settings) -> None:
    while True:
        with suppress(Unavailable):
            await recovery.forget_old_keys(database)
            await retention.delete_expired(database)
            await erasure.complete_all(database)
            await database.write(lambda tx: deliveries.forget_old(tx, tx.now_ms - LOG_LIFE_MS))
            await purging.purge_deleted(database, after_ms=settings.purge_after_days * DAY_MS)
        await asyncio.sleep(HOUSEKEEPING_SECONDS)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
