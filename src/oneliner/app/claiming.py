"""Taking the lease of a run, and giving it up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.app import bills, journal, lanes, next_step
from oneliner.app.checkpoint import Checkpoint
from oneliner.app.ports import Lease
from oneliner.app.steps import Stop
from oneliner.domain.event import Draft, EventType
from oneliner.domain.executor import MAIN_EXECUTOR
from oneliner.domain.run import ENDED, Reason, RunStatus, Trigger

if TYPE_CHECKING:
    from oneliner.app.ports import Transaction
    from oneliner.app.staff import Staff
    from oneliner.app.steps import Next
    from oneliner.domain.run import Run

MAX_LOST_ATTEMPTS = 3


def name_of(worker_id: str) -> str:
    """What run events call a worker: the end of its id, by which the logs find it. The host stays out of them: they are
    read by users and sent to webhooks.
    """
    return worker_id.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A run whose lease was taken, and what comes first; a drafting run has no first step stored."""

    run: Run
    step: Next


def claim(tx: Transaction, run_id: str, *, worker_id: str, lease_ms: int, version: int, staff: Staff) -> Claimed | None:
    """Take the lease of *run_id* and make its first step ready; None when it is not to be had.

    Model calls that an earlier worker left behind are closed first: nobody will hear their answers, and they cost.
    """
    lane = tx.runs.lane_of(run_id)
    if lane is None:
        return None
    active = lanes.hold(tx, lane)
    run = tx.runs.claim(run_id, worker_id, lease_ms, version)
    if run is None:
        return None
    if run.run_status is RunStatus.DRAFTING:
        close_lost_calls(tx, run)
        return Claimed(run, Stop())
    checkpoint = Checkpoint(tx, run, staff, active=active)
    executor = run.executor or MAIN_EXECUTOR
    checkpoint.tell(
        EventType.RUN_STARTED,
        run_status=str(run.run_status),
        fence=run.fence,
        worker=name_of(worker_id),
        attempt=run.attempt,
        executor=executor,
    )
    for message_id in _settle_lost_calls(tx, run, ""):
        checkpoint.tell(EventType.MESSAGE_INTERRUPTED, message_id=message_id, cause="worker_lost")
    step = next_step.go_on(checkpoint)
    return Claimed(checkpoint.run, step)


def close_lost_calls(tx: Transaction, run: Run, text: str = "", cause: str = "worker_lost") -> None:
    """Close the model calls of *run* whose answers nobody will hear, with the *text* that had come of the newest; told
    as events while the run goes on, silently after its end.
    """
    closed = _settle_lost_calls(tx, run, text)
    if closed and run.run_status not in ENDED:
        drafts = [Draft(EventType.MESSAGE_INTERRUPTED, {"message_id": id_, "cause": cause}) for id_ in closed]
        journal.note(tx, Lease(run.id, run.fence), drafts)


def _settle_lost_calls(tx: Transaction, run: Run, text: str) -> list[str]:
    return [m.id for m in tx.messages.streaming(run.id) if bills.settle_lost(tx, run, m, text)]


def hand_back(tx: Transaction, run: Run, text: str, worker_id: str) -> None:
    """Give a run that *worker_id* carries out to another worker, now; it costs the run none of its attempts.

    Raises LeaseLost: it was not ours any more.
    """
    active = lanes.hold(tx, run.lane)
    tx.runs.hold(run.id)
    close_lost_calls(tx, run, text, "handed_back")
    if run.run_status is RunStatus.DRAFTING:
        tx.runs.release(run.id, run.fence)
    else:
        _put_back(tx, run, active, {"cause": "handed_back", "worker": name_of(worker_id)}, run.attempt)
    tx.effects.wakes.append(run.id)


def recover(tx: Transaction, run: Run, worker_id: str) -> None:
    """Take a run from a worker that was lost; *worker_id* is who noticed. After :data:`MAX_LOST_ATTEMPTS` lost ones the
    run fails.

    Raises LeaseLost: somebody else has.
    """
    active = lanes.hold(tx, run.lane)
    tx.runs.hold(run.id)
    close_lost_calls(tx, run)
    attempt = run.attempt + 1
    recovered_by = name_of(worker_id)
    if attempt >= MAX_LOST_ATTEMPTS:
        text = f"{attempt} workers were lost while they carried out this run"
        details = {"code": str(Reason.WORKER_LOST), "error": text, "fence": run.fence, "recovered_by": recovered_by}
        changes = {"reason": Reason.WORKER_LOST, "attempt": attempt, "result": {"error": text}}
        lease = Lease(run.id, run.fence)
        journal.move(tx, run.id, Trigger.FAIL, lease=lease, details=details, changes=changes)
        lanes.leave(tx, run.lane, run.id, active)
        return
    if run.run_status is RunStatus.DRAFTING:
        journal.note(tx, Lease(run.id, run.fence), (), {"attempt": attempt})
        tx.runs.release(run.id, run.fence)
    else:
        _put_back(tx, run, active, {"cause": "worker_lost", "recovered_by": recovered_by}, attempt)
    tx.effects.wakes.append(run.id)


def _put_back(tx: Transaction, run: Run, active: str | None, details: dict[str, object], attempt: int) -> None:
    journal.move(
        tx,
        run.id,
        Trigger.RECOVER,
        lease=Lease(run.id, run.fence),
        details={**details, "fence": run.fence, "attempt": attempt},
        changes={"attempt": attempt},
    )
    # It keeps its place at the head of its lane.
    if active != run.id:
        lanes.enter(tx, run.lane, run.id)
