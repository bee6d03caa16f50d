"""Looks at one part each: reachable, and what it should be. Each raises :class:`Found` with what is wrong."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from oneliner.adapters.database.schema_version import Schema
from oneliner.adapters.jwt_tokens import check_secret
from oneliner.domain.errors import Invalid, OneLinerError
from oneliner.settings import misspelt_variables
from oneliner.terminal.doctor.judging import Fault
from oneliner.wiring import schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneliner.settings import Settings

_PORTS = {"http": 80, "https": 443}
_ANSWER_SECONDS = 3.0


class Found(Exception):
    """Something is wrong: :attr:`fault`."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.cause)
        self.fault = fault


def configuration(settings: Settings, environment: Mapping[str, str]) -> str:
    """What this process is set to."""
    wrong = misspelt_variables(environment)
    if wrong:
        name, meant = next(iter(wrong.items()))
        raise Found(Fault(f"{name} is no setting and is not used", f"did you mean {meant}?"))
    if settings.jwt_secret:
        try:
            check_secret(settings.jwt_secret)
        except Invalid as error:
            raise Found(
                Fault(f"ONELINER_JWT_SECRET is too weak: {error.message}", "set one of 32 random bytes")
            ) from error
    folder = settings.data_dir
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise Found(
            Fault(f"the data folder {str(settings.data_dir)!r} cannot be written to", "give --data-dir, or its rights")
        )
    return f"data in {settings.data_dir}, database {settings.database_shown}"


async def database(settings: Settings) -> str:
    """Whether the database answers."""
    if settings.uses_sqlite:
        return await asyncio.to_thread(_sqlite, settings)
    asyncpg = _module("asyncpg", "postgres")
    url = settings.database_url.replace("postgresql+asyncpg", "postgresql", 1)
    where = settings.database_shown
    try:
        connection = await asyncpg.connect(url, timeout=_ANSWER_SECONDS)
    except (OSError, TimeoutError) as error:
        what = "start PostgreSQL, and check host and port in ONELINER_DATABASE_URL"
        raise Found(Fault(f"PostgreSQL at {where} cannot be reached ({_said(error)})", what)) from error
    except asyncpg.PostgresError as error:
        what = "check user, password and name in ONELINER_DATABASE_URL"
        raise Found(Fault(f"PostgreSQL at {where} refuses: {error}", what)) from error
    version = await connection.fetchval("SHOW server_version")
    await connection.close()
    return f"PostgreSQL {version} at {where}"


def _sqlite(settings: Settings) -> str:
    path = settings.database_path
    if not path.exists():
        return f"{path} is not there yet; the first start makes it"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_ANSWER_SECONDS)) as connection:
            (sound,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        raise Found(
            Fault(f"{str(path)!r} cannot be read: {error}", "restore it from a backup, or name another")
        ) from error
    if sound != "ok":
        raise Found(Fault(f"{str(path)!r} is damaged: {sound}", "restore it from a backup"))
    return f"SQLite {sqlite3.sqlite_version} at {path}"


async def migrations(settings: Settings) -> str:
    """Whether the database has the schema that this code needs."""
    if settings.uses_sqlite and not settings.database_path.exists():
        return "there is nothing to bring up to date yet"
    found = await asyncio.to_thread(schema, settings)
    if found is Schema.BEHIND:
        raise Found(Fault("the database has an older schema than this code needs", "run `oneliner migrate`"))
    if found is Schema.TOO_NEW:
        raise Found(Fault("a newer version has migrated the database", "run that version, or restore a backup"))
    return f"the database {found.value}"


async def broker(settings: Settings) -> str:
    """Whether the broker answers; empty: there is none."""
    if not settings.broker_url:
        return ""
    app = _celery(settings)

    def connect() -> None:
        with app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=_ANSWER_SECONDS)

    where = _shown(settings.broker_url)
    try:
        await asyncio.to_thread(connect)
    except Exception as error:
        what = "start it, and check ONELINER_BROKER_URL"
        raise Found(Fault(f"the broker at {where} cannot be reached ({_said(error)})", what)) from error
    return where


async def worker(settings: Settings) -> str:
    """Whether a worker takes runs from the queue; empty: the server executes its runs itself."""
    if not settings.broker_url:
        return ""
    app = _celery(settings)

    def ask() -> Mapping[str, Any]:
        return app.control.inspect(timeout=_ANSWER_SECONDS).active_queues() or {}

    try:
        queues = await asyncio.to_thread(ask)
    except Exception as error:
        raise Found(Fault(f"the workers cannot be asked ({_said(error)})", "look at the broker", "broker")) from error
    names = [name for name, taken in queues.items() if any(q.get("name") == settings.queue for q in taken)]
    if not names:
        also = f"; {len(queues)} take from other queues" if queues else ""
        what = "start `oneliner worker` with the same broker, queue and database"
        raise Found(Fault(f"no worker takes runs from the queue {settings.queue!r}{also}", what))
    return f"{len(names)} at the queue {settings.queue!r}"


async def bus(settings: Settings) -> str:
    """Whether Redis carries messages between processes; empty: there is one process."""
    if not settings.bus_url:
        return ""
    redis = _module("redis.asyncio", "distributed")
    errors = _module("redis.exceptions", "distributed")
    client = redis.from_url(settings.bus_url, socket_connect_timeout=_ANSWER_SECONDS, socket_timeout=_ANSWER_SECONDS)
    where = _shown(settings.bus_url)
    try:
        await client.ping()
    except (errors.RedisError, OSError, TimeoutError) as error:
        what = "start Redis, and check ONELINER_REDIS_URL; until then clients see no text while it is written"
        raise Found(Fault(f"the bus at {where} cannot be reached ({_said(error)})", what)) from error
    finally:
        with suppress(errors.RedisError, OSError):
            await client.aclose()
    return where


async def model(settings: Settings) -> str:
    """Whether the model's endpoint can be connected to; it is asked nothing, for that may cost."""
    if not settings.model:
        return "the demo model"
    if not settings.model_base_url:
        return f"{settings.model} at its provider's address"
    parts = urlsplit(settings.model_base_url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError) as error:
        what = "start it, and check ONELINER_MODEL_BASE_URL"
        raise Found(Fault(f"the model's endpoint {host}:{port} cannot be reached ({_said(error)})", what)) from error
    writer.close()
    return f"{settings.model} at {host}:{port}"


def _celery(settings: Settings) -> Any:
    return _module("oneliner.adapters.celery_queue", "distributed").celery_app(
        settings.broker_url, queue=settings.queue
    )


def _module(name: str, extra: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise Found(Fault(f"the extra {extra!r} is not installed", f"pip install 'oneliner[{extra}]'")) from error


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _said(error: BaseException) -> str:
    if isinstance(error, OneLinerError):
        return error.message
    if isinstance(error, TimeoutError):
        return f"no answer within {_ANSWER_SECONDS:g} seconds"
    # The type alone where the text might quote an address with a password.
    return str(error.strerror or type(error).__name__) if isinstance(error, OSError) else type(error).__name__
