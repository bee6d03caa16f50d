"""What is made of what was seen: each planted flaw is named, and a healthy loop has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneliner.terminal.doctor import judging

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES = ("run.created", "run.queued", "run.started", "message.completed", "run.completed")
EVENTS: list[dict[str, Any]] = [{"seq": n, "type": t} for n, t in enumerate(TYPES, 1)]
MESSAGES: list[dict[str, Any]] = [
    {
        "run_id": "r",
        "role": "user",
        "state": "complete",
        "content": "hi",
        "input_tokens": 0,
        "output_tokens": 0,
        "cost": "0.000000",
    },
    {
        "run_id": "r",
        "role": "assistant",
        "state": "complete",
        "content": "ready",
        "input_tokens": 7,
        "output_tokens": 3,
        "cost": "0.000013",
    },
]
SESSION: dict[str, Any] = {"total_tokens": 10, "total_cost": "0.000013", "message_count": 2}
RUN: dict[str, Any] = {"run_status": "done", "reason": "", "result": {}}


def test_a_healthy_loop_has_no_fault() -> None:
    assert judging.of_run(RUN, 5, has_broker=False) is None
    assert judging.of_events(EVENTS) is None
    assert judging.of_rows(MESSAGES, "r", "hi") is None
    assert judging.of_totals(SESSION, MESSAGES) is None
    assert judging.of_deletion({"session": 404, "run": 404}) is None
    assert judging.of_readiness({"database": "ok"}) is None


@pytest.mark.parametrize(
    ("events", "cause"),
    [
        ([], "told no events"),
        ([EVENTS[0], *EVENTS[2:]], "came as 1, 3, 4, 5 instead of"),
        ([*EVENTS[:2], EVENTS[1], *EVENTS[2:]], "came as 1, 2, 2, 3"),
        (EVENTS[::-1], "came as 5, 4, 3"),
        (EVENTS[:4], "no run.completed"),
        ([*EVENTS[:3], {"seq": 4, "type": "run.completed"}], "no message.completed"),
        ([*EVENTS, {"seq": 6, "type": "run.cancelled"}], "ended at run.cancelled"),
    ],
)
def test_a_flaw_in_the_history_is_named(events: list[dict[str, Any]], cause: str) -> None:
    fault = judging.of_events(events)
    assert fault
    assert cause in fault.cause


@pytest.mark.parametrize(
    ("change", "stage", "cause"),
    [
        ({"run_status": "queued"}, "worker", "no worker takes runs"),
        ({"run_status": "running"}, "model", "still at work after 5 seconds"),
        ({"run_status": "needs_confirmation"}, "", "wants chats confirmed"),
        ({"run_status": "blocked", "reason": "needs_answer"}, "", "waits for a person (needs_answer)"),
        ({"run_status": "failed", "reason": "worker_lost"}, "worker", "workers that took the run died"),
        ({"run_status": "failed", "reason": "policy_denied"}, "auth", "a policy forbids the run"),
        (
            {"run_status": "failed", "reason": "internal_error", "result": {"error": "boom"}},
            "",
            "(internal_error): boom",
        ),
    ],
)
def test_a_run_that_is_not_done_says_whose_fault_it_is(change: dict[str, Any], stage: str, cause: str) -> None:
    fault = judging.of_run({**RUN, **change}, 5, has_broker=True)
    assert fault
    assert fault.stage == stage
    assert cause in fault.cause
    assert fault.next


@pytest.mark.parametrize(
    ("kind", "cause"),
    [("unauthorized", "does not accept the key"), ("rejected", "refuses the request"), ("new", "no usable answer")],
)
def test_a_failure_of_the_model_is_the_models(kind: str, cause: str) -> None:
    fault = judging.of_model_failure(kind, "what it said")
    assert (fault.stage, cause in fault.cause, "what it said" in fault.cause) == ("model", True, True)


@pytest.mark.parametrize(
    ("look", "cause"),
    [
        (lambda: judging.of_rows([], "r", "hi"), "message that was sent is not in the session"),
        (lambda: judging.of_rows(MESSAGES[:1], "r", "hi"), "the answer is not in the session"),
        (
            lambda: judging.of_rows([MESSAGES[0], {**MESSAGES[1], "output_tokens": 0}], "r", "hi"),
            "no tokens on its bill",
        ),
        (
            lambda: judging.of_totals({**SESSION, "total_tokens": 11}, MESSAGES),
            "says 11 tokens, its messages sum up to 10",
        ),
        (lambda: judging.of_totals({**SESSION, "total_cost": "0.000014"}, MESSAGES), "says a cost of 0.000014"),
        (lambda: judging.of_totals({**SESSION, "total_cost": None}, MESSAGES), "cost is unknown although"),
        (lambda: judging.of_totals({**SESSION, "message_count": 3}, MESSAGES), "counts 3 messages and holds 2"),
        (lambda: judging.of_deletion({"session": 404, "messages": 200}), "its messages can still be read"),
        (lambda: judging.of_readiness({"database": "is away"}), "the server's database is not well: is away"),
        (lambda: judging.of_readiness({"storage": "the disk is full"}), "the server's storage is not well: the disk"),
        (
            lambda: judging.of_readiness({"worker": "no worker takes runs"}),
            "the server's worker is not well: no worker",
        ),
        (lambda: judging.of_refusal(401, "unauthenticated", "no"), "does not accept the token"),
        (lambda: judging.of_refusal(403, "user_not_approved", "waits for approval"), "waits for approval"),
        (lambda: judging.of_refusal(500, "internal_error", "broke"), "refuses with status 500: broke"),
    ],
)
def test_every_other_flaw_is_named_with_what_to_do(look: Callable[[], judging.Fault | None], cause: str) -> None:
    fault = look()
    assert fault
    assert cause in fault.cause
    assert fault.next
