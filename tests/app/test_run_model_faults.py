"""What a model can do wrong, end to end: a visible retry or a typed failure, billed, never shown as complete."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest
from tests.support.engine import KEY, Options
from tests.support.invariants import all_text

from oneliner.adapters.models.limits import Limits
from oneliner.app import governance, runs
from oneliner.app.ports import Delta
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.run import Reason, RunStatus
from oneliner.domain.user import Authority, Caller
from oneliner.testing import (
    Break,
    Broken,
    Call,
    Refusal,
    Reply,
    Silence,
    flood,
    rate_limited,
    server_error,
    unauthorized,
    unstorable_text,
)

if TYPE_CHECKING:
    from tests.app.conftest import Start
    from tests.support.engine import Engine

    from oneliner.testing import ModelServer, Script

pytestmark = pytest.mark.usefixtures("quick_retries")
ADMIN = Caller("root", Authority.ADMIN)
_DRAFT = runs.Handoff("a task", "home", "button", draft=True)
_IN_PROJECT = runs.Handoff("a task", "home", "button", project_id="p")
SHORT = Limits(first_token_seconds=0.3, idle_seconds=0.3, output_characters=200_000)
#: Each fault that trying again can cure: what it is called, and whether it has cost something.
CURABLE: dict[str, tuple[Script, str, bool]] = {
    "429": (rate_limited(0.01), "rate_limited", False),
    "500": (server_error(), "unavailable", False),
    "503": (server_error(503), "unavailable", False),
    "silence": (Silence(), "timed_out", True),
    "hang": (Broken(Break.HANG), "timed_out", True),
    "drip": (Broken(Break.DRIP), "timed_out", True),
    "cut": (Broken(Break.CUT), "truncated", True),
    "end": (Broken(Break.END), "truncated", True),
    "done without finish": (Broken(Break.DONE_WITHOUT_FINISH), "truncated", True),
    "malformed": (Broken(Break.MALFORMED), "malformed", True),
    "error chunk": (Broken(Break.ERROR_CHUNK), "unavailable", True),
    "cut before its first word": (Broken(Break.CUT, after_chunks=0), "truncated", True),
}
#: Each that it cannot cure: what it is called, and the reason of the run.
INCURABLE: dict[str, tuple[Script, str, Reason]] = {
    "400": (Refusal(400, "no such field", "invalid_request_error"), "rejected", Reason.MODEL_REFUSED),
    "401": (unauthorized(), "unauthorized", Reason.MODEL_REFUSED),
    "20 MB": (flood(), "output_limit", Reason.OUTPUT_LIMIT),
}


@pytest.mark.parametrize("name", CURABLE)
async def test_a_fault_is_retried_visibly_and_the_run_goes_on(start: Start, server: ModelServer, name: str) -> None:
    engine = await start(Options(limits=SHORT))
    fault, kind, is_charged = CURABLE[name]
    server.script(fault, Reply("Here I am."))
    async with asyncio.timeout(SHORT.idle_seconds + 1 + 2):
        done = await engine.settled((await engine.chat("hello")).id)
    assert (done.run_status, done.result["text"]) == (RunStatus.DONE, "Here I am.")
    events = await engine.events(done.id)
    (retrying,) = [e for e in events if e.event_type == "message.retrying"]
    assert (retrying.details["kind"], retrying.details["attempt"]) == (kind, 1)
    answers = [m for m in await engine.messages(done.session_id) if m.role == "assistant"]
    assert [m.content for m in answers if m.state == "complete"] == ["Here I am."]
    cut = [m for m in answers if m.state == "interrupted"]
    assert len(cut) == int(is_charged)
    for message in cut:
        assert message.usage.estimated
        assert message.usage.input_tokens > 100
        assert message.cost_nanos
    assert ("message.interrupted" in [e.event_type for e in events]) == is_charged
    assert done.totals.estimated_count == int(is_charged)
    assert not server.unscripted


@pytest.mark.parametrize("name", CURABLE)
async def test_a_fault_that_stays_fails_the_run_and_names_it(start: Start, server: ModelServer, name: str) -> None:
    engine = await start(Options(limits=Limits(first_token_seconds=0.1, idle_seconds=0.1)))
    fault, kind, _ = CURABLE[name]
    server.script(*[fault] * 4)
    failed = await engine.settled((await engine.chat("hello")).id)
    is_away = kind in {"rate_limited", "unavailable", "timed_out"}
    assert failed.reason is (Reason.MODEL_UNAVAILABLE if is_away else Reason.MODEL_ERROR)
    events = await engine.events(failed.id)
    assert [e.details["attempt"] for e in events if e.event_type == "message.retrying"] == [1, 2, 3]
    assert (events[-1].event_type, events[-1].details["kind"]) == ("run.failed", kind)
    assert "message.completed" not in {e.event_type for e in events}
    assert {m.state for m in await engine.messages(failed.session_id) if m.role == "assistant"} == {"interrupted"}
    assert len(server.requests) == 4


@pytest.mark.parametrize("name", INCURABLE)
async def test_a_fault_that_retrying_cannot_cure_fails_at_once(start: Start, server: ModelServer, name: str) -> None:
    engine = await start(Options(limits=SHORT))
    fault, kind, reason = INCURABLE[name]
    server.script(fault)
    failed = await engine.settled((await engine.chat("hello")).id)
    assert (failed.run_status, failed.reason) == (RunStatus.FAILED, reason)
    assert (await engine.events(failed.id))[-1].details["kind"] == kind
    assert len(server.requests) == 1
    (answer,) = [m for m in await engine.messages(failed.session_id) if m.role == "assistant"]
    assert answer.state == "interrupted"
    assert bool(answer.cost_nanos) == (reason is Reason.OUTPUT_LIMIT)
    assert len(answer.content) <= SHORT.output_characters + 20_000


async def test_what_was_streamed_before_a_cut_is_kept_for_the_bill_and_begun_anew(
    start: Start, server: ModelServer
) -> None:
    engine = await start(Options(limits=SHORT))
    server.script(Broken(Break.CUT, Reply("one two three four", chunk_chars=4), after_chunks=2), Reply("whole"))
    run = await engine.chat("hello")
    subscription = engine.bus.follow_run(run.id, heartbeat_seconds=0.2)
    deltas: list[Delta] = []
    async for batch in subscription.frames():
        deltas += [f for f in batch if isinstance(f, Delta)]
        if (await engine.get(run.id)).run_status is RunStatus.DONE:
            break
    subscription.close()
    texts: dict[str, str] = {}
    for delta in deltas:
        assert delta.offset == len(texts.get(delta.message_id, ""))
        texts[delta.message_id] = texts.get(delta.message_id, "") + delta.text
    assert list(texts.values()) == ["one two ", "whole"]
    assert {m.id: m.content for m in await engine.messages(run.session_id) if m.role == "assistant"} == texts


@pytest.mark.parametrize(
    "fault",
    [
        unauthorized(),
        Refusal(500, "I choked on {key}"),
        Broken(Break.ERROR_CHUNK, message="I choked on {key}"),
        Refusal(429, "{key} has had enough", retry_after_seconds=0.0),
        Refusal(400, "key {key}", "invalid_request_error", "{key}"),
    ],
)
async def test_a_key_that_a_provider_echoes_leaves_no_trace(
    engine: Engine, server: ModelServer, fault: Script, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(*[fault] * 4)
    failed = await engine.settled((await engine.chat("hello")).id)
    assert failed.run_status is RunStatus.FAILED
    assert server.requests[0].api_key == KEY
    assert KEY not in all_text(engine.path)
    assert KEY not in caplog.text
    drafted = await engine.hand_off(_DRAFT)
    server.script(*[fault] * 4)
    assert (await engine.settled(drafted.id)).run_status is RunStatus.FAILED
    assert KEY not in all_text(engine.path)


async def test_text_that_no_database_keeps_is_mended(engine: Engine, server: ModelServer) -> None:
    server.script(unstorable_text(), Reply(tool_calls=[Call("ask_user", '{"question": "a\\u0000b\\ud800c"}')]))
    done = await engine.settled((await engine.chat("hello")).id)
    assert done.result["text"] == "before  and \ufffd between \ufffd after"
    blocked = await engine.settled((await engine.chat("and?", session_id=done.session_id)).id)
    assert blocked.blocked["question"] == "ab\ufffdc"


async def test_a_provider_that_sends_no_usage_is_counted_and_marked(engine: Engine, server: ModelServer) -> None:
    server.script(Reply("Four words of text.", sends_usage=False))
    done = await engine.settled((await engine.chat("hello")).id)
    assert done.totals.estimated_count == 1
    assert done.totals.output_tokens > 0
    assert done.totals.cost_nanos > 0


async def test_an_answer_cut_at_its_output_limit_fails_and_retry_goes_on(engine: Engine, server: ModelServer) -> None:
    server.script(Reply("Once upon a", finish_reason="length"), Reply("time."))
    failed = await engine.settled((await engine.chat("tell")).id)
    assert (failed.run_status, failed.reason) == (RunStatus.FAILED, Reason.OUTPUT_LIMIT)
    await engine.retry(failed)
    done = await engine.settled(failed.id, frozenset({RunStatus.DONE}))
    assert done.result["text"] == "time."
    assert server.requests[1].messages[-1]["content"] == "Once upon a"


async def test_an_answer_stopped_by_the_providers_filter_is_not_done(engine: Engine, server: ModelServer) -> None:
    server.script(Reply("I would", finish_reason="content_filter"))
    failed = await engine.settled((await engine.chat("tell")).id)
    assert (failed.run_status, failed.reason) == (RunStatus.FAILED, Reason.MODEL_ERROR)
    assert (await engine.events(failed.id))[-1].details["kind"] == "content_filter"


async def test_a_run_ends_when_its_time_is_over_and_the_call_is_billed(start: Start, server: ModelServer) -> None:
    engine = await start(Options(limits=Limits(first_token_seconds=30, idle_seconds=30)))
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", Rules(max_seconds=1), None, caller=ADMIN)
    for fault in (Silence(), Broken(Break.HANG)):
        server.script(fault)
        failed = await engine.settled((await engine.chat("hello")).id, seconds=5)
        assert (failed.run_status, failed.reason) == (RunStatus.FAILED, Reason.TIMED_OUT)
        assert failed.totals.estimated_count == 1
        assert failed.totals.cost_nanos > 0


async def test_a_wait_that_outlasts_the_run_ends_with_it(engine: Engine, server: ModelServer) -> None:
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", Rules(max_seconds=1), None, caller=ADMIN)
    server.script(rate_limited(30))
    failed = await engine.settled((await engine.chat("hello")).id, seconds=5)
    assert (failed.reason, failed.totals.cost_nanos) == (Reason.TIMED_OUT, 0)
    assert len(server.requests) == 1


async def test_a_model_that_policy_forbids_is_never_asked(engine: Engine, server: ModelServer) -> None:
    rules = Rules(allowed_models=frozenset({"other/*"}))
    await engine.write(governance.put_layer, LayerName.PROJECT, "p", rules, None, caller=ADMIN)
    run = await engine.hand_off(_IN_PROJECT)
    await engine.confirm(run)
    failed = await engine.settled(run.id, frozenset({RunStatus.FAILED}))
    assert failed.reason is Reason.POLICY_DENIED
    details = (await engine.events(run.id))[-1].details
    assert (details["field"], details["layer"]) == ("allowed_models", "project")
    assert not server.requests


async def test_a_run_makes_no_more_calls_than_it_may(engine: Engine, server: ModelServer) -> None:
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", Rules(max_steps=2), None, caller=ADMIN)
    server.script(*[Reply(tool_calls=[Call("calculator", {"expression": "1+1"})])] * 2)
    failed = await engine.settled((await engine.chat("hello")).id)
    assert (failed.reason, failed.steps_taken) == (Reason.STEP_LIMIT, 2)
    assert len(server.requests) == 2
    assert not server.unscripted
