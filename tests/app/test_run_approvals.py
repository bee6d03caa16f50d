"""Approvals: a call that a rule asks for waits for a person, and then happens once, or not at all."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.engine import ALICE, BOB, Options

import oneliner
from oneliner.app import audit, governance, run_audit, runs
from oneliner.app.ports import AuditFilter, Page
from oneliner.domain.audit import Action
from oneliner.domain.errors import Conflict, IllegalMove, Invalid, NotFound, PolicyDenied
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.run import Reason, RunStatus
from oneliner.domain.tool_rules import Condition, Operator, RuleBook, ToolRule, Verdict
from oneliner.domain.user import Authority, Caller
from oneliner.testing import Call, Held, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.app.conftest import Open, Start
    from tests.support.engine import Engine

    from oneliner.domain.run import Run
    from oneliner.testing import ModelServer

ADMIN = Caller("root", Authority.ADMIN)
ONCE = {"decision": "allow_once"}


class Till:
    """A tool with an effect, and what it did."""

    def __init__(self) -> None:
        self.paid: list[tuple[str, int]] = []

    @property
    def tool(self) -> Callable[..., object]:
        @oneliner.tool
        def pay(to: str, amount: int = 5) -> str:
            """Pay somebody."""
            self.paid.append((to, amount))
            return f"paid {to} {amount}"

        return pay

    @property
    def options(self) -> Options:
        return Options(tools=[self.tool])


@pytest.fixture
def till() -> Till:
    return Till()


async def set_rules(engine: Engine, *rules: ToolRule, default: Verdict | None = None, **more: Any) -> None:
    layer = Rules(tools=RuleBook(rules, default), **more)
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", layer, None, caller=ADMIN)


async def blocked(engine: Engine, text: str = "pay") -> Run:
    run = await engine.settled((await engine.chat(text)).id)
    assert (run.run_status, run.reason) == (RunStatus.BLOCKED, Reason.NEEDS_APPROVAL)
    return run


def asked(run: Run) -> list[dict[str, Any]]:
    calls = run.blocked["calls"]
    assert isinstance(calls, list)
    return calls


def told(server: ModelServer) -> list[str]:
    return [str(m["content"]) for m in server.requests[-1].messages if m["role"] == "tool"]


def pay(to: str, **more: object) -> Call:
    return Call("pay", {"to": to, **more})


async def done(engine: Engine, run: Run) -> Run:
    settled = await engine.settled(run.id, frozenset({RunStatus.DONE, RunStatus.FAILED}))
    assert settled.run_status is RunStatus.DONE
    return settled


async def test_calls_that_are_asked_for_wait_as_one_list_and_show_what_they_would_do(
    start: Start, server: ModelServer, till: Till
) -> None:
    engine = await start(till.options)
    rule = ToolRule("pay", Verdict.ASK, (Condition("/amount", Operator.GE, 5),), note="money leaves")
    await set_rules(engine, rule)
    server.script(Reply(tool_calls=[pay("a"), pay("b", amount=1), pay("c", amount=9)]), Reply("Done."))
    run = await blocked(engine)
    # What needs no approval is not kept waiting by what does.
    assert till.paid == [("b", 1)]
    first, second = asked(run)
    assert (first["name"], first["arguments"]) == ("pay", {"to": "a", "amount": 5})
    assert second["arguments"] == {"to": "c", "amount": 9}
    assert first["touches"] == "changes"
    assert first["schema"]["properties"]["amount"]["type"] == "integer"
    (by,) = first["asked_by"]
    assert (by["layer"], by["rule"]["note"]) == ("system", "money leaves")
    assert run.needs_user_input
    await engine.resume(run, ONCE)
    await done(engine, run)
    assert till.paid == [("b", 1), ("a", 5), ("c", 9)]


async def test_the_history_says_who_decided_what_for_which_arguments(
    start: Start, server: ModelServer, till: Till
) -> None:
    engine = await start(till.options)
    await set_rules(engine, ToolRule("pay", Verdict.ASK))
    server.script(Reply(tool_calls=[pay("a"), pay("b")]), Reply("Done."))
    run = await blocked(engine)
    first, second = asked(run)
    decisions = [
        {"call_id": first["id"], "decision": "allow_once", "arguments_hash": first["arguments_hash"]},
        {"call_id": second["id"], "decision": "refuse", "reason": "not to him"},
    ]
    await engine.write(runs.resume, run.id, {"decisions": decisions}, "", caller=ADMIN)
    await done(engine, run)
    assert till.paid == [("a", 5)]
    assert told(server) == ["paid a 5", "the user refused this call: not to him"]
    events = {e.event_type: e.details for e in await engine.events(run.id)}
    resumed: Mapping[str, Any] = events["run.resumed"]
    assert (resumed["by"], resumed["answered"]) == ("root", "approval")
    assert [d["decision"] for d in resumed["decisions"]] == ["allow_once", "refuse"]
    assert resumed["decisions"][0]["arguments_hash"] == first["arguments_hash"]
    assert (events["tool.denied"]["by"], events["tool.denied"]["reason"]) == ("root", "not to him")
    [line] = await engine.write(audit.page, Page(), AuditFilter(action=Action.RUN_ANSWERED), caller=ADMIN)
    entry: Any = line.entry
    assert (entry.actor, entry.target_id) == ("root", run.id)
    decided = [d["decision"] for d in entry.details["decisions"]]
    assert (entry.details["asked"], decided) == ("approval", ["allow_once", "refuse"])
    assert "not to him" not in str(entry.details)


async def test_edited_arguments_are_what_the_tool_gets_and_are_judged_again(
    start: Start, server: ModelServer, till: Till
) -> None:
    engine = await start(till.options)
    too_much = ToolRule("pay", Verdict.DENY, (Condition("/amount", Operator.GT, 100),))
    await set_rules(engine, ToolRule("pay", Verdict.ASK), too_much)
    server.script(Reply(tool_calls=[pay("a", amount=90)]), Reply("Done."))
    run = await blocked(engine)
    call_id = asked(run)[0]["id"]

    async def edit(arguments: object) -> Run:
        one = {"call_id": call_id, "decision": "allow_once", "arguments": arguments}
        return await engine.resume(run, {"decisions": [one]})

    with pytest.raises(Invalid, match="amount"):
        await edit({"to": "a", "amount": "much"})
    with pytest.raises(PolicyDenied):
        await edit({"to": "a", "amount": 101})
    assert (await engine.get(run.id)).run_status is RunStatus.BLOCKED
    # What is left out takes its default.
    await edit({"to": "b"})
    await done(engine, run)
    assert till.paid == [("b", 5)]


async def test_an_approval_for_the_run_answers_the_same_rule_and_no_other(
    start: Start, server: ModelServer, till: Till
) -> None:
    engine = await start(till.options)
    much = ToolRule("pay", Verdict.ASK, (Condition("/amount", Operator.GT, 50),))
    await set_rules(engine, ToolRule("pay", Verdict.ASK, (Condition("/amount", Operator.LE, 50),)), much)
    server.script(
        Reply(tool_calls=[pay("a")]), Reply(tool_calls=[pay("b")]), Reply(tool_calls=[pay("c", amount=51)]), Reply("D")
    )
    run = await blocked(engine)
    await engine.resume(run, {"decision": "allow_run"})
    again = await engine.settled(run.id)
    assert till.paid == [("a", 5), ("b", 5)]
    assert asked(again)[0]["arguments"]["to"] == "c"
    await engine.resume(again, {"decision": "refuse"})
    await done(engine, run)
    server.script(Reply(tool_calls=[pay("d")]), Reply("D"))
    await blocked(engine)


async def test_an_approval_for_ever_is_in_the_users_layer_and_can_be_taken_back(
    start: Start, server: ModelServer, till: Till
) -> None:
    engine = await start(till.options)
    await set_rules(engine, default=Verdict.ASK)
    script = Reply(tool_calls=[pay("a")])
    server.script(script, Reply("One."), script, Reply("Two."), script, Reply("Three."))
    run = await blocked(engine)
    await engine.resume(run, {"decision": "allow_always"})
    await done(engine, run)
    second = await done(engine, await engine.chat("again"))
    assert len(till.paid) == 2
    layers, _ = await engine.database.read(lambda tx: governance.applying(tx, ALICE, "", ""))
    (mine,) = [la for la in layers if la.name is LayerName.USER]
    assert (mine.scope_key, mine.updated_by) == ("alice", "alice")
    assert [a.split("#")[0] for a in mine.rules.approvals or ()] == ["pay"]
    assert second.governance.effective_policy.approvals.value == mine.rules.approvals
    await engine.write(governance.put_layer, LayerName.USER, "alice", Rules(), mine.version)
    await blocked(engine)


async def test_an_approval_lapses_when_the_rule_that_asked_changes(
    start: Start, server: ModelServer, till: Till
) -> None:
    engine = await start(till.options)
    await set_rules(engine, ToolRule("pay", Verdict.ASK))
    server.script(Reply(tool_calls=[pay("a")]), Reply("One."), Reply(tool_calls=[pay("a")]), Reply("Two."))
    run = await blocked(engine)
    await engine.resume(run, {"decision": "allow_always"})
    await done(engine, run)
    await set_rules(engine, ToolRule("p*", Verdict.ASK))
    await blocked(engine)


async def test_standing_approvals_are_for_a_user_and_nobody_above(engine: Engine) -> None:
    rules = Rules(approvals=frozenset({"pay#0123456789abcdef"}))
    for name, scope in ((LayerName.SYSTEM, ""), (LayerName.PROJECT, "p")):
        with pytest.raises(Invalid, match="his layer"):
            await engine.write(governance.put_layer, name, scope, rules, None, caller=ADMIN)
    with pytest.raises(Invalid):
        await engine.write(governance.put_override, "", rules, "why", 9_999_999_999_999, caller=ADMIN)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"decision": "maybe"},
        {"decisions": []},
        {"decision": "allow_once", "decisions": []},
        {"decisions": [{"call_id": "nobody", "decision": "refuse"}]},
        "yes",
    ],
)
async def test_an_answer_that_does_not_decide_each_call_once_changes_nothing(
    start: Start, server: ModelServer, till: Till, answer: object
) -> None:
    engine = await start(till.options)
    await set_rules(engine, ToolRule("pay", Verdict.ASK))
    server.script(Reply(tool_calls=[pay("a")]))
    run = await blocked(engine)
    before = await engine.types(run.id)
    with pytest.raises(Invalid):
        await engine.resume(run, answer)
    assert (await engine.types(run.id), till.paid) == (before, [])


async def test_an_approval_of_other_arguments_than_are_asked_for_is_refused(
    start: Start, server: ModelServer, till: Till
) -> None:
    engine = await start(till.options)
    await set_rules(engine, ToolRule("pay", Verdict.ASK))
    server.script(Reply(tool_calls=[pay("a")]))
    run = await blocked(engine)
    seen = {"call_id": asked(run)[0]["id"], "decision": "allow_once", "arguments_hash": "0" * 64}
    with pytest.raises(Conflict, match="look at the call again"):
        await engine.resume(run, {"decisions": [seen]})


async def test_nobody_else_can_approve(start: Start, server: ModelServer, till: Till) -> None:
    engine = await start(till.options)
    await set_rules(engine, ToolRule("pay", Verdict.ASK))
    server.script(Reply(tool_calls=[pay("a")]))
    run = await blocked(engine)
    with pytest.raises(NotFound):
        await engine.write(runs.resume, run.id, ONCE, "", caller=BOB)


async def test_of_two_people_who_decide_at_once_one_does(start: Start, server: ModelServer, till: Till) -> None:
    engine = await start(till.options)
    await set_rules(engine, ToolRule("pay", Verdict.ASK))
    server.script(Reply(tool_calls=[pay("a")]), Reply("Done."))
    run = await blocked(engine)
    outcomes = await asyncio.gather(
        *(engine.write(runs.resume, run.id, ONCE, "", caller=who) for who in (ALICE, ADMIN) * 4),
        return_exceptions=True,
    )
    refused = [o for o in outcomes if isinstance(o, BaseException)]
    assert len(refused) == 7
    assert {type(o) for o in refused} == {IllegalMove}
    await done(engine, run)
    assert till.paid == [("a", 5)]


async def test_what_nobody_approves_in_time_is_not_done_and_the_run_goes_on(
    start: Start, server: ModelServer, till: Till
) -> None:
    engine = await start(till.options)
    await set_rules(engine, ToolRule("pay", Verdict.ASK), approval_seconds=1)
    server.script(Reply(tool_calls=[pay("a"), pay("b")]), Reply("I could not."))
    run = await engine.chat("pay")
    settled = await done(engine, run)
    assert (settled.result["text"], till.paid) == ("I could not.", [])
    assert ["in time" in t for t in told(server)] == [True, True]
    types = await engine.types(run.id)
    assert (types.count("tool.denied"), types.count("run.blocked"), types.count("run.resumed")) == (2, 1, 1)
    [line] = await engine.write(run_audit.of_run, run.id, Page())
    calls: Any = line.entry.details["calls"]
    assert (line.entry.action, line.entry.actor) == (Action.APPROVAL_EXPIRED, "")
    assert [c["name"] for c in calls] == ["pay", "pay"]


async def test_what_is_denied_before_it_begins_stays_undone_although_it_was_approved(
    start: Start, server: ModelServer, till: Till
) -> None:
    engine = await start(till.options)
    await set_rules(engine, ToolRule("pay", Verdict.ASK))
    gate = asyncio.Event()
    server.script(Reply(tool_calls=[pay("a")]), Held(gate, Reply("Hello.")), marker="pay")
    run = await blocked(engine)
    await set_rules(engine, ToolRule("pay", Verdict.DENY))
    gate.set()
    with pytest.raises(PolicyDenied):
        await engine.resume(run, ONCE)
    await engine.resume(run, {"decision": "refuse"})
    await done(engine, run)
    assert till.paid == []


async def test_a_worker_that_dies_while_a_call_waits_or_right_after_the_answer_changes_nothing(
    open_engine: Open, server: ModelServer, till: Till
) -> None:
    server.script(Reply(tool_calls=[pay("a")]), Reply("Done."))
    first = await open_engine(till.options)
    await set_rules(first, ToolRule("pay", Verdict.ASK))
    run = await blocked(first)
    await first.abandon()
    # One that takes the answer, and dies before it can do anything about it.
    second = await open_engine(Options(tools=[till.tool], concurrency=0))
    assert (await second.get(run.id)).run_status is RunStatus.BLOCKED
    await second.resume(run, ONCE)
    await second.abandon()
    assert till.paid == []
    third = await open_engine(till.options)
    with pytest.raises(IllegalMove):
        await third.resume(run, ONCE)
    await done(third, run)
    assert till.paid == [("a", 5)]


async def test_a_worker_that_dies_in_an_approved_call_leaves_it_to_a_person_and_approved(
    open_engine: Open, server: ModelServer
) -> None:
    begun, never = asyncio.Event(), asyncio.Event()
    paid: list[str] = []

    @oneliner.tool
    async def pay(to: str) -> str:
        """Pay somebody."""
        begun.set()
        if not paid:
            paid.append("half")
            await never.wait()
        paid.append(to)
        return "paid"

    server.script(Reply(tool_calls=[Call("pay", {"to": "a"})]), Reply("Done."))
    first = await open_engine(Options(tools=[pay]))
    await set_rules(first, ToolRule("pay", Verdict.ASK))
    run = await blocked(first)
    await first.resume(run, ONCE)
    await begun.wait()
    await first.abandon()
    second = await open_engine(Options(tools=[pay]))
    unknown = await second.settled(run.id)
    assert unknown.reason is Reason.TOOL_OUTCOME_UNKNOWN
    await second.resume(unknown, {"decision": "run_again"})
    await done(second, run)
    assert paid == ["half", "a"]


async def test_questions_and_approvals_of_one_answer_are_asked_one_after_the_other(
    start: Start, server: ModelServer, till: Till
) -> None:
    engine = await start(till.options)
    await set_rules(engine, ToolRule("pay", Verdict.ASK))
    server.script(Reply(tool_calls=[Call("ask_user", {"question": "who?"}), pay("a")]), Reply("Done."))
    run = await blocked(engine)
    await engine.resume(run, ONCE)
    question = await engine.settled(run.id)
    assert (question.reason, till.paid) == (Reason.NEEDS_ANSWER, [("a", 5)])
    await engine.resume(question, {"answer": "her"})
    await done(engine, run)
    assert json.loads(told(server)[0]) == {"answer": "her"}


async def test_a_handoff_can_ask_for_approvals_that_no_rule_asks_for(
    start: Start, server: ModelServer, till: Till
) -> None:
    engine = await start(till.options)
    handoff = runs.Handoff("pay", "home", "button", steps=("pay",), ask_before=("p*",))
    run = await engine.hand_off(handoff)
    server.script(Reply(tool_calls=[pay("a"), Call("mark_step", {"step_id": "s1", "status": "done"})]), Reply("Done."))
    await engine.confirm(run)
    run = await engine.settled(run.id)
    (call,) = asked(run)
    assert (call["arguments"]["to"], till.paid) == ("a", [])
    assert [(by["layer"], by["rule"]["note"]) for by in call["asked_by"]] == [("user", governance.HANDOFF_NOTE)]
    await engine.resume(run, ONCE)
    await done(engine, run)
    assert till.paid == [("a", 5)]


async def test_a_handoff_cannot_loosen_what_a_rule_denies(start: Start, server: ModelServer, till: Till) -> None:
    engine = await start(till.options)
    await set_rules(engine, ToolRule("pay", Verdict.DENY))
    run = await engine.hand_off(runs.Handoff("pay", "home", "button", ask_before=("pay",)))
    server.script(Reply(tool_calls=[pay("a")]), Reply("Not possible."))
    await engine.confirm(run)
    await done(engine, run)
    assert till.paid == []
