"""Budgets: no call of a model is let through that a budget has no room for, and what was reserved is always settled."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.databases import tables
from tests.support.engine import ALICE, BOB, Engine, Options

from oneliner.adapters.models.registry import ConfiguredModels
from oneliner.app import budgets, governance, runs
from oneliner.domain.errors import Forbidden, Invalid
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.run import ENDED, Reason, RunStatus
from oneliner.domain.usage import usd
from oneliner.domain.user import Authority, Caller
from oneliner.testing import Call, Held, Refusal, Reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.app.conftest import Open, Start

    from oneliner.domain.run import Run
    from oneliner.testing import ModelServer

ADMIN = Caller("root", Authority.ADMIN)
CENT = 10_000_000
USAGE = (1_000, 500, 0)
COST = 2_000_000
ANSWER = Reply("Here you are.", usage=USAGE)
LOOK = Reply("Let me see.", [Call("now")], usage=USAGE)
BLOCKED_OR_DONE = frozenset({RunStatus.BLOCKED, RunStatus.DONE})


async def limit(engine: Engine, rules: Rules, name: LayerName = LayerName.SYSTEM, scope: str = "") -> None:
    await engine.admit(ADMIN)
    await engine.write(governance.put_layer, name, scope, rules, None, caller=ADMIN)


async def blocked(engine: Engine, run: Run) -> Run:
    return await engine.settled(run.id, frozenset({RunStatus.BLOCKED}))


def _no_price(_models: ConfiguredModels, _name: str) -> None:
    return None


def counters(path: Path) -> dict[str, tuple[int, int]]:
    """Each counter's used and reserved, by what it is of."""
    return {f"{r['budget']}:{r['of']}": (r["used_nanos"], r["reserved_nanos"]) for r in tables(path)["budget_counters"]}


async def test_a_run_under_no_budget_has_no_counter(engine: Engine, server: ModelServer) -> None:
    server.script(ANSWER)
    run = await engine.settled((await engine.chat("go")).id)
    assert run.totals.cost_nanos == COST
    assert counters(engine.path) == {}


async def test_a_run_that_meets_its_limit_blocks_and_shows_the_figures(engine: Engine, server: ModelServer) -> None:
    await limit(engine, Rules(run_budget=CENT, max_output_tokens=500))
    server.script(*[LOOK] * 9)
    run = await blocked(engine, await engine.chat("go"))
    assert run.reason is Reason.BUDGET_EXCEEDED
    asked = run.blocked
    assert (asked["kind"], asked["budget"], asked["limit"], asked["reserved"]) == (
        "budget",
        "run",
        "0.010000",
        "0.000000",
    )
    assert asked["used"] == usd(run.totals.cost_nanos)
    assert asked["resumes_at"] is None
    assert asked["decided_by"] == "system"
    assert 0 < run.totals.cost_nanos <= CENT
    assert counters(engine.path) == {f"run:{run.id}": (run.totals.cost_nanos, 0)}


async def test_an_administrator_gives_more_and_the_run_goes_on_from_where_it_was(
    engine: Engine, server: ModelServer
) -> None:
    await limit(engine, Rules(run_budget=3 * CENT // 10, max_output_tokens=500))
    server.script(LOOK, ANSWER)
    run = await blocked(engine, await engine.chat("go"))
    with pytest.raises(Forbidden):
        await engine.resume(run, {"more": "1"})
    assert (await engine.get(run.id)).run_status is RunStatus.BLOCKED
    await engine.write(runs.resume, run.id, {"more": "0.01"}, "it matters", caller=ADMIN)
    done = await engine.settled(run.id, ENDED)
    assert (done.run_status, done.totals.cost_nanos) == (RunStatus.DONE, 2 * COST)
    resumed = await engine.until_told(run.id, "run.resumed")
    assert resumed.details["by"] == "root"
    assert (resumed.details["budget"], resumed.details["more"]) == ("run", "0.010000")


async def test_trying_again_without_more_blocks_again(engine: Engine, server: ModelServer) -> None:
    await limit(engine, Rules(run_budget=1))
    run = await blocked(engine, await engine.chat("go"))
    await engine.resume(run, {})

    async def has_blocked_twice() -> bool:
        return (await engine.types(run.id)).count("run.blocked") == 2

    await engine.until(has_blocked_twice, run.id)
    assert len(server.requests) == 0


@pytest.mark.parametrize("answer", [{"more": "0"}, {"more": "-1"}, {"more": 1}, {"more": "1e3"}, {"less": "1"}, "1"])
async def test_what_is_no_amount_is_refused_and_changes_nothing(engine: Engine, answer: object) -> None:
    await limit(engine, Rules(run_budget=1))
    run = await blocked(engine, await engine.chat("go"))
    with pytest.raises(Invalid):
        await engine.write(runs.resume, run.id, answer, "", caller=ADMIN)
    assert (await engine.get(run.id)).run_status is RunStatus.BLOCKED


async def test_a_user_raises_his_own_limit_up_to_what_the_other_layers_allow(
    engine: Engine, server: ModelServer
) -> None:
    await limit(engine, Rules(user_day_budget=CENT, max_output_tokens=500))
    await engine.write(governance.put_layer, LayerName.USER, "alice", Rules(user_day_budget=1), None)
    run = await blocked(engine, await engine.chat("go"))
    assert run.blocked["decided_by"] == "user"
    with pytest.raises(Forbidden):
        await engine.resume(run, {"more": "0.01"})
    server.script(ANSWER)
    await engine.resume(run, {"more": "0.009"})
    assert (await engine.settled(run.id, ENDED)).run_status is RunStatus.DONE


async def test_a_budget_for_the_day_lets_the_run_go_on_by_itself_the_next_day(
    engine: Engine, server: ModelServer
) -> None:
    await limit(engine, Rules(day_budget=1))
    run = await blocked(engine, await engine.chat("go"))
    day = run.created_at // 86_400_000
    assert run.resumes_at == (day + 1) * 86_400_000
    server.script(ANSWER)
    # There is room and the day is over, as far as this run can see.
    await engine.database.write(lambda tx: budgets.grant(tx, ADMIN, run, run.blocked, {"more": "1"}))
    await engine.database.write(lambda tx: tx.runs.touch(run.id, 0, None, {"resumes_at": tx.now_ms}))
    assert (await engine.settled(run.id, ENDED)).run_status is RunStatus.DONE
    assert (await engine.until_told(run.id, "run.resumed")).details["by"] == ""


async def test_a_project_s_budget_counts_all_its_users_and_no_other_project(
    engine: Engine, server: ModelServer
) -> None:
    await limit(engine, Rules(project_day_budget=2 * CENT), LayerName.PROJECT, "p")
    server.script(*[ANSWER] * 9)
    ended = []
    for n in range(4):
        started = await engine.write(runs.start_chat, "go", None, "p" if n < 3 else "q", caller=BOB if n % 2 else ALICE)
        ended.append(await engine.settled(started.run.id, BLOCKED_OR_DONE))
    used, reserved = counters(engine.path)["project_day:p"]
    assert reserved == 0
    assert used == sum(r.totals.cost_nanos for r in ended if r.project_id == "p")
    assert ended[-1].run_status is RunStatus.DONE


async def test_a_budget_that_begins_during_the_day_knows_what_was_spent_before(
    engine: Engine, server: ModelServer
) -> None:
    server.script(ANSWER, ANSWER)
    for _ in range(2):
        await engine.settled((await engine.chat("go")).id)
    await limit(engine, Rules(user_day_budget=2 * COST, day_budget=100 * CENT))
    run = await blocked(engine, await engine.chat("go"))
    assert (run.blocked["budget"], run.blocked["used"]) == ("user_day", usd(2 * COST))
    # Ended and begun again: what was spent in between counts as well.
    await limit(engine, Rules())
    server.script(ANSWER)
    await engine.settled((await engine.chat("go")).id)
    await limit(engine, Rules(user_day_budget=2 * COST))
    run = await blocked(engine, await engine.chat("go"))
    assert run.blocked["used"] == usd(3 * COST)


async def test_a_model_without_a_price_is_not_called_under_a_budget(
    start: Start, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ConfiguredModels, "price", _no_price)
    engine = await start()
    await limit(engine, Rules(day_budget=CENT))
    run = await blocked(engine, await engine.chat("go"))
    assert (run.reason, run.blocked["cause"]) == (Reason.BUDGET_EXCEEDED, "price_unknown")
    with pytest.raises(Invalid):
        await engine.write(runs.resume, run.id, {"more": "1"}, "", caller=ADMIN)
    assert len(server.requests) == 0


async def test_what_is_refused_before_it_costs_anything_is_released(engine: Engine, server: ModelServer) -> None:
    await limit(engine, Rules(day_budget=CENT))
    server.script(Refusal(400))
    run = await engine.settled((await engine.chat("go")).id)
    assert run.run_status is RunStatus.FAILED
    assert counters(engine.path) == {"day:": (0, 0)}


async def test_a_cancelled_run_settles_what_it_had_reserved(engine: Engine, server: ModelServer) -> None:
    await limit(engine, Rules(day_budget=CENT))
    server.script(Held(asyncio.Event(), ANSWER, after_chunks=1))
    run = await engine.chat("go")
    await engine.until_writing(run.id)
    assert counters(engine.path)["day:"][1] > 0
    await engine.cancel(run)

    async def is_settled() -> bool:
        return not await engine.database.read(lambda tx: tx.messages.streaming(run.id))

    await engine.until(is_settled, run.id)
    cancelled = await engine.get(run.id)
    assert counters(engine.path) == {"day:": (cancelled.totals.cost_nanos, 0)}
    assert cancelled.totals.cost_nanos > 0


async def test_what_a_lost_worker_had_reserved_is_settled_by_whoever_recovers(
    open_engine: Open, server: ModelServer
) -> None:
    first = await open_engine()
    await limit(first, Rules(day_budget=2 * CENT))
    server.script(Held(asyncio.Event(), ANSWER, after_chunks=1), ANSWER)
    run = await first.chat("go")
    await first.until_writing(run.id)
    await first.abandon()
    second = await open_engine()
    done = await second.settled(run.id, ENDED)
    assert done.run_status is RunStatus.DONE
    assert done.totals.estimated_count == 1
    assert counters(second.path) == {"day:": (done.totals.cost_nanos, 0)}


async def test_a_draft_that_meets_a_limit_fails_with_the_reason(engine: Engine) -> None:
    await limit(engine, Rules(day_budget=1))
    run = await engine.hand_off(runs.Handoff("t", "s", "k", goal="g", draft=True))
    failed = await engine.settled(run.id)
    assert (failed.run_status, failed.reason) == (RunStatus.FAILED, Reason.BUDGET_EXCEEDED)


async def test_a_draft_that_met_a_limit_is_drafted_again_with_more(engine: Engine, server: ModelServer) -> None:
    await limit(engine, Rules(run_budget=1, max_output_tokens=500))
    run = await engine.hand_off(runs.Handoff("t", "s", "k", goal="g", draft=True))
    failed = await engine.settled(run.id)
    asked = failed.result["asked"]
    assert isinstance(asked, dict)
    assert (asked["kind"], asked["budget"]) == ("budget", "run")
    # It is the system's limit, and so no member's to raise.
    with pytest.raises(Forbidden):
        await engine.write(runs.retry, run.id, "", "0.50")
    server.script(Reply("", [Call("propose_plan", {"goal": "g", "steps": ["one"]})]))
    await engine.write(runs.retry, run.id, "", "0.50", caller=ADMIN)
    drafted = await engine.settled(run.id, frozenset({RunStatus.NEEDS_CONFIRMATION}))
    assert [s.title for s in drafted.plan.steps] == ["one"]
    told = next(e for e in await engine.events(run.id) if e.event_type == "run.retried")
    assert (told.details["budget"], told.details["more"]) == ("run", "0.500000")


async def test_more_money_is_no_cure_for_another_failure(engine: Engine) -> None:
    await limit(engine, Rules(allowed_models=frozenset({"nobody/*"})))
    run = await engine.settled((await engine.chat("go")).id)
    assert run.reason is Reason.POLICY_DENIED
    with pytest.raises(Invalid, match="want of money"):
        await engine.write(runs.retry, run.id, "", "0.50")


async def test_fifty_runs_in_parallel_never_pass_one_budget(path: Path, start: Start, server: ModelServer) -> None:
    # Two processes' worth of engines, each with connections of its own.
    cost = 400 * 1_000 + 500 * 2_000
    engine = await start(Options(sweep_seconds=0.1))
    await limit(engine, Rules(day_budget=20 * cost, user_day_budget=100 * CENT, max_output_tokens=500))
    gate = asyncio.Event()
    server.script(*[Held(gate, Reply("Here you are.", usage=(400, 500, 0)))] * 50)
    async with AsyncExitStack() as stack:
        other = Engine(path, server.base_url, Options(sweep_seconds=0.1))
        stack.push_async_callback(other.stop)
        other.start()
        begun = await asyncio.gather(*((engine, other)[n % 2].chat(f"go {n}") for n in range(50)))
        # Whoever is let through is under way at the same time as the others.
        await server.until(lambda: bool(server.requests), within_seconds=60)
        gate.set()
        ended = [await engine.settled(run.id, BLOCKED_OR_DONE, seconds=60) for run in begun]
    done = [run for run in ended if run.run_status is RunStatus.DONE]
    bill = server.bill()
    charged = bill["prompt_tokens"] * 1_000 + bill["completion_tokens"] * 2_000
    assert sum(run.totals.cost_nanos for run in ended) == charged == len(done) * cost
    assert counters(path)["day:"] == (charged, 0)
    assert counters(path)["user_day:alice"] == (charged, 0)
    # No call cost more than it had reserved, so the limit itself is kept; and it was not kept by doing nothing.
    assert max(m["reserved_nanos"] for m in tables(path)["messages"]) >= cost
    assert 0 < charged <= 20 * cost
    assert {run.reason for run in ended if run not in done} == {Reason.BUDGET_EXCEEDED}


async def test_a_call_that_costs_more_than_it_reserved_is_the_last(engine: Engine, server: ModelServer) -> None:
    await limit(engine, Rules(day_budget=2 * CENT))
    server.script(Reply("very long", usage=(1_000, 50_000, 0)))
    first = await engine.settled((await engine.chat("go")).id)
    assert first.totals.cost_nanos > 2 * CENT
    second = await blocked(engine, await engine.chat("go"))
    assert second.totals.cost_nanos == 0
    assert second.blocked["left"] == "0.000000"


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("day_budget", LayerName.USER),
        ("user_day_budget", LayerName.PROJECT),
        ("project_day_budget", LayerName.PLATFORM),
    ],
)
async def test_a_budget_cannot_be_set_where_it_would_not_hold_for_all_it_counts(
    engine: Engine, field: str, name: LayerName
) -> None:
    with pytest.raises(Invalid, match="cannot be set in"):
        await limit(engine, replace(Rules(), **{field: CENT}), name, "x")
