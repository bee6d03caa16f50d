"""The sweep: finding what was lost and what is due, and sending it on its way.

Every process sweeps; the database decides who wins. What a crash can leave behind: runs whose lease has run out, runs
whose wake-up was lost, lanes in which nobody was let go, and messages that nobody writes any more.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from oneliner.app import bills, journal, lanes, runs, schedules
from oneliner.app.claiming import recover
from oneliner.app.runs import VERSION
from oneliner.domain.errors import LeaseLost
from oneliner.domain.run import RunStatus

if TYPE_CHECKING:
    from oneliner.app.ports import Database, Queue, Transaction
    from oneliner.domain.message import Message
    from oneliner.domain.run import Run

BATCH = 200
KEY_LIFE_MS = 24 * 3_600_000


async def sweep(database: Database, queue: Queue, *, worker_id: str, undelivered_after_ms: int) -> int:
    """Find and send on what was lost, as *worker_id*; how many runs were taken from lost workers. Runs made for a newer version are left
    to processes of that version.
    """
    expired = await database.read(lambda tx: tx.runs.expired(BATCH, VERSION))
    recovered = await recover_all(database, expired, worker_id)
    for run in await database.read(lambda tx: tx.runs.due_to_resume(BATCH)):
        await database.write(partial(_resume_due, run_id=run.id, lane=run.lane))
    for schedule_id in await database.read(lambda tx: tx.schedules.due(BATCH)):
        await database.write(partial(schedules.fire, schedule_id=schedule_id))
    for lane in await database.read(lambda tx: tx.lanes.stuck(BATCH)):
        await database.write(partial(_promote, lane=lane))
    for run_id in await database.read(lambda tx: tx.runs.undelivered(undelivered_after_ms, BATCH, VERSION)):
        queue.wake(run_id)
    for message in await database.read(lambda tx: tx.messages.orphaned(BATCH)):
        await database.write(partial(_close_orphan, message=message))
    return recovered


async def recover_all(database: Database, runs: list[Run], worker_id: str) -> int:
    """Take *runs* from the workers that held them, as *worker_id*; how many somebody else had not taken first."""
    recovered = 0
    for run in runs:
        try:
            await database.write(partial(recover, run=run, worker_id=worker_id))
        except LeaseLost:
            continue
        recovered += 1
    return recovered


async def forget_old_keys(database: Database) -> int:
    """Forget idempotency keys that are a day old; how many."""
    return await database.write(lambda tx: tx.keys.purge(tx.now_ms - KEY_LIFE_MS))


def _resume_due(tx: Transaction, run_id: str, lane: str) -> None:
    """Let a run go on whose wait was until now; unless somebody was faster."""
    lanes.hold(tx, lane)
    run = tx.runs.get(run_id, journal.EVERYTHING, lock=True)
    is_due = run.resumes_at is not None and run.resumes_at <= tx.now_ms
    if run.run_status is not RunStatus.BLOCKED or run.deleted_at is not None or not is_due:
        return
    lanes.enter(tx, lane, run_id)
    runs.resume_due(tx, run)


def _promote(tx: Transaction, lane: str) -> None:
    if lanes.hold(tx, lane) is None:
        lanes.promote(tx, lane)


def _close_orphan(tx: Transaction, message: Message) -> None:
    bills.settle_lost(tx, tx.runs.get(message.run_id, journal.EVERYTHING, lock=True), message)
