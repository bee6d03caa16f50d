"""Every move of the run table as a transaction that tries it, whatever state the run is in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from oneliner.adapters.models.registry import ConfiguredModels
from oneliner.app import runs
from oneliner.app.answer_calls import Planned, take_answer
from oneliner.app.checkpoint import Checkpoint
from oneliner.app.claiming import claim, recover
from oneliner.app.control import ASK_USER
from oneliner.app.journal import EVERYTHING
from oneliner.app.model import Answer
from oneliner.app.staff import Staff
from oneliner.app.steps import Ask
from oneliner.domain.errors import LeaseLost
from oneliner.domain.executor import Roster
from oneliner.domain.message import AskedCall
from oneliner.domain.plan import redrafted
from oneliner.domain.run import Reason, RunStatus, Trigger
from oneliner.domain.usage import Usage
from tests.support.engine import ALICE, MODEL, PRICES, TASK

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.app.claiming import Claimed
    from oneliner.app.ports import Transaction
    from oneliner.domain.run import Run

STAFF = Staff(Roster(), ConfiguredModels(default=MODEL, environment={}, prices=PRICES), ())
QUESTION = AskedCall("call_1", ASK_USER.name, '{"question": "Which one?"}')
#: The way to each state from a new run: how it begins, and the triggers from there.
WAYS: dict[RunStatus, tuple[str, tuple[Trigger, ...]]] = {
    RunStatus.DRAFTING: ("draft", ()),
    RunStatus.NEEDS_CONFIRMATION: ("handoff", ()),
    RunStatus.QUEUED: ("chat", ()),
    RunStatus.RUNNING: ("chat", (Trigger.CLAIM,)),
    RunStatus.BLOCKED: ("chat", (Trigger.CLAIM, Trigger.BLOCK)),
    RunStatus.DONE: ("chat", (Trigger.CLAIM, Trigger.COMPLETE)),
    RunStatus.FAILED: ("chat", (Trigger.CLAIM, Trigger.FAIL)),
    RunStatus.CANCELLED: ("chat", (Trigger.CANCEL,)),
}


class Mover:
    """Tries moves, and remembers the leases it was given, as workers do; a lease it has lost it uses all the same."""

    def __init__(self) -> None:
        self._claims: dict[str, Claimed] = {}

    def begin(self, tx: Transaction, kind: str, session_id: str | None = None) -> Run:
        """A new run: a ``chat``, a ``handoff``, or a handoff to ``draft``."""
        if kind == "chat":
            return runs.start_chat(tx, ALICE, "do it", session_id).run
        handoff = TASK if kind == "handoff" else runs.Handoff("a task", "home", "button", draft=True)
        return runs.hand_off(tx, ALICE, handoff).run

    def try_move(self, tx: Transaction, run_id: str, trigger: Trigger) -> None:
        """Raises IllegalMove, LeaseLost: it does not lead out of the state the run is in."""
        moves: dict[Trigger, Callable[..., object]] = {
            Trigger.PLAN: self._plan,
            Trigger.REVISE: partial(runs.revise, caller=ALICE, instruction="shorter", plan_rev=None),
            Trigger.CONFIRM: partial(runs.confirm, caller=ALICE, plan_rev=None, reason=""),
            Trigger.CLAIM: self._claim,
            Trigger.BLOCK: partial(self._answer, calls=(QUESTION,)),
            Trigger.RESUME: partial(runs.resume, caller=ALICE, answer={"answer": "this"}, reason=""),
            Trigger.COMPLETE: partial(self._answer, calls=()),
            Trigger.FAIL: self._fail,
            Trigger.RETRY: partial(runs.retry, caller=ALICE, reason=""),
            Trigger.REDRAFT: partial(runs.retry, caller=ALICE, reason=""),
            Trigger.RECOVER: self._recover,
            Trigger.CANCEL: partial(runs.cancel, caller=ALICE, reason=""),
        }
        moves[trigger](tx, run_id=run_id)

    def _claim(self, tx: Transaction, run_id: str) -> None:
        claimed = claim(tx, run_id, worker_id="w", lease_ms=60_000, version=runs.VERSION, staff=STAFF)
        if claimed is None:
            raise LeaseLost("not to be had")
        self._claims[run_id] = claimed

    def _checkpoint(self, tx: Transaction, run_id: str) -> Checkpoint:
        held = self._claims.get(run_id)
        return Checkpoint(tx, tx.runs.get(run_id, EVERYTHING) if held is None else held.run, STAFF)

    def _plan(self, tx: Transaction, run_id: str) -> None:
        checkpoint = self._checkpoint(tx, run_id)
        checkpoint.plan_drafted(redrafted(checkpoint.run.plan, []))

    def _fail(self, tx: Transaction, run_id: str) -> None:
        self._checkpoint(tx, run_id).fail(Reason.MODEL_ERROR, error="it would not")

    def _recover(self, tx: Transaction, run_id: str) -> None:
        recover(tx, self._checkpoint(tx, run_id).run, "sweeper")

    def _answer(self, tx: Transaction, run_id: str, calls: tuple[AskedCall, ...]) -> None:
        held = self._claims.get(run_id)
        checkpoint = self._checkpoint(tx, run_id)
        answer = Answer("done", calls, "tool_calls" if calls else "stop", Usage(100, 10, 50))
        if held is None or not isinstance(held.step, Ask):
            # Never claimed, or claimed for drafting: whoever says it has an answer has no question to answer.
            checkpoint.complete("no-message", answer.text)
            return
        planned = [Planned(c, repeatable=True, control={"question": "Which one?"}) for c in calls]
        take_answer(checkpoint, ask=held.step, answer=answer, calls=planned)
