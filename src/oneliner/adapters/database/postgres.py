"""PostgreSQL: a bounded pool, and every transaction a plain function that can be run again.

A function runs on the event loop's thread, in a greenlet that is left whenever a statement is sent, so nothing is
blocked and the stores are the same as over SQLite. Writing transactions are READ COMMITTED and rely on the lock order of
``app.ports``; reading ones see one snapshot, as SQLite's do. A transaction that the database refused, or that was lost
with its connection, is run again from its start. The one thing that is never run again is a ``COMMIT`` that got no
answer: whether it happened, only what is stored can say.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import event, make_url, pool, select
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import create_async_engine

from oneliner.adapters.database import schema_version
from oneliner.adapters.database.statement import Driver, Statement, database_now
from oneliner.adapters.database.transaction import Ids, SqlTransaction
from oneliner.domain.errors import StorageFull, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

    from oneliner.app.ports import Effects, Transaction

T = TypeVar("T")
log = logging.getLogger("oneliner.database")

STATEMENT_TIMEOUT_SECONDS = 15
LOCK_TIMEOUT_SECONDS = 5
IDLE_TIMEOUT_SECONDS = 10
#: A server that does not even time out by itself is frozen or cut off.
SILENCE_SECONDS = STATEMENT_TIMEOUT_SECONDS + 5
CONNECT_SECONDS = 5
CACHED_STATEMENTS = 500
#: What lies between the tries of one transaction, before jitter.
PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4)

_NOW = Statement(select(database_now()))
#: serialization_failure, deadlock_detected, unique_violation: somebody else was quicker. Run again, the function sees
#: what he did.
_BEATEN = frozenset({"40001", "40P01", "23505"})
#: admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections, idle_in_transaction_session_timeout, and
#: read_only_sql_transaction, which is how a server says that it became a standby.
_GONE = frozenset({"57P01", "57P02", "57P03", "53300", "25P03", "25006"})
#: query_canceled (by a timeout), lock_not_available.
_TOO_SLOW = frozenset({"57014", "55P03"})
_DISK_FULL = "53100"


class _TryAgain(Exception):
    """A transaction was undone through no fault of its own; *refusal* is what its caller is told when that goes on."""

    def __init__(self, refusal: Exception) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class PostgresDatabase:
    """The database of many processes; see ``app.ports.Database``. *on_commit* gets what leaves after a commit.

    At most *pool_size* connections; who gets none within *wait_seconds* is told that the database is Unavailable.
    """

    def __init__(
        self, url: str, on_commit: Callable[[Effects], None], *, pool_size: int = 10, wait_seconds: float = 5.0
    ) -> None:
        self._on_commit = on_commit
        self._ids = Ids()
        self._engine = _engine(
            url,
            {
                "statement_timeout": f"{STATEMENT_TIMEOUT_SECONDS}s",
                "lock_timeout": f"{LOCK_TIMEOUT_SECONDS}s",
                "idle_in_transaction_session_timeout": f"{IDLE_TIMEOUT_SECONDS}s",
            },
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=wait_seconds,
            pool_use_lifo=True,
        )
        event.listen(self._engine.sync_engine, "checkout", _refuse_closed)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run *work* as one transaction."""
        return await self._protected(self._transact(work, read_only=False))

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run *work* on one snapshot of the database."""
        return await self._protected(self._transact(work, read_only=True))

    async def close(self) -> None:
        """Finish what is under way, then close every connection."""
        self._closed = True
        if self._under_way:
            await asyncio.wait(list(self._under_way))
        await self._engine.dispose()

    async def _protected(self, transaction: Coroutine[Any, Any, T]) -> T:
        # A caller that is cancelled stops waiting; his transaction is not torn apart between commit and effects.
        task = asyncio.get_running_loop().create_task(transaction)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            # Looked at here, in case that nobody waits for it any more.
            task.exception()

    async def _transact(self, work: Callable[[Transaction], T], *, read_only: bool) -> T:
        for pause_seconds in (*PAUSES_SECONDS, None):
            if self._closed:
                raise Unavailable("the database is closed", retry_after_seconds=1)
            try:
                result, effects = await self._attempt(work, read_only=read_only)
            except _TryAgain as again:
                if pause_seconds is None:
                    raise again.refusal from again.__cause__
                log.info("transaction_repeated cause=%s", again)
                await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, keeps no secret
            else:
                if not read_only:
                    self._on_commit(effects)
                return result
        raise AssertionError("the last try returns or raises")

    async def _attempt(self, work: Callable[[Transaction], T], *, read_only: bool) -> tuple[T, Effects]:
        try:
            connection = await self._engine.connect()
        except PoolTimeoutError as error:
            raise Unavailable("every connection to the database is in use", retry_after_seconds=1) from error
        except (DBAPIError, OSError, TimeoutError) as error:
            refusal = Unavailable(f"the database cannot be reached ({type(error).__name__})", retry_after_seconds=1)
            raise _TryAgain(refusal) from error
        try:
            return await connection.run_sync(self._run, work, read_only=read_only)
        finally:
            await connection.close()

    # Within a greenlet: what waits for the database gives way to the event loop meanwhile.

    def _run(self, connection: Connection, work: Callable[[Transaction], T], *, read_only: bool) -> tuple[T, Effects]:
        raw: Any = connection.connection.dbapi_connection
        raw.readonly = read_only
        raw.isolation_level = "repeatable_read" if read_only else "read_committed"
        errors = (raw.dbapi.Error, OSError, TimeoutError)
        try:
            driver = Driver(connection.dialect, raw)
            row = _NOW.first(driver)
            transaction = SqlTransaction(driver, row[0] if row else 0, self._ids)
            result = work(transaction)
        except errors as error:
            raise _undone(connection, raw, error, read_only=read_only) from error
        except BaseException:
            _roll_back(connection, raw)
            raise
        try:
            raw.commit()
        except errors as error:
            raise _uncommitted(connection, raw, error, read_only=read_only) from error
        return result, transaction.effects


async def migrate_postgres(url: str) -> bool:
    """Bring the database to the schema this code needs; whether anything was missing. Processes that start together
    take turns. Raises Unavailable: it cannot be reached.
    """
    return await _on_one_connection(url, schema_version.bring_up_to_date)


async def is_migrated_postgres(url: str) -> bool:
    """Whether the database has the schema this code needs; changes nothing. Raises Unavailable: cannot be reached."""
    return await _on_one_connection(url, schema_version.is_newest)


async def _on_one_connection(url: str, work: Callable[[Connection], T]) -> T:
    # No statement timeout: building an index may take its time.
    engine = _engine(url, {"lock_timeout": "60s"}, poolclass=pool.NullPool)
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    except (OSError, TimeoutError) as error:
        raise Unavailable(f"the database cannot be reached: {error}", retry_after_seconds=1) from error
    except DBAPIError as error:
        if _is_gone(error.orig):
            raise Unavailable(f"the database cannot be reached: {error.orig}", retry_after_seconds=1) from error
        raise
    finally:
        await engine.dispose()


def _engine(url: str, server_settings: dict[str, str], **options: Any) -> AsyncEngine:
    given = make_url(url)
    defaults = {
        "prepared_statement_cache_size": CACHED_STATEMENTS,
        "timeout": CONNECT_SECONDS,
        "command_timeout": SILENCE_SECONDS,
    }
    # What the URL says comes first: behind some poolers, prepared statements must be turned off.
    arguments = {name: value for name, value in defaults.items() if name not in given.query}
    if "poolclass" in options:
        del arguments["command_timeout"]
    settings = {"application_name": "oneliner", **server_settings}
    return create_async_engine(given, connect_args={**arguments, "server_settings": settings}, **options)


def _refuse_closed(dbapi_connection: Any, _record: object, _proxy: object) -> None:
    """When a connection was closed while it lay in the pool, the server was restarted, and the others are closed too."""
    if dbapi_connection.driver_connection.is_closed():
        raise InvalidatePoolError


def _undone(connection: Connection, raw: Any, error: Exception, *, read_only: bool) -> Exception:
    """What to raise for *error* in a transaction that is not committed, after it was rolled back."""
    state = getattr(error, "sqlstate", None)
    if (state == "25006" and not read_only) or (state != "25006" and _is_lost(raw, error)):
        connection.invalidate(error)
        return _TryAgain(Unavailable("the connection to the database was lost", retry_after_seconds=1))
    _roll_back(connection, raw)
    if state == "23505":
        return _TryAgain(error)
    if state in _BEATEN:
        return _TryAgain(Unavailable("the database has too many writers in conflict", retry_after_seconds=1))
    return _refusal(error, state)


def _uncommitted(connection: Connection, raw: Any, error: Exception, *, read_only: bool) -> Exception:
    """What to raise for *error* of a COMMIT."""
    state = getattr(error, "sqlstate", None)
    if not _is_lost(raw, error):
        _roll_back(connection, raw)
        return _TryAgain(Unavailable(str(error), retry_after_seconds=1)) if state in _BEATEN else _refusal(error, state)
    connection.invalidate(error)
    if read_only:
        return _TryAgain(Unavailable("the connection to the database was lost", retry_after_seconds=1))
    return Unavailable(
        "the connection to the database was lost during a commit; look whether it was done before you try again",
        retry_after_seconds=1,
    )


def _refusal(error: Exception, state: str | None) -> Exception:
    """What the callers are told; a fault of ours stays as it is."""
    if state == _DISK_FULL:
        return StorageFull("the disk of the database is full; free some space and try again", retry_after_seconds=5)
    if state is not None and (state in _TOO_SLOW or state.startswith("53")):
        return Unavailable(f"the database cannot take it now: {error}", retry_after_seconds=1)
    return error


def _is_lost(raw: Any, error: Exception) -> bool:
    stale = isinstance(error, raw.dbapi.InvalidCachedStatementError)
    return stale or raw.driver_connection.is_closed() or _is_gone(error)


def _is_gone(error: BaseException | None) -> bool:
    state = getattr(error, "sqlstate", None)
    if state is None:
        return isinstance(error, OSError | TimeoutError)
    return state in _GONE or state.startswith("08")


def _roll_back(connection: Connection, raw: Any) -> None:
    try:
        raw.rollback()
    except (raw.dbapi.Error, OSError, TimeoutError) as error:
        connection.invalidate(error)
