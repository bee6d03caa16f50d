"""The life of a run through a real engine: every arrow of the table, with the events it writes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.support.engine import ALICE, BOB, TASK

from oneliner.app import governance, run_views, runs, session_deletion, sessions
from oneliner.app.ports import Page, RunFilter
from oneliner.domain.errors import IllegalMove, Invalid, NotFound, PlanChanged
from oneliner.domain.policy import Confirmation, LayerName, Rules
from oneliner.domain.run import ENDED, Reason, RunStatus
from oneliner.domain.user import Authority, Caller
from oneliner.testing import Call, Held, Reply, server_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.engine import Engine

    from oneliner.domain.run import Run
    from oneliner.testing import ModelServer

ADMIN = Caller("root", Authority.ADMIN)
NEEDS_CONFIRMATION = frozenset({RunStatus.NEEDS_CONFIRMATION})
FAILED = frozenset({RunStatus.FAILED})
PROPOSAL = Reply(tool_calls=[Call("propose_plan", {"goal": "Ship it", "steps": ["look", "leap"]})])
QUESTION = Reply(
    tool_calls=[
        Call(
            "ask_user",
            {
                "question": "Which colour?",
                "schema": {
                    "type": "object",
                    "properties": {"colour": {"enum": ["red", "blue"]}},
                    "required": ["colour"],
                },
            },
        )
    ]
)


def drafted() -> runs.Handoff:
    return runs.Handoff("a task", "home", "button", goal="do it", draft=True)


def planned(*steps: str) -> runs.Handoff:
    return runs.Handoff("a task", "home", "button", goal="do it", steps=steps)


async def blocked(engine: Engine, server: ModelServer) -> Run:
    server.script(QUESTION)
    run = await engine.chat("paint it")
    return await engine.settled(run.id)


async def test_a_chat_is_queued_started_and_completed(engine: Engine, server: ModelServer) -> None:
    server.script(Reply("Hello.", usage=(100, 7, 40)))
    run = await engine.chat("hi\nthere")
    assert (run.run_status, run.title, run.source_type) == (RunStatus.QUEUED, "hi", "chat")
    done = await engine.settled(run.id)
    assert (done.run_status, done.reason, done.result["text"]) == (RunStatus.DONE, Reason.NONE, "Hello.")
    assert await engine.types(run.id) == [
        "run.created",
        "run.queued",
        "run.started",
        "message.completed",
        "run.completed",
    ]
    assert (done.totals.input_tokens, done.totals.output_tokens, done.totals.cached_tokens) == (100, 7, 40)
    # 60 fresh at 1 USD a million, 40 cached at 0.1, 7 at 2.
    assert done.totals.cost_nanos == 60_000 + 4_000 + 14_000
    assert [(m.role, m.content) for m in await engine.messages(run.session_id)] == [
        ("user", "hi\nthere"),
        ("assistant", "Hello."),
    ]


async def test_a_policy_can_ask_for_confirmation_of_a_chat(engine: Engine, server: ModelServer) -> None:
    rules = Rules(confirmation=Confirmation.ALWAYS)
    await engine.write(governance.put_layer, LayerName.SYSTEM, "", rules, None, caller=ADMIN)
    run = await engine.chat("hi")
    assert run.run_status is RunStatus.NEEDS_CONFIRMATION
    server.script(Reply("Hello."))
    assert (await engine.confirm(run)).run_status is RunStatus.QUEUED
    assert (await engine.settled(run.id, ENDED)).run_status is RunStatus.DONE
    assert (await engine.types(run.id))[:4] == ["run.created", "run.confirmed", "run.queued", "run.started"]


async def test_a_handoff_waits_for_its_confirmation_and_reports_its_steps(engine: Engine, server: ModelServer) -> None:
    run = await engine.hand_off(planned("look", "leap"))
    assert run.run_status is RunStatus.NEEDS_CONFIRMATION
    server.script(
        Reply("Looked.", [Call("mark_step", {"step_id": "s1", "status": "done", "note": "clear"})]),
        Reply("Leapt.", [Call("mark_step", {"step_id": "s2", "status": "skipped"})]),
        Reply("All done."),
    )
    await engine.confirm(run, 1)
    done = await engine.settled(run.id, ENDED)
    assert done.run_status is RunStatus.DONE
    assert [(s.status, s.note) for s in done.plan.steps] == [("done", "clear"), ("skipped", "")]
    told = [t for t in await engine.types(run.id) if t.startswith("step.")]
    assert told == ["step.started", "step.completed", "step.started", "step.skipped"]
    assert not server.unscripted


async def test_a_draft_becomes_a_plan_to_confirm(engine: Engine, server: ModelServer) -> None:
    server.script(PROPOSAL)
    run = await engine.hand_off(drafted())
    assert run.run_status is RunStatus.DRAFTING
    run = await engine.settled(run.id)
    assert (run.run_status, run.plan.goal, run.plan.rev) == (RunStatus.NEEDS_CONFIRMATION, "Ship it", 2)
    assert [s.title for s in run.plan.steps] == ["look", "leap"]
    assert await engine.types(run.id) == ["run.created", "message.completed", "run.planned"]
    assert run.totals.tokens > 0
    server.script(
        Reply("Done.", [Call("mark_step", {"step_id": s.id, "status": "done"}) for s in run.plan.steps]), Reply(".")
    )
    await engine.confirm(run, 2)
    assert (await engine.settled(run.id, ENDED)).run_status is RunStatus.DONE


async def test_a_drafter_may_read_but_not_change_and_is_reminded_to_propose(
    engine: Engine, server: ModelServer
) -> None:
    server.script(
        Reply(
            tool_calls=[
                Call("calculator", {"expression": "6*7"}),
                Call("mark_step", {"step_id": "s1", "status": "done"}),
            ]
        ),
        Reply("I would look, then leap."),
        Reply(tool_calls=[Call("propose_plan", {"goal": "g", "steps": []})]),
        PROPOSAL,
    )
    run = await engine.settled((await engine.hand_off(drafted())).id)
    assert run.run_status is RunStatus.NEEDS_CONFIRMATION
    offered = {t.name for t in server.requests[0].tools}
    assert "propose_plan" in offered
    assert not offered & {"ask_user", "mark_step"}
    results = [m["content"] for m in server.requests[1].messages if m["role"] == "tool"]
    assert results[0] == "42"
    assert "denied" in str(results[1])
    assert "propose_plan" in server.requests[2].last_user_text
    assert not server.unscripted


async def test_a_draft_that_fails_is_drafted_again_by_retry(engine: Engine, server: ModelServer) -> None:
    server.script(server_error(400))
    run = await engine.settled((await engine.hand_off(drafted())).id)
    assert (run.run_status, run.reason) == (RunStatus.FAILED, Reason.MODEL_REFUSED)
    assert run.result["error"]
    server.script(PROPOSAL)
    again = await engine.retry(run)
    assert (again.run_status, again.reason, again.result) == (RunStatus.DRAFTING, Reason.NONE, {})
    assert (await engine.settled(run.id)).run_status is RunStatus.NEEDS_CONFIRMATION
    assert (await engine.types(run.id))[-3:] == ["run.retried", "message.completed", "run.planned"]


async def test_a_model_that_never_proposes_a_plan_fails_the_draft(engine: Engine, server: ModelServer) -> None:
    server.script(*[Reply("Let me think.")] * 8)
    run = await engine.settled((await engine.hand_off(drafted())).id)
    assert (run.run_status, run.reason) == (RunStatus.FAILED, Reason.PLAN_NOT_DRAFTED)
    assert not server.unscripted


async def test_a_plan_is_revised_in_words(engine: Engine, server: ModelServer) -> None:
    run = await engine.hand_off(planned("look", "leap"))
    server.script(PROPOSAL)
    with pytest.raises(PlanChanged):
        await engine.write(runs.revise, run.id, "shorter", 7)
    revised = await engine.write(runs.revise, run.id, "shorter, please", 1)
    assert (revised.run_status, revised.plan.rev) == (RunStatus.DRAFTING, 2)
    with pytest.raises(IllegalMove):
        await engine.confirm(run)
    run = await engine.settled(run.id)
    assert (run.plan.rev, [s.id for s in run.plan.steps]) == (3, ["s3", "s4"])
    assert "shorter, please" in server.requests[0].system_text
    assert "leap" in server.requests[0].system_text
    told = await engine.types(run.id)
    assert told == ["run.created", "run.revision_requested", "message.completed", "run.planned"]


async def test_a_plan_is_edited_until_it_is_confirmed(engine: Engine, server: ModelServer) -> None:
    run = await engine.hand_off(planned("look", "leap"))
    edited = await engine.write(
        runs.edit_plan, run.id, 1, "do it well", [("s2", "jump"), (None, "land"), ("s1", "look")]
    )
    assert [(s.id, s.title) for s in edited.plan.steps] == [("s2", "jump"), ("s3", "land"), ("s1", "look")]
    with pytest.raises(PlanChanged) as refused:
        await engine.write(runs.edit_plan, run.id, 1, None, [])
    assert refused.value.params["plan"] == (await engine.events(run.id))[-1].details["plan"]
    with pytest.raises(PlanChanged):
        await engine.confirm(run, 1)
    assert (await engine.get(run.id)).run_status is RunStatus.NEEDS_CONFIRMATION
    server.script(
        Reply("Done.", [Call("mark_step", {"step_id": s, "status": "done"}) for s in ("s1", "s2", "s3")]), Reply(".")
    )
    await engine.confirm(run, 2)
    with pytest.raises(IllegalMove):
        await engine.write(runs.edit_plan, run.id, 2, "later", None)
    await engine.settled(run.id, ENDED)
    assert (await engine.types(run.id)).count("run.plan_edited") == 1


async def test_a_question_blocks_and_only_a_fitting_answer_resumes(engine: Engine, server: ModelServer) -> None:
    run = await blocked(engine, server)
    assert (run.run_status, run.reason, run.needs_user_input) == (RunStatus.BLOCKED, Reason.NEEDS_ANSWER, True)
    assert (run.blocked["kind"], run.blocked["question"]) == ("question", "Which colour?")
    before = await engine.types(run.id)
    for wrong in ({"colour": "green"}, {}, "red", None):
        with pytest.raises(Invalid):
            await engine.resume(run, wrong)
    assert await engine.types(run.id) == before
    server.script(Reply("Painted."))
    resumed = await engine.resume(run, {"colour": "red"})
    assert (resumed.run_status, resumed.blocked, resumed.needs_user_input) == (RunStatus.QUEUED, {}, False)
    with pytest.raises(IllegalMove):
        await engine.resume(run, {"colour": "red"})
    assert (await engine.settled(run.id, ENDED)).result["text"] == "Painted."
    assert (await engine.types(run.id))[-5:] == [
        "run.resumed",
        "run.queued",
        "run.started",
        "message.completed",
        "run.completed",
    ]
    assert {"role": "tool", "content": '{"colour": "red"}'}.items() <= dict(server.requests[-1].messages[-1]).items()


async def test_two_questions_are_asked_one_after_the_other(engine: Engine, server: ModelServer) -> None:
    ask = [Call("ask_user", {"question": q}) for q in ("One?", "Two?")]
    server.script(Reply(tool_calls=[ask[0], Call("calculator", {"expression": "1+1"}), ask[1]]), Reply("Thanks."))
    run = await engine.settled((await engine.chat("ask me")).id)
    assert run.blocked["question"] == "One?"
    await engine.resume(run, {"answer": "1"})
    run = await engine.settled(run.id)
    assert run.blocked["question"] == "Two?"
    await engine.resume(run, {"answer": "2"})
    assert (await engine.settled(run.id, ENDED)).run_status is RunStatus.DONE
    results = [m["content"] for m in server.requests[-1].messages if m["role"] == "tool"]
    assert results == ['{"answer": "1"}', "2", '{"answer": "2"}']


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "nonsense"},
        {"$ref": "http://127.0.0.1:9/x"},
        {"properties": {"a": {"$dynamicRef": "http://127.0.0.1:9/x"}}},
        {"properties": {"a": {"pattern": "(a+)+$"}}},
        {"patternProperties": {"(a+)+$": {}}},
    ],
)
async def test_a_question_with_a_dangerous_form_is_refused_to_the_model(
    engine: Engine, server: ModelServer, schema: dict[str, object]
) -> None:
    server.script(Reply(tool_calls=[Call("ask_user", {"question": "?", "schema": schema})]), Reply("Never mind."))
    run = await engine.settled((await engine.chat("ask me")).id)
    assert run.run_status is RunStatus.DONE
    assert "schema" in str(server.requests[1].messages[-1]["content"])


async def test_a_retry_goes_on_from_the_last_checkpoint(engine: Engine, server: ModelServer) -> None:
    server.script(Reply("Let me see.", [Call("calculator", {"expression": "6*7"})]), server_error(400))
    run = await engine.settled((await engine.chat("6*7?")).id)
    assert (run.run_status, run.reason) == (RunStatus.FAILED, Reason.MODEL_REFUSED)
    server.script(Reply("42."))
    again = await engine.retry(run)
    assert (again.run_status, again.reason, again.finished_at) == (RunStatus.QUEUED, Reason.NONE, None)
    done = await engine.settled(run.id, frozenset({RunStatus.DONE}))
    assert done.result["text"] == "42."
    assert (await engine.types(run.id)).count("tool.started") == 1
    assert [m["role"] for m in server.requests[-1].messages] == ["system", "user", "assistant", "tool"]
    with pytest.raises(IllegalMove):
        await engine.retry(run)


async def test_a_run_is_cancelled_in_every_state_that_is_not_an_end(engine: Engine, server: ModelServer) -> None:
    never = asyncio.Event()
    drafting = Held(never, PROPOSAL)
    server.script(drafting, Held(never, Reply("Some words, and many more.", chunk_chars=5), after_chunks=2))
    in_draft = await engine.hand_off(drafted())
    await server.until(lambda: len(server.requests) == 1)
    running = await engine.chat("run")
    queued = await engine.chat("queue", session_id=running.session_id)
    waiting = await engine.hand_off(TASK)
    assert (await engine.until_writing(running.id)).startswith("Some ")
    asking = await blocked(engine, server)
    for run in (in_draft, queued, waiting, asking, running):
        cancelled = await engine.cancel(run)
        assert (cancelled.run_status, cancelled.reason) == (RunStatus.CANCELLED, Reason.USER_CANCELLED)
        assert (await engine.types(run.id))[-1] == "run.cancelled"
        with pytest.raises(IllegalMove):
            await engine.cancel(run)
    await server.until(lambda: server.bill()["aborted"] == 2)

    async def is_billed() -> bool:
        return not await engine.database.read(lambda tx: tx.messages.streaming(running.id))

    await engine.until(is_billed, running.id)
    (cut,) = [m for m in await engine.messages(running.session_id) if m.role == "assistant"]
    assert (cut.state, cut.content, cut.usage.estimated) == ("interrupted", "Some words", True)
    assert cut.cost_nanos
    assert (await engine.types(running.id))[-1] == "run.cancelled"


async def test_another_user_finds_nothing_and_moves_nothing(engine: Engine, server: ModelServer) -> None:
    run = await blocked(engine, server)
    attempts: tuple[tuple[Callable[..., object], tuple[object, ...]], ...] = (
        (run_views.get, (run.id,)),
        (runs.cancel, (run.id, "")),
        (runs.confirm, (run.id, None, "")),
        (runs.resume, (run.id, {"colour": "red"}, "")),
        (runs.retry, (run.id, "")),
        (runs.revise, (run.id, "x", None)),
        (runs.edit_plan, (run.id, 1, "x", None)),
        (run_views.events, (run.id, 0, 10)),
        (runs.start_chat, ("x", run.session_id)),
        (sessions.get, (run.session_id,)),
        (sessions.messages, (run.session_id, Page())),
        (session_deletion.delete, (run.session_id,)),
    )
    for use_case, arguments in attempts:
        with pytest.raises(NotFound):
            await engine.write(use_case, *arguments, caller=BOB)
    assert await engine.write(run_views.page, Page(), RunFilter(), caller=BOB) == []
    found = await engine.write(run_views.get, run.id, caller=ADMIN)
    assert found.id == run.id


async def test_deleting_a_session_cancels_and_hides_all_it_holds(engine: Engine, server: ModelServer) -> None:
    never = asyncio.Event()
    server.script(Held(never, Reply("A word, and more.", chunk_chars=3), after_chunks=2))
    run = await engine.chat("go")
    queued = await engine.chat("go on", session_id=run.session_id)
    await engine.until_writing(run.id)
    await engine.write(session_deletion.delete, run.session_id)
    for gone in (run, queued):
        assert (await engine.get(gone.id)).reason is Reason.SESSION_DELETED
        with pytest.raises(NotFound):
            await engine.write(run_views.get, gone.id)
    with pytest.raises(NotFound):
        await engine.write(session_deletion.delete, run.session_id)
    assert await engine.messages(run.session_id) == []
    await engine.write(sessions.restore, run.session_id, caller=ADMIN)
    assert (await engine.write(run_views.get, run.id)).run_status is RunStatus.CANCELLED
    assert len(await engine.messages(run.session_id)) == 3
    await server.until(lambda: server.bill()["aborted"] == 1)


async def test_nothing_said_is_refused(engine: Engine) -> None:
    for text in ("", "  \n", "x" * (runs.MAX_MESSAGE_CHARS + 1)):
        with pytest.raises(Invalid):
            await engine.chat(text)
    with pytest.raises(NotFound):
        await engine.chat("hi", session_id="00000000-0000-7000-8000-000000000000")
    assert await engine.write(sessions.page, Page(), None, None, caller=ALICE) == []
