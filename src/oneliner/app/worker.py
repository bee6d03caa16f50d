"""A worker: it claims runs, carries them out, and lets go of them properly, whatever happens.

Its right to a run is a lease, renewed for all its runs at once every third of its life. A worker that could not renew
for two thirds of it stops by itself: before anybody else can have taken its runs, and long before a fence would have to
refuse its writes. A lost lease means: stop, write nothing.

While the database is away, checkpoints wait for it for as long as the lease lets them; what was stopped meanwhile is
handed back as soon as the database can be told.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING

from oneliner.app import log_fields, recovery
from oneliner.app.checkpoint import Checkpoint
from oneliner.app.claiming import claim, close_lost_calls, hand_back
from oneliner.app.drafting import Drafting
from oneliner.app.execution import Execution
from oneliner.app.journal import EVERYTHING
from oneliner.app.runs import VERSION
from oneliner.app.staff import Staff
from oneliner.app.telemetry import Stint, trace_id
from oneliner.domain.errors import LeaseLost, Unavailable
from oneliner.domain.run import Reason, RunStatus

if TYPE_CHECKING:
    from oneliner.app.claiming import Claimed
    from oneliner.app.execution import Surroundings
    from oneliner.app.ports import Queue, Transaction
    from oneliner.domain.run import Run

log = logging.getLogger("oneliner.worker")

#: How soon the sweep looks again after the database was away; runs that came meanwhile wait for it.
RESWEEP_SECONDS = 1.0


class _Cause(Enum):
    """Why an execution is stopped from outside."""

    INTERRUPTED = "the run was cancelled"
    LEASE_LOST = "the lease was lost"
    CUT_OFF = "the lease could not be renewed"
    HANDED_BACK = "the worker shuts down"


@dataclass(eq=False, slots=True)
class _Holding:
    """An execution under way."""

    task: asyncio.Task[object]
    work: Execution | Drafting
    cause: _Cause | None = None

    def stop(self, cause: _Cause) -> None:
        if self.cause is None:
            self.cause = cause
            self.task.cancel()


class Worker:
    """Carries out runs for one process. *lease_seconds* is how long a right to a run lasts without renewal."""

    def __init__(self, around: Surroundings, *, worker_id: str, lease_seconds: float, sweep_seconds: float) -> None:
        # The lease limits how long a checkpoint can wait, and not its patience.
        self._around = replace(around, patience_seconds=lease_seconds)
        self.id = worker_id
        self._lease_seconds = lease_seconds
        self._sweep_seconds = sweep_seconds
        self._holdings: dict[str, _Holding] = {}
        # Runs whose claim is under way, and what has happened to them since.
        self._claiming: dict[str, _Cause | None] = {}
        self._stopping = False
        self._newest_staff: Staff | None = None

    @property
    def holds(self) -> int:
        """How many runs it carries out now."""
        return len(self._holdings)

    async def execute(self, run_id: str) -> None:
        """Carry out *run_id* as far as it goes, if it is to be had."""
        if self._stopping or run_id in self._holdings or run_id in self._claiming:
            return
        self._claiming[run_id] = None
        try:
            # No longer than until the sweep would send it again.
            claimed = await self._around.database.write(
                partial(self._claim, run_id=run_id), patience_seconds=self._sweep_seconds
            )
        except Unavailable as error:
            # The sweep sends it again.
            log.warning("run.claim_failed", extra={"run_id": run_id, "error": error.message})
            return
        finally:
            cause = self._claiming.pop(run_id)
        if claimed is not None:
            await self._carry_through(claimed, cause)

    def interrupt(self, run_id: str) -> None:
        """Stop carrying out *run_id*, which was cancelled."""
        holding = self._holdings.get(run_id)
        if holding is not None:
            holding.stop(_Cause.INTERRUPTED)
        elif run_id in self._claiming:
            self._claiming[run_id] = _Cause.INTERRUPTED

    async def keep_leases(self) -> None:
        """Renew the leases of all runs held, for ever."""
        loop = asyncio.get_running_loop()
        renewed_at = loop.time()
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            held = dict(self._holdings)
            if not held:
                renewed_at = loop.time()
                continue
            try:
                async with asyncio.timeout(self._lease_seconds / 3):
                    still_ours = await self._around.database.write(
                        partial(self._renew, run_ids=set(held)), patience_seconds=self._lease_seconds / 3, reserved=True
                    )
            except (Unavailable, TimeoutError) as error:
                log.warning("leases.not_renewed", extra={"worker": self.id, "error": str(error)})
                if loop.time() - renewed_at > self._lease_seconds * 2 / 3:
                    self._stop_all(held, _Cause.CUT_OFF)
                continue
            renewed_at = loop.time()
            await self._stop_lost({r: h for r, h in held.items() if r not in still_ours})

    async def keep_sweeping(self, queue: Queue) -> None:
        """Send on what was lost, for ever."""
        # A process that begins knows of no wake-up: whatever is queued then may have lost its own with another one.
        undelivered_after_ms = 0
        while True:
            pause_seconds = self._sweep_seconds
            try:
                recovered = await recovery.sweep(
                    self._around.database,
                    queue,
                    worker_id=self.id,
                    undelivered_after_ms=undelivered_after_ms,
                )
                undelivered_after_ms = int(self._sweep_seconds * 1000)
                if recovered:
                    log.info("runs.recovered", extra={"count": recovered})
            except Unavailable as error:
                log.warning("sweep.failed", extra={"error": error.message})
                pause_seconds = min(pause_seconds, RESWEEP_SECONDS)
            except Exception:
                # Whatever it met (a row that newer code wrote, say), what is lost later must still be found.
                log.exception("sweep.broke")
            await asyncio.sleep(pause_seconds)

    async def shut_down(self, grace_seconds: float) -> None:
        """Claim nothing more, let what is under way finish within the grace time, and hand the rest back."""
        self._stopping = True
        for run_id in self._claiming:
            # Too late to begin: what such a claim gets is handed back as soon as it is there.
            self._claiming[run_id] = _Cause.HANDED_BACK
        if self._holdings:
            await asyncio.wait([h.task for h in self._holdings.values()], timeout=grace_seconds)
        rest = list(self._holdings.values())
        for holding in rest:
            holding.stop(_Cause.HANDED_BACK)
        if rest:
            await asyncio.wait([h.task for h in rest])

    def _claim(self, tx: Transaction, run_id: str) -> Claimed | None:
        return claim(
            tx,
            run_id,
            worker_id=self.id,
            lease_ms=int(self._lease_seconds * 1000),
            version=VERSION,
            staff=self._staff,
        )

    def _renew(self, tx: Transaction, run_ids: set[str]) -> set[str]:
        return tx.runs.renew(self.id, int(self._lease_seconds * 1000), run_ids)

    @property
    def _staff(self) -> Staff:
        """Who can carry out an execution that begins now. An execution keeps its own: one that is under way sees the
        tools it began with, whatever comes and goes meanwhile.
        """
        around = self._around
        tools = around.tools.specs()
        if self._newest_staff is None or self._newest_staff.tools != tools:
            self._newest_staff = Staff(
                around.roster, around.models, tools, around.functions, context_tokens=around.context_tokens
            )
        return self._newest_staff

    async def _carry_through(self, claimed: Claimed, cause: _Cause | None) -> None:
        run, staff = claimed.run, self._staff
        work: Execution | Drafting
        if run.run_status is RunStatus.DRAFTING:
            work = Drafting(self._around, run, staff, worker_id=self.id)
        else:
            work = Execution(self._around, run, staff, claimed.step)
        # A task of its own, so that it can be stopped without stopping whoever waits for it.
        task = asyncio.ensure_future(self._watched(work))
        holding = self._holdings[run.id] = _Holding(task, work)
        if cause is not None:
            holding.stop(cause)
        await asyncio.wait([task])
        del self._holdings[run.id]
        await self._close(holding, task)

    async def _watched(self, work: Execution | Drafting) -> None:
        stint = Stint(work.run)
        with log_fields.only(**_ids(work.run)), self._around.telemetry.executing(stint):
            await work.carry_through()
            stint.after = work.run

    async def _close(self, holding: _Holding, task: asyncio.Task[None]) -> None:
        """Settle what an execution left that did not come to its end."""
        work, cause = holding.work, holding.cause
        text = work.live.text if work.live else ""
        error = None if task.cancelled() else task.exception()
        lost = _is_only(error, LeaseLost) or cause is _Cause.LEASE_LOST
        try:
            if cause is _Cause.INTERRUPTED or (lost and await self._was_cancelled(work.run.id)):
                await self._around.database.write(partial(_close_cancelled, run_id=work.run.id, text=text))
            elif lost:
                self._lost(work.run)
            elif cause is _Cause.HANDED_BACK:
                await self._around.database.write(partial(hand_back, run=work.run, text=text, worker_id=self.id))
            elif cause is _Cause.CUT_OFF:
                # Nothing was wrong with the run. Until its lease is over nobody else takes it, and later the fence says so.
                await self._around.database.write(
                    partial(hand_back, run=work.run, text=text, worker_id=self.id), patience_seconds=self._lease_seconds
                )
            elif _is_only(error, Unavailable):
                # Nobody renews its lease any more; the sweep takes it when the database is back.
                log.warning("run.stopped", extra={**_ids(work.run), "error": str(error)})
            elif error is not None:
                log.error("run.broke", exc_info=error, extra=_ids(work.run))
                await self._around.database.write(partial(self._fail, work=work, error=error))
        except LeaseLost:
            self._lost(work.run)
        except Unavailable as unavailable:
            # The lease runs out, and the sweep takes it from there.
            log.warning("run.not_closed", extra={**_ids(work.run), "error": unavailable.message})

    def _lost(self, run: Run) -> None:
        self._around.telemetry.lease_lost()
        log.warning("run.lease_lost", extra={**_ids(run), "fence": run.fence})

    async def _was_cancelled(self, run_id: str) -> bool:
        run = await self._around.database.read(lambda tx: tx.runs.get(run_id, EVERYTHING))
        return run.run_status is RunStatus.CANCELLED

    def _fail(self, tx: Transaction, work: Execution | Drafting, error: BaseException) -> None:
        # The type alone: the text of an unforeseen error may hold anything.
        text = f"an internal error ended the run ({type(error).__name__}); the server's log has the details"
        Checkpoint(tx, work.run, self._staff).fail(Reason.INTERNAL_ERROR, error=text)

    async def _stop_lost(self, missing: dict[str, _Holding]) -> None:
        """Stop what the renewal did not find, but for the runs that were just coming to their end."""
        if missing:
            await asyncio.wait([h.task for h in missing.values()], timeout=self._lease_seconds / 10)
        self._stop_all({r: h for r, h in missing.items() if self._holdings.get(r) is h}, _Cause.LEASE_LOST)

    def _stop_all(self, holdings: dict[str, _Holding], cause: _Cause) -> None:
        for holding in holdings.values():
            holding.stop(cause)


def _ids(run: Run) -> dict[str, str]:
    """What a log line about *run* carries."""
    trace = trace_id(run.traceparent)
    return {"run_id": run.id, "session_id": run.session_id, "user_id": run.user_id, "trace_id": trace}


def _close_cancelled(tx: Transaction, run_id: str, text: str) -> None:
    close_lost_calls(tx, tx.runs.get(run_id, EVERYTHING, lock=True), text)


def _is_only(error: BaseException | None, kind: type[Exception]) -> bool:
    """Whether *error* is of *kind*, or a group that holds nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_only(e, kind) for e in error.exceptions)
    return isinstance(error, kind)
