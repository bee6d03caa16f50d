"""SQLite: one writer thread, a few readers, every transaction a plain function.

SQLite takes one writer at a time, so there is one thread that writes, and whoever wants to write queues up in front of
it. The thread takes all that waits as one batch under one ``BEGIN IMMEDIATE`` … ``COMMIT`` with a savepoint around
each, so that many writers share one flush to the disk; a function that raises undoes itself alone. (Measured: 747
transactions a second through aiosqlite, 2,500 to 4,000 through one synchronous writer, more with shared commits.)
Nobody may write to the file around this thread while the server runs, except for ``oneliner`` commands that wait their
turn by ``busy_timeout``.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from oneliner.adapters.database.statement import Driver
from oneliner.adapters.database.transaction import Ids, SqlTransaction
from oneliner.domain.errors import StorageFull, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from oneliner.app.ports import Effects, Transaction

T = TypeVar("T")
_DIALECT = SQLiteDialect_pysqlite()

MAX_BATCH = 64
BUSY_TIMEOUT_MS = 10_000
#: What lies between the tries of a transaction that is patient.
RETRY_SECONDS = 0.3


def open_sqlite(
    path: Path, *, read_only: bool = False, synchronous: str = "FULL", busy_timeout_ms: int = BUSY_TIMEOUT_MS
) -> sqlite3.Connection:
    """A connection with the pragmas this product relies on. Its owner begins and ends every transaction by itself."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    connection.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    else:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA cache_size = -16000")
    return connection


@dataclass(slots=True, eq=False)
class _Job:
    """A function that waits for its transaction, and what became of it."""

    work: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    effects: Effects | None = None


class SqliteDatabase:
    """The database of the embedded mode; see ``app.ports.Database``. *on_commit* gets what leaves after a commit."""

    def __init__(
        self,
        path: Path,
        on_commit: Callable[[Effects], None],
        *,
        readers: int = 2,
        synchronous: str = "FULL",
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    ) -> None:
        self._on_commit = on_commit
        self._ids = Ids()
        self._writes: SimpleQueue[_Job | None] = SimpleQueue()
        self._reads: SimpleQueue[_Job | None] = SimpleQueue()
        writer = open_sqlite(path, synchronous=synchronous, busy_timeout_ms=busy_timeout_ms)
        self._threads = [Thread(target=self._write_all, args=(writer,), name="oneliner-writer", daemon=True)]
        for n in range(readers):
            reader = open_sqlite(path, read_only=True, busy_timeout_ms=busy_timeout_ms)
            self._threads.append(
                Thread(target=self._read_all, args=(reader,), name=f"oneliner-reader-{n}", daemon=True)
            )
        self._closed = False
        for thread in self._threads:
            thread.start()

    async def write(
        self, work: Callable[[Transaction], T], *, patience_seconds: float = 0.0, reserved: bool = False
    ) -> T:
        """Run *work* as one transaction on the writer thread."""
        del reserved  # there is one writer, and nothing waits long in front of it
        if not patience_seconds:
            return await self._submit(self._writes, work)
        patient_until = time.monotonic() + patience_seconds
        while True:
            try:
                return await self._submit(self._writes, work)
            except Unavailable:
                if self._closed or time.monotonic() >= patient_until:
                    raise
            await asyncio.sleep(RETRY_SECONDS)

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run *work* on a reader thread, on one snapshot of the database."""
        return await self._submit(self._reads, work)

    async def close(self) -> None:
        """Finish what waits, then end the threads."""
        if self._closed:
            return
        self._closed = True
        self._writes.put(None)
        for _ in self._threads[1:]:
            self._reads.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)

    @property
    def waiting(self) -> int:
        """How many transactions wait for a thread."""
        return self._writes.qsize() + self._reads.qsize()

    async def _submit(self, queue: SimpleQueue[_Job | None], work: Callable[[Transaction], T]) -> T:
        if self._closed:
            raise Unavailable("the database is closed", retry_after_seconds=1)
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        queue.put(_Job(work, future))
        return await future

    # On the writer thread.

    def _write_all(self, connection: sqlite3.Connection) -> None:
        with closing(connection):
            ended = False
            while not ended:
                batch, ended = _next_batch(self._writes)
                if batch:
                    self._write_batch(connection, batch)
                    self._hand_back(batch)

    def _write_batch(self, connection: sqlite3.Connection, batch: Sequence[_Job]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.DatabaseError as error:
            # They have all waited for as long as one may; a try for each would make the last wait for all of them.
            for job in batch:
                job.error = _as_refusal(error)
            return
        try:
            for job in batch:
                self._run_in_savepoint(connection, job)
            connection.execute("COMMIT")
        except sqlite3.DatabaseError as error:
            _roll_back(connection)
            if len(batch) == 1:
                batch[0].error = _as_refusal(error)
                return
            # The whole batch is undone; each function has no effects of its own, so each gets a try by itself.
            for job in batch:
                job.error = None
                self._write_batch(connection, [job])

    def _run_in_savepoint(self, connection: sqlite3.Connection, job: _Job) -> None:
        connection.execute("SAVEPOINT job")
        transaction = self._transaction(connection)
        try:
            job.result = job.work(transaction)
        except sqlite3.OperationalError:
            # The database's trouble, not the function's: it may have undone the whole transaction.
            raise
        except BaseException as error:  # noqa: BLE001 - whatever the function raises is its caller's, who awaits it
            connection.execute("ROLLBACK TO job")
            job.error = error
        else:
            job.effects = transaction.effects
        connection.execute("RELEASE job")

    # On a reader thread.

    def _read_all(self, connection: sqlite3.Connection) -> None:
        with closing(connection):
            while (job := self._reads.get()) is not None:
                self._read_one(connection, job)
                self._hand_back([job])

    def _read_one(self, connection: sqlite3.Connection, job: _Job) -> None:
        try:
            connection.execute("BEGIN")
            job.result = job.work(self._transaction(connection))
        except sqlite3.OperationalError as error:
            job.error = _as_refusal(error)
        except BaseException as error:  # noqa: BLE001 - whatever the function raises is its caller's, who awaits it
            job.error = error
        _roll_back(connection)

    def _transaction(self, connection: sqlite3.Connection) -> SqlTransaction:
        return SqlTransaction(Driver(_DIALECT, connection), time.time_ns() // 1_000_000, self._ids)

    # Back to the event loop: one hop for a whole batch.

    def _hand_back(self, batch: Sequence[_Job]) -> None:
        try:
            batch[0].future.get_loop().call_soon_threadsafe(self._deliver, batch)
        except RuntimeError:
            # The loop is gone: the process is ending, and what was committed is found by the next one.
            return

    def _deliver(self, batch: Sequence[_Job]) -> None:
        for job in batch:
            if job.error is None and job.effects is not None:
                self._on_commit(job.effects)
            if job.future.cancelled():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)


def _next_batch(queue: SimpleQueue[_Job | None]) -> tuple[list[_Job], bool]:
    """What waits now, at least one and at most :data:`MAX_BATCH`; and whether the end was asked for."""
    batch: list[_Job] = []
    job = queue.get()
    while job is not None:
        batch.append(job)
        if len(batch) == MAX_BATCH:
            return batch, False
        try:
            job = queue.get_nowait()
        except Empty:
            return batch, False
    return batch, True


def _roll_back(connection: sqlite3.Connection) -> None:
    try:
        connection.execute("ROLLBACK")
    except sqlite3.DatabaseError:
        # SQLite has rolled back by itself (a full disk does that); there is nothing left to undo.
        return


def _as_refusal(error: sqlite3.DatabaseError) -> Exception:
    """What the callers are told: that the database is busy or full; any other trouble is a fault of ours, as it is."""
    text = str(error)
    if "full" in text or "disk I/O" in text:
        return StorageFull("the disk is full; free some space and try again", retry_after_seconds=5)
    if "locked" in text or "busy" in text:
        return Unavailable(f"the database cannot take it now: {text}", retry_after_seconds=1)
    return error
