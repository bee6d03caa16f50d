"""Random legal and illegal moves over HTTP, held against the table: what it allows is done and told, what it does not
is refused with the state the run is in, and changes nothing.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from oneliner.app.claiming import MAX_LOST_ATTEMPTS
from oneliner.domain.event import EventType
from oneliner.domain.run import (
    ACTIONS,
    BEGINNINGS,
    EDIT_PLAN,
    ENDED,
    FINAL,
    MOVES,
    PLAN_EDITABLE,
    Actor,
    RunStatus,
    Trigger,
    allowed_actions,
)
from oneliner.domain.user import UserStatus
from tests.support.engine import ALICE
from tests.support.front import HANDOFF, Front
from tests.support.invariants import check_database
from tests.support.moves import WAYS, Mover

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from oneliner.app.ports import Transaction

S, T = RunStatus, Trigger
BODIES: dict[str, dict[str, Any]] = {
    "confirm": {"reason": "go"},
    "cancel": {"reason": "no"},
    "retry": {},
    "resume": {"answer": {"answer": "this"}},
    "revise": {"instruction": "shorter"},
    EDIT_PLAN: {"goal": "something else"},
}
WITH_REV = {"confirm", "revise", EDIT_PLAN}
#: In a session of its own, or in the one that all of its kind share.
KINDS = ("chat", "chat again", "handoff", "draft")


@dataclass
class Known:
    """What the test knows of a run without asking: the model that the API is held to."""

    session_id: str
    status: RunStatus
    awaits_draft: bool
    rev: int = 1
    events: list[str] = field(default_factory=list[str])
    is_drafted: bool = False
    lost: int = 0
    is_deleted: bool = False


class Client:
    """A user and an administrator before a front door that has no worker, from where there is no event loop."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory()
        self._runner = asyncio.Runner()
        self.path = Path(self._folder.name, "front.db")
        self.front = self._runner.run(self._open())
        self._alice = self.front.client(ALICE.user_id)
        self._admin = self.front.client("root", admin=True)
        self.write(_admit_alice)

    async def _open(self) -> Front:
        return Front(self.path)

    def ask(self, method: str, path: str, body: object = None, *, as_admin: bool = False) -> httpx.Response:
        client = self._admin if as_admin else self._alice
        return self._runner.run(client.request(method, path, json=body))

    def write(self, work: Callable[[Transaction], Any]) -> Any:
        return self._runner.run(self.front.database.write(work))

    def dump(self) -> list[str]:
        """Every row."""
        with closing(sqlite3.connect(self.path)) as connection:
            return list(connection.iterdump())

    def close(self) -> None:
        for client in (self._alice, self._admin):
            self._runner.run(client.aclose())
        self._runner.run(self.front.close())
        self._runner.close()
        self._folder.cleanup()


class Moves(RuleBasedStateMachine):
    """Runs in several lanes."""

    def __init__(self) -> None:
        super().__init__()
        self.client = Client()
        self.mover = Mover()
        self.runs: dict[str, Known] = {}
        self.shared_session = ""

    def teardown(self) -> None:
        self.client.close()

    @initialize()
    def begin_one_for_each_state(self) -> None:
        for status, (kind, way) in WAYS.items():
            run_id = self._begin(kind)
            for trigger in way:
                self._work(run_id, trigger)
            assert self.runs[run_id].status is status
        self.shared_session = self.runs[self._begin("chat")].session_id
        self._begin("chat again")

    # One rule with weights: of several, an example would leave some out altogether, and lives would be short.
    @rule(what=st.sampled_from(["offered"] * 4 + ["work"] * 3 + ["anything"] * 6 + ["begin", "delete"]), data=st.data())
    def do(self, what: str, data: st.DataObject) -> None:
        live, there = self._live(), [i for i, r in self.runs.items() if not r.is_deleted]
        match what:
            case "offered" if live:
                # But for the end, which anybody is always offered.
                run_id = data.draw(st.sampled_from(live))
                offered = [a for a in allowed_actions(self.runs[run_id].status) if a != "cancel"]
                self._ask(run_id, data.draw(st.sampled_from(offered or ["cancel"])), data)
            case "work" if can_work := [(i, t) for i in live for t in self._for_workers(i)]:
                self._work(*data.draw(st.sampled_from(can_work)))
            case "anything" if there:
                self._ask(data.draw(st.sampled_from(there)), data.draw(st.sampled_from(list(BODIES))), data)
            case "delete":
                run_id = data.draw(st.sampled_from(list(self.runs)))
                self._delete_session(run_id)
                self._ask(run_id, data.draw(st.sampled_from(list(BODIES))), data)
                if data.draw(st.booleans()):
                    self._restore_session(run_id)
            case _ if len(live) < 8 and len(self.runs) < 16:
                self._begin(data.draw(st.sampled_from(KINDS)))
            case _:
                pass

    @invariant()
    def the_rows_agree(self) -> None:
        check_database(self.client.path)

    # Asking.

    def _delete_session(self, run_id: str) -> None:
        session_id = self.runs[run_id].session_id
        was_there = not self.runs[run_id].is_deleted
        answer = self.client.ask("DELETE", f"/v1/agent/sessions/{session_id}")
        assert answer.status_code == (204 if was_there else 404)
        for run in (r for r in self.runs.values() if r.session_id == session_id and was_there):
            run.is_deleted = True
            if run.status not in ENDED:
                self._moved(run, T.CANCEL)
        self._compare(run_id)

    def _restore_session(self, run_id: str) -> None:
        session_id = self.runs[run_id].session_id
        refused = self.client.ask("POST", f"/v1/agent/sessions/{session_id}/restore")
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        answer = self.client.ask("POST", f"/v1/agent/sessions/{session_id}/restore", as_admin=True)
        assert answer.status_code == 200
        for each in (r for r in self.runs.values() if r.session_id == session_id):
            each.is_deleted = False
        self._compare(run_id)

    def _begin(self, kind: str) -> str:
        if kind == "chat again" and any(
            r.is_deleted for r in self.runs.values() if r.session_id == self.shared_session
        ):
            kind = "chat"
        if kind.startswith("chat"):
            again = {"session_id": self.shared_session} if kind == "chat again" else {}
            answer = self.client.ask("POST", "/v1/agent/runs", {"message": "hello", **again})
            assert answer.status_code == 202
            assert answer.json()["created"] is not bool(again)
            run_id, status = answer.json()["run_id"], S.QUEUED
        else:
            # Without steps: a worker whose answer leaves some open is asked once more, and that is not the table's.
            plan = {"goal": "it", "draft": kind == "draft"}
            answer = self.client.ask("POST", "/v2/oneliner/runs", {**HANDOFF, "plan_request": plan})
            assert answer.status_code == 200
            run_id, status = answer.json()["id"], S.DRAFTING if kind == "draft" else S.NEEDS_CONFIRMATION
        assert answer.json()["run_status"] == status
        events = [str(e) for e in BEGINNINGS[status]]
        self.runs[run_id] = Known(answer.json()["session_id"], status, awaits_draft=kind == "draft", events=events)
        self._compare(run_id)
        return run_id

    def _ask(self, run_id: str, action: str, data: st.DataObject) -> None:
        run, body = self.runs[run_id], dict(BODIES[action])
        # One in four names another revision, or answers what was not asked.
        is_wrong = data.draw(st.sampled_from([False, False, False, True]))
        is_stale, is_odd = is_wrong and action in WITH_REV, is_wrong and action == "resume"
        if action in WITH_REV:
            body["plan_rev"] = run.rev + 1 if is_stale else run.rev
            if action != EDIT_PLAN and not is_stale and data.draw(st.booleans()):
                del body["plan_rev"]
        if is_odd:
            body["answer"] = {"answer": 5}
        method, path, good = _route(run_id, action, old=data.draw(st.booleans()))
        dump = self.client.dump()
        answer = self.client.ask(method, path, body)
        trigger = _trigger(run, action)
        refusal = self._refusal(run, action, trigger, is_stale=is_stale, is_odd=is_odd)
        if refusal is None:
            assert answer.status_code == good, answer.text
            if trigger is None:
                run.rev += 1
                run.events.append(EventType.RUN_PLAN_EDITED)
            else:
                self._moved(run, trigger)
            assert answer.json()["run_status"] == run.status
        else:
            status, code, told = refusal
            assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
            assert {name: answer.json()[name] for name in told} == told
            assert code != "plan_changed" or answer.json()["plan"]["rev"] == run.rev
            assert self.client.dump() == dump
        self._compare(run_id)

    def _work(self, run_id: str, trigger: Trigger) -> None:
        self.client.write(partial(self.mover.try_move, run_id=run_id, trigger=trigger))
        self._worked(self.runs[run_id], trigger)
        self._compare(run_id)

    def _refusal(
        self, run: Known, action: str, trigger: Trigger | None, *, is_stale: bool, is_odd: bool
    ) -> tuple[int, str, dict[str, object]] | None:
        """Status, code and parameters of the refusal that the table asks for; None when the move is one of its."""
        if run.is_deleted:
            return 404, "not_found", {}
        sources = PLAN_EDITABLE if trigger is None else MOVES[trigger].sources
        if run.status not in sources:
            return 409, "illegal_move", {"run_status": run.status, "trigger": trigger or action}
        if is_stale:
            return 409, "plan_changed", {}
        return (422, "invalid", {}) if is_odd else None

    # The model.

    def _live(self) -> list[str]:
        """The runs that can still move."""
        return [i for i, r in self.runs.items() if not r.is_deleted and r.status not in FINAL]

    def _moved(self, run: Known, trigger: Trigger) -> None:
        move = MOVES[trigger]
        run.status = move.target
        run.events += map(str, move.events)
        run.is_drafted = False
        if trigger is not T.CLAIM:
            run.lost = 0
        if trigger is T.REVISE:
            run.rev, run.awaits_draft = run.rev + 1, True

    def _worked(self, run: Known, trigger: Trigger) -> None:
        if run.status is S.DRAFTING and trigger is T.CLAIM:
            run.is_drafted = True
            return
        lost = run.lost + 1
        if trigger is T.RECOVER and lost >= MAX_LOST_ATTEMPTS:
            self._moved(run, T.FAIL)
            return
        self._moved(run, trigger)
        if trigger is T.RECOVER:
            run.lost = lost
        if trigger is T.PLAN:
            run.rev, run.awaits_draft = run.rev + 1, False

    def _for_workers(self, run_id: str) -> list[Trigger]:
        run = self.runs[run_id]
        if run.is_deleted:
            return []
        if run.status is S.DRAFTING:
            return [T.PLAN, T.FAIL] if run.is_drafted else [T.CLAIM]
        legal = [t for t in T if run.status in MOVES[t].sources and MOVES[t].actor is not Actor.USER]
        return [] if legal == [T.CLAIM] and not self._is_first(run_id) else legal

    def _is_first(self, run_id: str) -> bool:
        def is_first(tx: Transaction) -> bool:
            lane = tx.runs.lane_of(run_id)
            return lane is not None and tx.lanes.lock(lane) == run_id

        return self.client.write(is_first)

    def _compare(self, run_id: str) -> None:
        """What the API tells of a run is what the test knows of it."""
        run, path = self.runs[run_id], f"/v2/oneliner/runs/{run_id}"
        answer = self.client.ask("GET", path)
        if run.is_deleted:
            assert answer.status_code == 404
            return
        told = answer.json()
        assert told["run_status"] == run.status
        assert told["allowed_actions"] == list(allowed_actions(run.status))
        assert (told["plan"]["rev"], told["plan"]["awaits_draft"]) == (run.rev, run.awaits_draft)
        assert (told["finished_at"] is not None) == (run.status in ENDED)
        assert (told["blocked"] is not None) == told["needs_user_input"] == (run.status is S.BLOCKED)
        events = self.client.ask("GET", f"{path}/events?limit=500").json()["items"]
        assert [e["seq"] for e in events] == list(range(1, told["last_seq"] + 1))
        types = [e["event_type"] for e in events]
        assert [t for t in types if t.startswith("run.")] == run.events


def _admit_alice(tx: Transaction) -> None:
    tx.users.admit(ALICE, UserStatus.APPROVED)


def _trigger(run: Known, action: str) -> Trigger | None:
    """The trigger that *action* pulls; None for the edit of a plan, which moves nothing."""
    if action == "retry":
        return T.REDRAFT if run.awaits_draft else T.RETRY
    return None if action == EDIT_PLAN else ACTIONS[action][0]


def _route(run_id: str, action: str, *, old: bool) -> tuple[str, str, int]:
    """Method, path and the status of a good answer; *old*: of the older front door, where it has one."""
    path = f"/v2/oneliner/runs/{run_id}"
    match action:
        case "edit_plan":
            return "PATCH", f"{path}/plan", 200
        case "revise":
            return "POST", f"{path}/plan/revise", 200
        case "resume" if old:
            return "POST", f"/v1/agent/runs/{run_id}/resume", 202
        case _:
            return "POST", f"{path}/{action}", 200


Moves.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestMoves = Moves.TestCase
