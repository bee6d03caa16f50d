"""The table of moves, held against the use cases: each pair of state and trigger, and random lives of many runs."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule
from tests.support.engine import ALICE, new_database
from tests.support.invariants import check_database
from tests.support.moves import WAYS, Mover

from oneliner.adapters.database.sqlite import SqliteDatabase
from oneliner.app import claiming
from oneliner.app.journal import EVERYTHING
from oneliner.domain.errors import IllegalMove, LeaseLost, OneLinerError
from oneliner.domain.run import MOVES, Actor, RunStatus, Trigger, advance, allowed_actions
from oneliner.domain.user import UserStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.app.ports import Transaction
    from oneliner.domain.run import Run


class Store:
    """A database without an engine: nothing moves in it but by the test."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self._runner = asyncio.Runner()
        self.path = new_database(Path(self._folder.name, "oneliner.db"))
        self.database = self._runner.run(self._open())
        self.write(lambda tx: tx.users.admit(ALICE, UserStatus.APPROVED))

    async def _open(self) -> SqliteDatabase:
        return SqliteDatabase(self.path, lambda _: None, readers=1, synchronous="OFF")

    def write(self, work: Callable[[Transaction], Any]) -> Any:
        return self._runner.run(self.database.write(work))

    def get(self, run_id: str) -> Run:
        return self._runner.run(self.database.read(lambda tx: tx.runs.get(run_id, EVERYTHING)))

    def dump(self) -> list[str]:
        """Every row."""
        with closing(sqlite3.connect(self.path)) as connection:
            return list(connection.iterdump())

    def close(self) -> None:
        self._runner.run(self.database.close())
        self._runner.close()
        self._folder.cleanup()


@pytest.fixture
def store() -> Any:
    store = Store()
    yield store
    store.close()


def refusal_of(trigger: Trigger) -> type[OneLinerError]:
    return IllegalMove if MOVES[trigger].actor is Actor.USER else LeaseLost


@pytest.mark.parametrize(("status", "trigger"), list(product(RunStatus, Trigger)))
def test_a_trigger_moves_a_run_as_the_table_says_or_writes_nothing(
    store: Store, status: RunStatus, trigger: Trigger
) -> None:
    mover = Mover()
    kind, way = WAYS[status]
    run_id = store.write(partial(mover.begin, kind=kind)).id
    for step in way:
        store.write(partial(mover.try_move, run_id=run_id, trigger=step))
    before, dump = store.get(run_id), store.dump()
    assert before.run_status is status
    is_drafted = trigger is Trigger.PLAN or (status is RunStatus.DRAFTING and trigger is Trigger.FAIL)
    is_legal = status in MOVES[trigger].sources and not (trigger is Trigger.REDRAFT and not before.plan.awaits_draft)
    if is_drafted and is_legal:
        store.write(partial(mover.try_move, run_id=run_id, trigger=Trigger.CLAIM))
    if trigger is Trigger.REDRAFT and status is RunStatus.FAILED:
        # The same button as retry, for a run that was never drafted.
        is_legal, trigger = True, Trigger.RETRY
    if status is RunStatus.DRAFTING and trigger in {Trigger.CLAIM, Trigger.RECOVER}:
        # The lease of a draft is taken and given back without a move.
        store.write(partial(mover.try_move, run_id=run_id, trigger=trigger))
        assert store.get(run_id).run_status is status
    elif is_legal:
        store.write(partial(mover.try_move, run_id=run_id, trigger=trigger))
        after = store.get(run_id)
        assert after.run_status is MOVES[trigger].target
        assert after.last_seq >= before.last_seq + len(MOVES[trigger].events)
        assert (after.finished_at is not None) == (after.run_status in {"done", "failed", "cancelled"})
    else:
        with pytest.raises(refusal_of(trigger)):
            store.write(partial(mover.try_move, run_id=run_id, trigger=trigger))
        assert store.dump() == dump
    check_database(store.path)


@pytest.mark.parametrize("status", RunStatus)
def test_what_a_page_is_offered_is_what_the_table_allows(status: RunStatus) -> None:
    offered = set(allowed_actions(status)) - {"edit_plan"}
    for trigger in (t for t in Trigger if MOVES[t].actor is Actor.USER):
        name = "retry" if trigger is Trigger.REDRAFT else str(trigger)
        if name in offered:
            assert advance(status, trigger).target in RunStatus
        else:
            with pytest.raises(IllegalMove):
                advance(status, trigger)


class Lives(RuleBasedStateMachine):
    """Runs in two lanes, moved at random; the model knows only the table, and who is first in a lane."""

    ids: Bundle[str] = Bundle("ids")

    def __init__(self) -> None:
        super().__init__()
        self.store = Store()
        self.mover = Mover()
        self.status: dict[str, RunStatus] = {}
        self.lost: dict[str, int] = {}
        self.drafted: set[str] = set()
        self.session_id = self.store.write(partial(self.mover.begin, kind="chat")).session_id

    def teardown(self) -> None:
        self.store.close()

    @precondition(lambda self: len(self.status) < 5)
    @rule(target=ids, kind=st.sampled_from(["chat", "handoff", "draft"]))
    def begin(self, kind: str) -> str:
        session_id = self.session_id if kind == "chat" else None
        run = self.store.write(partial(self.mover.begin, kind=kind, session_id=session_id))
        self.status[run.id] = run.run_status
        return run.id

    @rule(run_id=ids, data=st.data())
    def move(self, run_id: str, data: st.DataObject) -> None:
        legal = self._legal(run_id)
        if legal:
            trigger = data.draw(st.sampled_from(legal))
            self.store.write(partial(self.mover.try_move, run_id=run_id, trigger=trigger))
            self._moved(run_id, trigger)

    @rule(run_id=ids, data=st.data())
    def move_on(self, run_id: str, data: st.DataObject) -> None:
        """As above, and not to a state that leads nowhere: so lives get long."""
        legal = [t for t in self._legal(run_id) if t not in {Trigger.CANCEL, Trigger.COMPLETE}]
        if legal:
            trigger = data.draw(st.sampled_from(legal))
            self.store.write(partial(self.mover.try_move, run_id=run_id, trigger=trigger))
            self._moved(run_id, trigger)

    @rule(run_id=ids, data=st.data())
    def refuse(self, run_id: str, data: st.DataObject) -> None:
        illegal = [t for t in Trigger if t not in {*self._legal(run_id), *self._moves_nothing(run_id)}]
        trigger = data.draw(st.sampled_from(illegal))
        dump = self.store.dump()
        with pytest.raises(refusal_of(trigger)):
            self.store.write(partial(self.mover.try_move, run_id=run_id, trigger=trigger))
        assert self.store.dump() == dump

    @rule(run_id=ids)
    def claim_a_draft(self, run_id: str) -> None:
        if self.status[run_id] is RunStatus.DRAFTING and run_id not in self.drafted:
            self.store.write(partial(self.mover.try_move, run_id=run_id, trigger=Trigger.CLAIM))
            self.drafted.add(run_id)

    def _legal(self, run_id: str) -> list[Trigger]:
        status, run = self.status[run_id], self.store.get(run_id)
        legal = [t for t in Trigger if status in MOVES[t].sources]
        if status is RunStatus.DRAFTING and run_id not in self.drafted:
            legal = [t for t in legal if MOVES[t].actor is Actor.USER]
        if status is RunStatus.QUEUED and not self._is_first(run):
            legal.remove(Trigger.CLAIM)
        if status is RunStatus.FAILED:
            legal.remove(Trigger.RETRY if run.plan.awaits_draft else Trigger.REDRAFT)
        return legal

    def _moves_nothing(self, run_id: str) -> set[Trigger]:
        """Triggers that are no moves here and yet no mistakes."""
        if self.status[run_id] is RunStatus.DRAFTING:
            return {Trigger.CLAIM, Trigger.RECOVER, Trigger.PLAN, Trigger.FAIL}
        return {Trigger.RETRY, Trigger.REDRAFT} if self.status[run_id] is RunStatus.FAILED else set()

    def _moved(self, run_id: str, trigger: Trigger) -> None:
        self.drafted.discard(run_id)
        lost = self.lost.get(run_id, 0) + 1 if trigger is Trigger.RECOVER else 0
        if trigger is Trigger.CLAIM:
            lost = self.lost.get(run_id, 0)
        self.lost[run_id] = lost
        is_last = lost >= claiming.MAX_LOST_ATTEMPTS
        self.status[run_id] = RunStatus.FAILED if is_last else MOVES[trigger].target
        assert self.store.get(run_id).run_status is self.status[run_id]

    def _is_first(self, run: Run) -> bool:
        return self.store.write(lambda tx: tx.lanes.lock(run.lane)) == run.id

    @invariant()
    def the_rows_agree(self) -> None:
        check_database(self.store.path)


Lives.TestCase.settings = settings(
    max_examples=15, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestLives = Lives.TestCase
