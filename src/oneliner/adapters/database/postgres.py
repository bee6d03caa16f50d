"""PostgreSQL: a bounded pool, and every transaction a plain function that can be run again.

A function runs on the event loop's thread, in a greenlet that is left whenever a statement is sent, so nothing is
blocked and the stores are the same as over SQLite. Writing transactions are READ COMMITTED and rely on the lock order of
``app.ports``; reading ones see one snapshot, as SQLite's do. A transaction that the database refused, or that was lost
with its connection, is run again from its start. A ``COMMIT`` that got no answer is looked up first: the server knows
what became of a transaction by its number. Only when it cannot be asked in time is the outcome left open, and said so.
"""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import bindparam, event, literal_column, make_url, pool, select, text
from sqlalchemy.exc import DBAPIError, InvalidatePoolError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import create_async_engine

from oneliner.adapters.database import schema_version
from oneliner.adapters.database.statement import Driver, Statement, database_now
from oneliner.adapters.database.tables import agent_run_events
from oneliner.adapters.database.transaction import Ids, SqlTransaction
from oneliner.domain.errors import StorageFull, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncEngine

    from oneliner.adapters.database.schema_version import Schema
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
#: What lies between the tries of one transaction, before jitter; one that is patient goes on with the last.
PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4)

_NOW = Statement(select(database_now()))
# The number comes with the time, and so costs no statement of its own.
_NOW_AND_NUMBER = Statement(select(database_now(), literal_column("pg_current_xact_id()::text")))
_OUTCOME = Statement(text("SELECT pg_xact_status(CAST(CAST(:number AS text) AS xid8))").bindparams(bindparam("number")))
_WAS_TOLD = Statement(select(agent_run_events.c.id).where(agent_run_events.c.id == bindparam("event")))
#: serialization_failure, deadlock_detected, unique_violation: somebody else was quicker. Run again, the function sees
#: what he did.
_BEATEN = frozenset({"40001", "40P01", "23505"})
#: admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections, idle_in_transaction_session_timeout, and
#: read_only_sql_transaction, which is how a server says that it became a standby.
_GONE = frozenset({"57P01", "57P02", "57P03", "53300", "25P03", "25006"})
#: query_canceled (by a timeout), lock_not_available.
_TOO_SLOW = frozenset({"57014", "55P03"})
_DISK_FULL = "53100"
#: invalid_parameter_value: what ``pg_xact_status`` says to a number that was not given out yet.
_NO_SUCH_NUMBER = "22023"


class _TryAgain(Exception):
    """A transaction was undone through no fault of its own; *refusal* is what its caller is told when that goes on."""

    def __init__(self, refusal: Exception) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class _Unknowable(Exception):
    """What a COMMIT without an answer has done cannot be found out; *refusal* is what its caller is told."""

    def __init__(self, refusal: Exception) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class _Unanswered(_TryAgain):
    """A COMMIT without an answer: of which transaction, and what is to be told if it was done."""

    def __init__(self, number: str, result: Any, effects: Effects) -> None:
        super().__init__(
            Unavailable(
                "the connection to the database was lost during a commit; look whether it was done before you try again",
                retry_after_seconds=1,
            )
        )
        self.number = number
        self.result = result
        self.effects = effects


@dataclass(slots=True, eq=False)
class _Order:
    """A function that wants its transaction; *is_wanted* until its caller has gone."""

    work: Callable[[Transaction], Any]
    read_only: bool
    patience_seconds: float = 0.0
    reserved: bool = False
    is_wanted: bool = True


class PostgresDatabase:
    """The database of many processes; see ``app.ports.Database``. *on_commit* gets what leaves after a commit.

    At most *pool_size* connections, and one more for what is ``reserved`` when they are all in use; who gets none within
    *wait_seconds* is told that the database is Unavailable.
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
            max_overflow=1,
            pool_timeout=wait_seconds,
            pool_use_lifo=True,
        )
        event.listen(self._engine.sync_engine, "checkout", _refuse_closed)
        self._wait_seconds = wait_seconds
        # The connections for everybody; what is reserved does not queue up here.
        self._common = asyncio.Semaphore(pool_size)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def write(
        self, work: Callable[[Transaction], T], *, patience_seconds: float = 0.0, reserved: bool = False
    ) -> T:
        """Run *work* as one transaction."""
        return await self._protected(_Order(work, False, patience_seconds, reserved))  # noqa: FBT003 - named in its class

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run *work* on one snapshot of the database."""
        return await self._protected(_Order(work, True))  # noqa: FBT003 - named in its class

    @property
    def waiting(self) -> int:
        """How many transactions wait for a connection or are on one."""
        return len(self._under_way)

    async def close(self) -> None:
        """Finish what is under way, then close every connection."""
        self._closed = True
        if self._under_way:
            await asyncio.wait(list(self._under_way))
        await self._engine.dispose()

    async def _protected(self, order: _Order) -> Any:
        # A caller that is cancelled stops waiting; his transaction is not torn apart between commit and effects.
        task = asyncio.get_running_loop().create_task(self._transact(order))
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        finally:
            order.is_wanted = False

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            # Looked at here, in case that nobody waits for it any more.
            task.exception()

    async def _transact(self, order: _Order) -> Any:
        loop = asyncio.get_running_loop()
        patient_until = loop.time() + order.patience_seconds
        open_end: _Unanswered | None = None
        for tries in count():
            if self._closed:
                raise Unavailable("the database is closed", retry_after_seconds=1)
            try:
                if open_end is None or not await self._was_committed(open_end):
                    open_end = None
                    result, effects = await self._attempt(order)
                else:
                    result, effects = open_end.result, open_end.effects
            except _Unknowable as error:
                raise error.refusal from error.__cause__
            except (_TryAgain, Unavailable) as error:
                if isinstance(error, _Unanswered):
                    open_end = error
                is_patient = order.is_wanted and loop.time() < patient_until
                if not is_patient and (isinstance(error, Unavailable) or tries >= len(PAUSES_SECONDS)):
                    refusal = error if isinstance(error, Unavailable) else error.refusal
                    raise (refusal if open_end is None else open_end.refusal) from error.__cause__
                log.info("transaction.repeated", extra={"cause": str(error)})
                pause_seconds = PAUSES_SECONDS[min(tries, len(PAUSES_SECONDS) - 1)]
                await asyncio.sleep(pause_seconds * random.uniform(0.5, 1.5))  # noqa: S311 - spreads load, keeps no secret
            else:
                if not order.read_only:
                    self._on_commit(effects)
                return result
        raise AssertionError("the last try returns or raises")

    async def _attempt(self, order: _Order) -> tuple[Any, Effects]:
        if order.reserved:
            return await self._connected(self._run, order)
        if self._common.locked():
            try:
                # Not wait_for: on Python 3.11 it loses a cancellation that comes together with the connection.
                async with asyncio.timeout(self._wait_seconds):
                    await self._common.acquire()
            except TimeoutError as error:
                raise Unavailable("every connection to the database is in use", retry_after_seconds=1) from error
        else:
            await self._common.acquire()
        try:
            return await self._connected(self._run, order)
        finally:
            self._common.release()

    async def _was_committed(self, end: _Unanswered) -> bool:
        """What became of a transaction whose COMMIT got no answer."""
        match await self._connected(self._ask_outcome, end):
            case "committed":
                return True
            case "aborted":
                return False
            case "in progress":
                # The server has not noticed yet that its client is gone.
                raise _TryAgain(end.refusal)
            case _:
                raise _Unknowable(end.refusal)

    async def _connected(self, work: Callable[[Connection, Any], T], about: Any) -> T:
        try:
            connection = await self._engine.connect()
        except PoolTimeoutError as error:
            raise Unavailable("every connection to the database is in use", retry_after_seconds=1) from error
        except (DBAPIError, OSError, TimeoutError) as error:
            refusal = Unavailable(f"the database cannot be reached ({type(error).__name__})", retry_after_seconds=1)
            raise _TryAgain(refusal) from error
        try:
            return await connection.run_sync(work, about)
        finally:
            await connection.close()

    # Within a greenlet: what waits for the database gives way to the event loop meanwhile.

    def _run(self, connection: Connection, order: _Order) -> tuple[Any, Effects]:
        raw: Any = connection.connection.dbapi_connection
        read_only = order.read_only
        raw.readonly = read_only
        raw.isolation_level = "repeatable_read" if read_only else "read_committed"
        errors = (raw.dbapi.Error, OSError, TimeoutError)
        try:
            driver = Driver(connection.dialect, raw)
            begun: Sequence[Any] = (_NOW if read_only else _NOW_AND_NUMBER).first(driver) or (0, "")
            transaction = SqlTransaction(driver, begun[0], self._ids)
            result = order.work(transaction)
        except errors as error:
            raise _undone(connection, raw, error, read_only=read_only) from error
        except BaseException:
            _roll_back(connection, raw)
            raise
        try:
            raw.commit()
        except errors as error:
            if not read_only and _is_lost(raw, error):
                connection.invalidate(error)
                raise _Unanswered(begun[1], result, transaction.effects) from error
            raise _uncommitted(connection, raw, error) from error
        return result, transaction.effects

    def _ask_outcome(self, connection: Connection, end: _Unanswered) -> str | None:
        raw: Any = connection.connection.dbapi_connection
        raw.readonly = True
        # Each statement is to see what is true when it is sent.
        raw.isolation_level = "read_committed"
        try:
            driver = Driver(connection.dialect, raw)
            row = _OUTCOME.first(driver, number=end.number)
            status = None if row is None else row[0]
            if status == "committed":
                status = self._confirmed(driver, end)
            raw.rollback()
        except (raw.dbapi.Error, OSError, TimeoutError) as error:
            connection.invalidate(error)
            if getattr(error, "sqlstate", None) == _NO_SUCH_NUMBER:
                # The server has forgotten that it gave out this number, so nothing under it can have been committed.
                return "aborted"
            raise _TryAgain(end.refusal) from error
        return status

    def _confirmed(self, driver: Driver, end: _Unanswered) -> str | None:
        # A server that crashed gives out the numbers anew of transactions of which nothing had reached its disk. So
        # "aborted" can be relied on, and "committed" only with a row that the transaction wrote.
        events = end.effects.events
        if not events:
            return None
        return "aborted" if _WAS_TOLD.first(driver, event=events[0].id) is None else "committed"


async def migrate_postgres(url: str) -> bool:
    """Bring the database to the schema this code needs; whether anything was missing. Processes that start together
    take turns. Raises Unavailable: it cannot be reached; Invalid: it is too new for this code.
    """
    return await on_one_connection(url, schema_version.bring_up_to_date)


async def schema_of_postgres(url: str) -> Schema:
    """What the database is to this code; changes nothing. Raises Unavailable: it cannot be reached."""
    return await on_one_connection(url, schema_version.schema_of)


async def on_one_connection(url: str, work: Callable[[Connection], T]) -> T:
    """The result of *work*, done as one transaction that may take as long as it needs. Raises Unavailable: the database
    cannot be reached.
    """
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


def _uncommitted(connection: Connection, raw: Any, error: Exception) -> Exception:
    """What to raise for *error* of a COMMIT that did not happen, or that had nothing to change."""
    if _is_lost(raw, error):
        connection.invalidate(error)
        return _TryAgain(Unavailable("the connection to the database was lost", retry_after_seconds=1))
    _roll_back(connection, raw)
    state = getattr(error, "sqlstate", None)
    return _TryAgain(Unavailable(str(error), retry_after_seconds=1)) if state in _BEATEN else _refusal(error, state)


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
