"""Exports: all that is kept of a session or a user, as lines of JSON or to read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from oneliner.app import export
from oneliner.domain.errors import Unavailable
from tests.support.front import HANDOFF, Front, served

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.app.ports import Transaction

MANY = 2 * export.PAGE + 3


async def session_of(ann: httpx.AsyncClient, messages: int = 1) -> str:
    session = (await ann.post("/v1/agent/runs", json={"message": "first words"})).json()["session_id"]
    for n in range(1, messages):
        await ann.post("/v1/agent/runs", json={"message": f"words {n}", "session_id": session})
    return session


async def exported(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/jsonl"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert lines[-1] == {"kind": "end", "lines": len(lines) - 1}
    return lines[:-1]


async def test_a_session_is_exported_with_all_it_holds_in_order(ann: httpx.AsyncClient) -> None:
    session = await session_of(ann, MANY)
    lines = await exported(ann, f"/v1/agent/sessions/{session}/export")
    assert lines[0] == {"kind": "session", **(await ann.get(f"/v1/agent/sessions/{session}")).json()}
    assert [m["position"] for m in lines if m["kind"] == "message"] == list(range(1, MANY + 1))
    for n, line in enumerate(lines):
        if line["kind"] == "message":
            told_before = [before["id"] for before in lines[:n] if before["kind"] == "run"]
            assert line["run_id"] == told_before[-1]
    runs = [line["id"] for line in lines if line["kind"] == "run"]
    assert len(set(runs)) == MANY
    events = (await ann.get(f"/v2/oneliner/runs/{runs[0]}/events")).json()["items"]
    assert [{"kind": "event", **e} for e in events] == [
        line for line in lines if line["kind"] == "event" and line["run_id"] == runs[0]
    ]


async def test_a_run_with_many_events_is_exported_whole(ann: httpx.AsyncClient) -> None:
    run = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()
    for n in range(MANY):
        await ann.patch(f"/v2/oneliner/runs/{run['id']}/plan", json={"plan_rev": n + 1, "goal": f"goal {n}"})
    lines = await exported(ann, f"/v1/agent/sessions/{run['session_id']}/export")
    assert [line["seq"] for line in lines if line["kind"] == "event"] == list(range(1, MANY + 2))


async def test_a_user_is_exported_with_documents_rules_and_views(front: Front, ann: httpx.AsyncClient) -> None:
    sessions = [await session_of(ann), await session_of(ann)]
    deleted = await session_of(ann)
    await ann.delete(f"/v1/agent/sessions/{deleted}")
    for text in ("# One", "# Two"):
        await ann.put("/v2/oneliner/documents", json={"project_id": "p1", "path": "a.md", "content": text})
    await ann.put("/v2/oneliner/governance/layers/user", json={"scope": "ann", "rules": {"max_steps": 5}})
    await ann.put("/v2/oneliner/views", json={"name": "Failed", "query": "status=failed"})
    async with front.client("bob") as bob:
        await bob.put("/v2/oneliner/views", json={"name": "Of bob", "query": "mine=true"})
        await session_of(bob)
    lines = await exported(ann, "/v2/oneliner/users/ann/export")
    assert (lines[0]["kind"], lines[0]["id"]) == ("user", "ann")
    assert [line["rules"] for line in lines if line["kind"] == "layer"] == [{"max_steps": 5}]
    assert [line["content"] for line in lines if line["kind"] == "document_version"] == ["# One", "# Two"]
    assert [line["name"] for line in lines if line["kind"] == "view"] == ["Failed"]
    assert [line["id"] for line in lines if line["kind"] == "session"] == sessions[::-1]


async def test_an_export_to_read_holds_what_was_said_and_cannot_be_broken_by_it(ann: httpx.AsyncClient) -> None:
    run = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()
    answer = await ann.get(f"/v1/agent/sessions/{run['session_id']}/export?format=markdown")
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert f'filename="session-{run["session_id"]}.md"' in answer.headers["content-disposition"]
    for said in (HANDOFF["title"], *HANDOFF["plan_request"]["steps"], "**User**"):
        assert said in answer.text
    await ann.put("/v2/oneliner/documents", json={"path": "a.md", "content": "```\ncode\n```"})
    text = (await ann.get("/v2/oneliner/users/ann/export?format=markdown")).text
    assert "````\n```\ncode\n```\n````" in text


async def test_exports_are_recorded(front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    session = await session_of(ann)
    await ann.get(f"/v1/agent/sessions/{session}/export")
    await admin.get("/v2/oneliner/users/ann/export")
    async with front.client("bob") as bob:
        assert (await bob.get("/v2/oneliner/users/ann/export")).status_code == 404
        assert (await bob.get(f"/v1/agent/sessions/{session}/export")).status_code == 404
    entries = (await admin.get("/v2/oneliner/audit")).json()["items"]
    assert [(e["actor"], e["action"], e["target_id"]) for e in entries] == [
        ("root", "user.exported", "ann"),
        ("ann", "session.exported", session),
    ]


async def test_half_an_export_does_not_look_like_one(
    front: Front, ann: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await session_of(ann, MANY)
    read: Callable[..., Any] = front.database.read
    reads: list[object] = []

    async def fails_later(work: Callable[[Transaction], object]) -> object:
        reads.append(work)
        if len(reads) > 10:
            raise Unavailable("gone", retry_after_seconds=1)
        return await read(work)

    monkeypatch.setattr(front.database, "read", fails_later)
    async with served(front) as url, front.client("ann", base_url=url) as client:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.get(f"/v1/agent/sessions/{session}/export")
