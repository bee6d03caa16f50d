"""Who can carry out work, over HTTP: the list, and choosing one for a run."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from oneliner.domain.executor import Executor, Roster
from tests.support.front import HANDOFF, Front

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

RESEARCHER = Executor(name="researcher", description="finds things out", tools=("current_*",), max_steps=5)
WRITER = Executor(name="writer", model="openai/gpt-5-mini", delegates_to=("researcher",))
FUNCTION = Executor(name="function")
UNKNOWN_DETAIL = "there is no executor 'wizard'; there are: main, researcher, writer, function"


@pytest.fixture
async def ann(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    roster = Roster([RESEARCHER, WRITER, FUNCTION], frozenset({"function"}))
    async with AsyncExitStack() as stack:
        front = Front(tmp_path / "front.db", roster=roster)
        stack.push_async_callback(front.close)
        yield await stack.enter_async_context(front.client("ann"))


async def test_the_list_says_who_there_is_and_with_what(ann: httpx.AsyncClient) -> None:
    items = (await ann.get("/v2/oneliner/executors")).json()["items"]
    assert [(one["name"], one["kind"]) for one in items] == [
        ("main", "main"),
        ("researcher", "agent"),
        ("writer", "agent"),
        ("function", "function"),
    ]
    main, researcher, writer, _ = items
    assert main["delegates_to"] == ["researcher", "writer", "function"]
    assert {"calculator", "current_time"} <= set(main["tools"])
    assert researcher == {
        "name": "researcher",
        "description": "finds things out",
        "kind": "agent",
        "model": main["model"],
        "fallbacks": [],
        "tools": ["current_time"],
        "delegates_to": [],
        "max_steps": 5,
        "max_tool_calls": None,
        "max_output_tokens": None,
    }
    assert (writer["model"], writer["delegates_to"]) == ("openai/gpt-5-mini", ["researcher"])


async def test_a_run_has_the_executor_that_was_chosen(ann: httpx.AsyncClient) -> None:
    handed = (await ann.post("/v2/oneliner/runs", json={**HANDOFF, "executor": "researcher"})).json()
    assert handed["executor"] == "researcher"
    chat = (await ann.post("/v1/agent/runs", json={"message": "hello", "executor": "writer"})).json()
    assert (await ann.get(f"/v2/oneliner/runs/{chat['run_id']}")).json()["executor"] == "writer"
    plain = (await ann.post("/v1/agent/runs", json={"message": "hello"})).json()
    assert (await ann.get(f"/v2/oneliner/runs/{plain['run_id']}")).json()["executor"] == "main"


async def test_an_unknown_executor_is_refused_with_the_names_there_are(ann: httpx.AsyncClient) -> None:
    asked = {
        "/v1/agent/runs": {"message": "hello", "executor": "wizard"},
        "/v2/oneliner/runs": {**HANDOFF, "executor": "wizard"},
        "/v2/oneliner/schedules": {"cron": "0 9 * * *", "handoff": {**HANDOFF, "executor": "wizard"}},
    }
    for route, body in asked.items():
        answer = await ann.post(route, json=body)
        assert (answer.status_code, answer.json()["detail"]) == (422, UNKNOWN_DETAIL), route
        assert answer.json()["known"] == ["main", "researcher", "writer", "function"]


async def test_whom_the_rules_deny_nobody_chooses(ann: httpx.AsyncClient) -> None:
    rule = {"tool": "delegate", "verdict": "deny", "when": [{"at": "/executor", "op": "eq", "value": "writer"}]}
    body = {"scope": "ann", "rules": {"tools": {"rules": [rule]}}}
    assert (await ann.put("/v2/oneliner/governance/layers/user", json=body)).status_code == 200
    for route, given in (("/v1/agent/runs", {"message": "hello"}), ("/v2/oneliner/runs", HANDOFF)):
        answer = await ann.post(route, json={**given, "executor": "writer"})
        assert (answer.status_code, answer.json()["code"]) == (403, "policy_denied"), answer.text
        assert (await ann.post(route, json={**given, "executor": "researcher"})).status_code in {200, 202}
