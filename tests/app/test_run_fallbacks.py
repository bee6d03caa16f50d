"""Another model is asked when the configured one is out of service: visibly, by the rules, at its own price."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.support.engine import MODEL, OTHER_MODEL, Options

from oneliner.app import governance, runs
from oneliner.domain.executor import Executor
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.run import ENDED, Reason, RunStatus
from oneliner.domain.user import Authority, Caller
from oneliner.testing import Break, Broken, Call, Held, Refusal, Reply, rate_limited, server_error

if TYPE_CHECKING:
    from tests.app.conftest import Open, Start
    from tests.support.engine import Engine

    from oneliner.domain.run import Run
    from oneliner.testing import ModelServer

pytestmark = pytest.mark.usefixtures("quick_retries")
ADMIN = Caller("root", Authority.ADMIN)
WITH_OTHER = Options(fallbacks=[OTHER_MODEL])
DRAFT = runs.Handoff("a task", "home", "button", draft=True)


def asked(server: ModelServer) -> list[object]:
    return [r.model for r in server.requests]


async def answered(engine: Engine) -> Run:
    return await engine.settled((await engine.chat("hello")).id)


async def test_after_a_second_failure_the_next_model_answers_at_its_own_price(
    start: Start, server: ModelServer
) -> None:
    engine = await start(WITH_OTHER)
    server.script(server_error(503), server_error(503), Reply("Here I am."))
    done = await answered(engine)
    assert done.result["text"] == "Here I am."
    assert asked(server) == ["test", "test", "other"]
    events = await engine.events(done.id)
    (told,) = [e.details for e in events if e.event_type == "message.fallback"]
    assert (told["from_model"], told["to_model"], told["kind"], told["attempts"]) == (
        MODEL,
        OTHER_MODEL,
        "unavailable",
        2,
    )
    refused, answer = [m for m in await engine.messages(done.session_id) if m.role == "assistant"]
    assert (refused.model, refused.state, refused.cost_nanos) == (MODEL, "interrupted", 0)
    assert (answer.model, answer.state) == (OTHER_MODEL, "complete")
    assert answer.cost_nanos == answer.usage.input_tokens * 10_000 + answer.usage.output_tokens * 20_000
    assert done.totals.cost_nanos == answer.cost_nanos


async def test_a_hiccup_is_no_reason_to_change_models(start: Start, server: ModelServer) -> None:
    engine = await start(WITH_OTHER)
    server.script(server_error(), Reply("Fine."))
    assert (await answered(engine)).run_status is RunStatus.DONE
    assert asked(server) == ["test", "test"]


async def test_nobody_waits_for_a_limit_of_rate_that_lasts(start: Start, server: ModelServer) -> None:
    engine = await start(WITH_OTHER)
    server.script(rate_limited(3_600), Reply("Fine."))
    assert (await answered(engine)).run_status is RunStatus.DONE
    assert asked(server) == ["test", "other"]


async def test_an_execution_stays_with_the_model_it_fell_back_to(start: Start, server: ModelServer) -> None:
    engine = await start(WITH_OTHER)
    server.script(rate_limited(3_600), Reply(tool_calls=[Call("current_time", {})]), Reply("Now."), Reply("Again."))
    first = await answered(engine)
    await engine.settled((await engine.chat("more", session_id=first.session_id)).id)
    assert asked(server) == ["test", "other", "other", "test"]


async def test_what_was_charged_before_the_fallback_is_on_the_bill(start: Start, server: ModelServer) -> None:
    engine = await start(WITH_OTHER)
    server.script(Broken(Break.ERROR_CHUNK), Broken(Break.ERROR_CHUNK), Reply("Fine."))
    done = await answered(engine)
    found = [(m.model, m.state) for m in await engine.messages(done.session_id) if m.role == "assistant"]
    assert found == [(MODEL, "interrupted"), (MODEL, "interrupted"), (OTHER_MODEL, "complete")]
    assert done.totals.estimated_count == 2


async def test_a_model_that_the_rules_forbid_is_no_fallback(start: Start, server: ModelServer) -> None:
    engine = await start(Options(fallbacks=["openai/forbidden", OTHER_MODEL]))
    rules = Rules(allowed_models=frozenset({MODEL, OTHER_MODEL}))
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", rules, None, caller=ADMIN)
    server.script(rate_limited(3_600), Reply("Fine."))
    assert (await answered(engine)).run_status is RunStatus.DONE
    assert asked(server) == ["test", "other"]


async def test_a_call_that_cost_nothing_does_not_count_as_a_step(start: Start, server: ModelServer) -> None:
    engine = await start(WITH_OTHER)
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", Rules(max_steps=1), None, caller=ADMIN)
    server.script(rate_limited(3_600), Reply("Fine."))
    assert (await answered(engine)).run_status is RunStatus.DONE


async def test_when_every_model_is_out_of_service_the_run_fails_as_ever(start: Start, server: ModelServer) -> None:
    engine = await start(WITH_OTHER)
    server.script(*[server_error()] * 6)
    failed = await answered(engine)
    assert failed.reason is Reason.MODEL_UNAVAILABLE
    assert asked(server) == ["test"] * 2 + ["other"] * 4


async def test_a_call_that_no_model_could_take_falls_back_to_none(start: Start, server: ModelServer) -> None:
    engine = await start(WITH_OTHER)
    server.script(Refusal(400, "no such field", "invalid_request_error"))
    assert (await answered(engine)).reason is Reason.MODEL_REFUSED
    assert asked(server) == ["test"]


async def test_a_plan_is_drafted_by_the_fallback(start: Start, server: ModelServer) -> None:
    engine = await start(WITH_OTHER)
    server.script(rate_limited(3_600), Reply(tool_calls=[Call("propose_plan", {"goal": "g", "steps": ["look"]})]))
    drafted = await engine.settled((await engine.hand_off(DRAFT)).id)
    assert drafted.run_status is RunStatus.NEEDS_CONFIRMATION
    assert asked(server) == ["test", "other"]
    assert "message.fallback" in await engine.types(drafted.id)


async def test_a_run_that_lost_its_worker_stays_with_the_model_it_fell_back_to(
    open_engine: Open, server: ModelServer
) -> None:
    first = await open_engine(WITH_OTHER)
    server.script(rate_limited(3_600), Held(asyncio.Event(), after_chunks=1))
    run = await first.chat("hello")
    await first.until_writing(run.id)
    await first.abandon()
    server.script(Reply("Here again."))
    second = await open_engine(Options(fallbacks=[OTHER_MODEL], sweep_seconds=0.05))
    done = await second.settled(run.id, ENDED)
    assert done.result["text"] == "Here again."
    models = [m.model for m in await second.messages(run.session_id) if m.role == "assistant"]
    assert models == [MODEL, OTHER_MODEL, OTHER_MODEL]


async def test_a_fallback_that_is_configured_no_more_is_forgotten(open_engine: Open, server: ModelServer) -> None:
    first = await open_engine(WITH_OTHER)
    server.script(rate_limited(3_600), Held(asyncio.Event(), after_chunks=1))
    run = await first.chat("hello")
    await first.until_writing(run.id)
    await first.abandon()
    server.script(Reply("Here again."))
    second = await open_engine(Options(sweep_seconds=0.05))
    assert (await second.settled(run.id, ENDED)).result["text"] == "Here again."
    assert asked(server)[-1] == "test"


async def test_a_run_that_is_resumed_or_retried_tries_its_first_model_again(start: Start, server: ModelServer) -> None:
    engine = await start(WITH_OTHER)
    question = Reply(tool_calls=[Call("ask_user", {"question": "Which?"})])
    server.script(rate_limited(3_600), question, Refusal(400, "no", "invalid_request_error"), Reply("Fine."))
    blocked = await answered(engine)
    await engine.resume(blocked, {"answer": "this"})
    failed = await engine.settled(blocked.id, ENDED)
    await engine.retry(failed)
    assert (await engine.settled(failed.id, ENDED)).run_status is RunStatus.DONE
    assert asked(server) == ["test", "other", "test", "test"]


async def test_each_executor_falls_back_for_itself(start: Start, server: ModelServer) -> None:
    helper = Executor(name="helper", model=OTHER_MODEL, fallbacks=(MODEL,))
    engine = await start(Options(executors=[helper]))
    task = Reply(tool_calls=[Call("delegate", {"executor": "helper", "task": "help"})])
    server.script(task, rate_limited(3_600), Reply("Helped."), task, Reply("Again."), Reply("Done."))
    assert (await answered(engine)).result["text"] == "Done."
    assert asked(server) == ["test", "other", "test", "test", "test", "test"]
