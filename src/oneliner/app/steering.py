"""Saying something while a run works: what becomes of a message is the caller's to say, and has one outcome.

Whatever begins or ends a run holds its lane. So here the lanes of the session are held first, and each run either has
ended by then, or has not and will see the message: a run ends only after it has looked for what was said since its last
call of the model.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from oneliner.app import governance, journal, lanes, runs, sessions
from oneliner.app.runs import Started
from oneliner.domain import policy
from oneliner.domain.errors import LeaseLost, SessionBusy
from oneliner.domain.event import Draft, EventType
from oneliner.domain.executor import MAIN_EXECUTOR
from oneliner.domain.run import WORKING, Reason, RunStatus
from oneliner.domain.usage import Totals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.app.ports import Transaction
    from oneliner.domain.executor import Roster
    from oneliner.domain.run import Run
    from oneliner.domain.session import Session
    from oneliner.domain.user import Caller


class Multitask(StrEnum):
    """What becomes of a message into a session in which a run is working; in any other, each begins a run."""

    ENQUEUE = "enqueue"
    """It begins the next run."""
    STEER = "steer"
    """The working run takes it up at its next step."""
    INTERRUPT = "interrupt"
    """What works or waits to is cancelled, and the message begins a run."""
    REJECT = "reject"
    """It is refused."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a user says, where, and to whom: *executor* carries out the run that it begins."""

    text: str
    session_id: str | None = None
    project_id: str = ""
    multitask: Multitask = Multitask.ENQUEUE
    executor: str = MAIN_EXECUTOR


def say(tx: Transaction, caller: Caller, said: Said, roster: Roster) -> Started:
    """The run that *said* begins, or that took it.

    Steering begins a run as well where the policy asks for a confirmation of every chat, which waits for its own, and
    where a function carries out the run that works: nobody there would listen.
    Raises NotFound, Invalid, PolicyDenied as ``runs.start_chat`` does; Invalid also: nobody of *roster* is called as its
    executor; SessionBusy: it is to be refused then, and a run is working.
    """
    roster.find(said.executor)
    if said.session_id is None or said.multitask is Multitask.ENQUEUE:
        return _begin(tx, caller, said)
    text = runs.checked_message(said.text)
    session, _ = sessions.resolve(tx, caller, said.session_id, said.project_id, text)
    working = [run for run in lanes.hold_of_session(tx, session.id) if run.run_status in WORKING]
    if working:
        if said.multitask is Multitask.REJECT:
            raise SessionBusy(
                f"run {working[0].id!r} is at work in the session; wait for its end, or send another 'multitask'",
                run_id=working[0].id,
            )
        if said.multitask is Multitask.INTERRUPT:
            _interrupt(tx, caller, session, working)
        elif not _needs_confirmation(tx, session) and _at_work(working).executor not in roster.functions:
            return Started(_steer(tx, caller, _at_work(working), text), created_session=False, steered=True)
    return _begin(tx, caller, said)


def _begin(tx: Transaction, caller: Caller, said: Said) -> Started:
    return runs.start_chat(tx, caller, said.text, said.session_id, said.project_id, said.executor)


def _at_work(working: Sequence[Run]) -> Run:
    """The newest that runs, or else the newest that waits to."""
    return next((run for run in reversed(working) if run.run_status is RunStatus.RUNNING), working[-1])


def _needs_confirmation(tx: Transaction, session: Session) -> bool:
    snapshot = governance.snapshot(tx, session.user_id, session.project_id, "")
    return policy.needs_confirmation(snapshot.effective_policy, is_handoff=False)


def _steer(tx: Transaction, caller: Caller, run: Run, text: str) -> Run:
    touched = tx.runs.touch(run.id, 1, None, {})
    if touched is None:
        raise LeaseLost(f"run {run.id!r} is gone although its lane is held")
    message = runs.user_message(tx, run, text, tx.sessions.grow(run.session_id, 1, Totals()))
    tx.messages.add(message)
    journal.write(
        tx, touched, [Draft(EventType.MESSAGE_STEERED, {"message_id": message.id, "text": text, "by": caller.user_id})]
    )
    return touched


def _interrupt(tx: Transaction, caller: Caller, session: Session, working: Sequence[Run]) -> None:
    for run in working:
        tx.runs.hold(run.id)
    # Its row is written to again when the message is stored; locked now, behind the runs and before the user.
    tx.sessions.grow(session.id, 0, Totals())
    for run in working:
        runs.cancel_as(tx, run, Reason.INTERRUPTED, caller.user_id)
