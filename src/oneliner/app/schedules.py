"""What people do with schedules, and how one fires.

A schedule fires in the sweep that every process has. Its row is locked first of all, so of the processes that find it due
one makes the run, in the same transaction that says which due time it was for.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING, Any

from oneliner.app import due_times, governance, lanes, runs
from oneliner.domain.errors import Conflict, Forbidden, Invalid, PolicyDenied
from oneliner.domain.plan import new_plan
from oneliner.domain.policy import Confirmation
from oneliner.domain.run import RunStatus, handoff_lane
from oneliner.domain.schedule import Fire, FireOutcome, Schedule
from oneliner.domain.user import Caller, UserStatus

if TYPE_CHECKING:
    from oneliner.app.ports import Page, Transaction
    from oneliner.domain.policy import EffectivePolicy

MAX_SCHEDULES = 100


def create(
    tx: Transaction, caller: Caller, handoff: runs.Handoff, cron: str, timezone: str, *, confirmed_ahead: bool
) -> Schedule:
    """A schedule of the caller.

    Raises Forbidden: the token may not use the project; Invalid: no cron expression, time zone or plan, or nothing that
    could be confirmed ahead; PolicyDenied: the rules want each run confirmed, or deny its executor; Conflict: he has too many.
    """
    first_due = _checked(tx, caller, handoff, cron, timezone, confirmed_ahead=confirmed_ahead)
    if tx.schedules.count(caller.user_id) >= MAX_SCHEDULES:
        raise Conflict(f"a user has at most {MAX_SCHEDULES} schedules; delete one that is not needed")
    schedule = Schedule(
        id=tx.new_id(),
        user_id=caller.user_id,
        project_id=handoff.project_id,
        title=handoff.title,
        cron=" ".join(cron.split()),
        timezone=timezone,
        handoff=asdict(handoff),
        confirmed_ahead=confirmed_ahead,
        paused=False,
        next_due_at=first_due,
        created_at=tx.now_ms,
        updated_at=tx.now_ms,
    )
    tx.schedules.add(schedule)
    return schedule


def change(
    tx: Transaction,
    caller: Caller,
    schedule_id: str,
    handoff: runs.Handoff,
    cron: str,
    timezone: str,
    *,
    confirmed_ahead: bool,
) -> Schedule:
    """Replace what a schedule hands over and when; a paused one stays paused, and runs that were made stay as they are.

    Its owner's alone: the runs are his. Raises NotFound; Forbidden: it is another user's, which an administrator may
    pause and delete; and what :func:`create` raises.
    """
    schedule = tx.schedules.get(schedule_id, runs.scope_of(caller), lock=True)
    if schedule.user_id != caller.user_id:
        raise Forbidden("only its owner may say what a schedule hands over; you can pause it or delete it")
    first_due = _checked(tx, caller, handoff, cron, timezone, confirmed_ahead=confirmed_ahead)
    return tx.schedules.replace(
        replace(
            schedule,
            project_id=handoff.project_id,
            title=handoff.title,
            cron=" ".join(cron.split()),
            timezone=timezone,
            handoff=asdict(handoff),
            confirmed_ahead=confirmed_ahead,
            next_due_at=None if schedule.paused else first_due,
        )
    )


def get(tx: Transaction, caller: Caller, schedule_id: str) -> Schedule:
    """One schedule. Raises NotFound."""
    return tx.schedules.get(schedule_id, runs.scope_of(caller))


def page(tx: Transaction, caller: Caller, part: Page, project_id: str | None) -> list[Schedule]:
    """Schedules, newest first."""
    return tx.schedules.page(runs.scope_of(caller), part, project_id)


def fires(tx: Transaction, caller: Caller, schedule_id: str, limit: int, before_due: int | None) -> list[Fire]:
    """The due times of a schedule that were taken care of, newest first. Raises NotFound."""
    schedule = tx.schedules.get(schedule_id, runs.scope_of(caller))
    return tx.schedules.fires(schedule.id, limit, before_due)


def pause(tx: Transaction, caller: Caller, schedule_id: str) -> Schedule:
    """Let it fire no more until it is resumed; nothing happens when it is paused already. Raises NotFound."""
    schedule = tx.schedules.get(schedule_id, runs.scope_of(caller), lock=True)
    return tx.schedules.set_next(schedule.id, paused=True, next_due_at=None)


def resume(tx: Transaction, caller: Caller, schedule_id: str) -> Schedule:
    """Let it fire again, from now on: what was due while it was paused is not made up for. Raises NotFound."""
    schedule = tx.schedules.get(schedule_id, runs.scope_of(caller), lock=True)
    if not schedule.paused:
        return schedule
    following = due_times.next_due(schedule.cron, schedule.timezone, tx.now_ms)
    return tx.schedules.set_next(schedule.id, paused=False, next_due_at=following)


def delete(tx: Transaction, caller: Caller, schedule_id: str) -> None:
    """Forget a schedule and its history; the runs it made stay. Raises NotFound."""
    schedule = tx.schedules.get(schedule_id, runs.scope_of(caller), lock=True)
    tx.schedules.delete(schedule.id)


def fire(tx: Transaction, schedule_id: str) -> Fire | None:
    """Make the run of a schedule that is due; None when another process was faster, or it is not due any more."""
    schedule = tx.schedules.lock_due(schedule_id)
    if schedule is None or schedule.next_due_at is None:
        return None
    due = due_times.latest_due(schedule.cron, schedule.timezone, schedule.next_due_at, tx.now_ms)
    user = tx.users.find(schedule.user_id)
    is_refused = user is None or user.status is not UserStatus.APPROVED or _is_denied(tx, schedule)
    run_id = "" if is_refused else _make_run(tx, schedule)
    outcome = FireOutcome.REFUSED if is_refused else FireOutcome.FIRED
    fired = Fire(schedule.id, due, schedule.next_due_at, tx.now_ms, outcome, run_id)
    tx.schedules.add_fire(fired)
    following = due_times.next_due(schedule.cron, schedule.timezone, tx.now_ms)
    tx.schedules.set_next(schedule.id, paused=False, next_due_at=following)
    return fired


def _checked(
    tx: Transaction, caller: Caller, handoff: runs.Handoff, cron: str, timezone: str, *, confirmed_ahead: bool
) -> int:
    """The first time that is due. Raises Forbidden, Invalid, PolicyDenied; see :func:`create`."""
    caller.check_project(handoff.project_id)
    first_due = due_times.check(cron, timezone, tx.now_ms)
    new_plan(handoff.goal or handoff.summary or handoff.title, tuple(handoff.steps), awaits_draft=handoff.draft)
    if handoff.session_id is not None:
        raise Invalid("each run of a schedule opens its own session; leave session_id out", field="session_id")
    if confirmed_ahead and handoff.draft:
        raise Invalid("a plan that is drafted at each fire cannot be confirmed ahead; give its steps", field="draft")
    runs.check_executor(tx, caller.user_id, handoff.project_id, handoff.platform, handoff.executor)
    if confirmed_ahead:
        _check_ahead(governance.snapshot(tx, caller.user_id, handoff.project_id, handoff.platform).effective_policy)
    return first_due


def _make_run(tx: Transaction, schedule: Schedule) -> str:
    owner = Caller(schedule.user_id)
    handoff = _handoff_of(schedule)
    # Before the session and the user, as the lock order wants: the run may be queued at once.
    lanes.hold(tx, handoff_lane(schedule.user_id, schedule.project_id))
    run = runs.hand_off(tx, owner, handoff).run
    permits = run.governance.effective_policy.schedule_confirmation.value is Confirmation.NEVER
    if schedule.confirmed_ahead and permits and run.run_status is RunStatus.NEEDS_CONFIRMATION:
        why = "confirmed ahead, for each run of the schedule"
        runs.confirm(tx, owner, run.id, run.plan.rev, why, schedule_id=schedule.id)
    return run.id


def _is_denied(tx: Transaction, schedule: Schedule) -> bool:
    """Whether the rules have come to deny the executor that is to carry it out."""
    handoff = _handoff_of(schedule)
    try:
        runs.check_executor(tx, schedule.user_id, handoff.project_id, handoff.platform, handoff.executor)
    except PolicyDenied:
        return True
    return False


def _handoff_of(schedule: Schedule) -> runs.Handoff:
    known = {f.name for f in fields(runs.Handoff)}
    given: dict[str, Any] = {name: value for name, value in schedule.handoff.items() if name in known}
    return runs.Handoff(**given)


def _check_ahead(policy: EffectivePolicy) -> None:
    decision = policy.schedule_confirmation
    if decision.value is not Confirmation.NEVER:
        raise PolicyDenied(
            f"the {decision.decided_by} layer wants each run of a schedule confirmed; leave confirmed_ahead out, or ask an "
            "administrator to set schedule_confirmation to 'never'",
            field="schedule_confirmation",
            layer=str(decision.decided_by),
        )
