"""Every route, by everybody: nobody, a bad token, another user, the owner, an administrator.

The table has a row for each route of the application; a route without one fails the suite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from fastapi.routing import APIRoute

from oneliner.app.sign_in import hashed
from oneliner.domain.run import Trigger
from tests.support.front import HANDOFF, Front

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import httpx


@dataclass(frozen=True)
class Row:
    """What each caller is answered. *is_open*: no token is asked for. *given* is the state of the run it is about."""

    other: int
    owner: int
    admin: int
    body: Mapping[str, object] | None = None
    query: str = ""
    given: str = ""
    is_open: bool = False


HIS_LAYER = {"scope": "ann", "rules": {"max_steps": 5}}
OVERRIDE = {"scope": "", "rules": {"max_steps": 9}, "notice": "a test", "expires_at": "2099-01-01T00:00:00Z"}
SCHEDULE = {"cron": "0 9 * * *", "timezone": "Europe/Berlin", "handoff": HANDOFF}
ROWS = {
    "POST /v1/agent/runs": Row(404, 202, 404, {"message": "hi", "session_id": "{session_id}"}),
    "GET /v1/agent/runs/{run_id}/events": Row(404, 200, 200, given="ended"),
    "POST /v1/agent/runs/{run_id}/resume": Row(404, 202, 202, {"answer": "yes"}, given="blocked"),
    "GET /v1/agent/sessions": Row(200, 200, 200),
    "GET /v1/agent/sessions/{session_id}": Row(404, 200, 200),
    "GET /v1/agent/sessions/{session_id}/messages": Row(404, 200, 200),
    "PATCH /v1/agent/sessions/{session_id}": Row(404, 200, 200, {"title": "Renamed"}),
    "DELETE /v1/agent/sessions/{session_id}": Row(404, 204, 204),
    "POST /v1/agent/sessions/{session_id}/restore": Row(403, 403, 200, given="deleted"),
    "POST /v1/auth/exchange": Row(200, 200, 200, {"code": "once"}, is_open=True),
    "POST /v2/oneliner/runs": Row(404, 200, 404, {**HANDOFF, "project_id": "p1", "session_id": "{session_id}"}),
    "GET /v2/oneliner/runs": Row(200, 200, 200),
    "GET /v2/oneliner/runs/{run_id}": Row(404, 200, 200),
    "GET /v2/oneliner/runs/{run_id}/events": Row(404, 200, 200),
    "GET /v2/oneliner/runs/{run_id}/messages": Row(404, 200, 200),
    "GET /v2/oneliner/runs/{run_id}/audit": Row(404, 200, 200),
    "GET /v2/oneliner/runs/{run_id}/documents": Row(404, 200, 200),
    "GET /v2/oneliner/runs/{run_id}/tools": Row(404, 200, 200),
    "POST /v2/oneliner/runs/{run_id}/confirm": Row(404, 200, 200, {"plan_rev": 1}),
    "POST /v2/oneliner/runs/{run_id}/cancel": Row(404, 200, 200, {"reason": "no"}),
    "POST /v2/oneliner/runs/{run_id}/resume": Row(404, 200, 200, {"answer": "yes"}, given="blocked"),
    "POST /v2/oneliner/runs/{run_id}/retry": Row(404, 200, 200, {"reason": "again"}, given="failed"),
    "POST /v2/oneliner/runs/{run_id}/plan/revise": Row(404, 200, 200, {"instruction": "shorter"}),
    "PATCH /v2/oneliner/runs/{run_id}/plan": Row(404, 200, 200, {"plan_rev": 1, "goal": "else"}),
    # An endless stream: refused callers are looked at here, the rest in test_streams.
    "GET /v2/oneliner/stream": Row(0, 0, 0),
    "GET /v2/oneliner/governance": Row(200, 200, 200),
    "PUT /v2/oneliner/governance/layers/{layer}": Row(403, 200, 200, HIS_LAYER),
    "PUT /v2/oneliner/governance/override": Row(403, 403, 200, OVERRIDE),
    "DELETE /v2/oneliner/governance/override": Row(403, 403, 404),
    "POST /v2/oneliner/governance/explain": Row(403, 200, 200, {"tool": "current_time", "user_id": "ann"}),
    "POST /v2/oneliner/governance/simulate": Row(403, 200, 200, {"layer": "user", "scope": "ann", "rules": {}}),
    "GET /v2/oneliner/governance/history": Row(403, 200, 200, query="layer=user&scope=ann"),
    "GET /v2/oneliner/governance/diff": Row(403, 200, 200, query="layer=user&scope=ann"),
    "POST /v2/oneliner/governance/layers/{layer}/restore": Row(403, 404, 404, {"scope": "ann", "version": 1}),
    "GET /v2/oneliner/runs/{run_id}/governance/diff": Row(404, 200, 200),
    "GET /v2/oneliner/governance/approvals": Row(403, 200, 200, query="user_id=ann"),
    "DELETE /v2/oneliner/governance/approvals/{approval_id}": Row(403, 404, 404, query="user_id=ann"),
    "GET /v2/oneliner/executors": Row(200, 200, 200),
    "GET /v2/oneliner/mcp/servers": Row(403, 403, 200),
    "PUT /v2/oneliner/mcp/servers/{name}": Row(403, 403, 200, {"url": "https://mcp.example.com/mcp"}),
    "DELETE /v2/oneliner/mcp/servers/{name}": Row(403, 403, 404),
    "GET /v2/oneliner/mcp/servers/{name}/tools": Row(403, 403, 404),
    "GET /v2/oneliner/usage": Row(403, 403, 200, query="group_by=user"),
    "POST /v2/oneliner/schedules": Row(200, 200, 200, SCHEDULE),
    "GET /v2/oneliner/schedules": Row(200, 200, 200),
    "GET /v2/oneliner/schedules/{schedule_id}": Row(404, 200, 200),
    "GET /v2/oneliner/schedules/{schedule_id}/fires": Row(404, 200, 200),
    "POST /v2/oneliner/schedules/{schedule_id}/pause": Row(404, 200, 200),
    "POST /v2/oneliner/schedules/{schedule_id}/resume": Row(404, 200, 200),
    "GET /v2/oneliner/due-times": Row(200, 200, 200, query="cron=0+9+*+*+*"),
    "PUT /v2/oneliner/schedules/{schedule_id}": Row(404, 200, 403, SCHEDULE),
    "DELETE /v2/oneliner/schedules/{schedule_id}": Row(404, 204, 204),
    "GET /v2/oneliner/documents": Row(200, 200, 200),
    "PUT /v2/oneliner/documents": Row(200, 200, 200, {"project_id": "p1", "path": "a.md", "content": "x"}),
    "GET /v2/oneliner/documents/search": Row(200, 200, 200, query="q=strategy&project_id=p1"),
    "GET /v2/oneliner/documents/{document_id}": Row(404, 200, 200),
    "GET /v2/oneliner/documents/{document_id}/versions": Row(404, 200, 200),
    "GET /v1/agent/sessions/{session_id}/export": Row(404, 200, 200),
    # The user is bob, "other" here.
    "GET /v2/oneliner/users/{user_id}/export": Row(200, 404, 200),
    "DELETE /v2/oneliner/users/{user_id}": Row(403, 403, 200),
    "POST /v2/oneliner/webhooks": Row(403, 403, 200, {"url": "https://app.example.com/hook", "project_id": "p1"}),
    "GET /v2/oneliner/webhooks": Row(403, 403, 200),
    "GET /v2/oneliner/webhooks/{webhook_id}": Row(403, 403, 200),
    "PATCH /v2/oneliner/webhooks/{webhook_id}": Row(403, 403, 200, {"enabled": False}),
    "DELETE /v2/oneliner/webhooks/{webhook_id}": Row(403, 403, 204),
    "POST /v2/oneliner/webhooks/{webhook_id}/rotate": Row(403, 403, 200),
    "POST /v2/oneliner/webhooks/{webhook_id}/test": Row(403, 403, 200),
    "GET /v2/oneliner/webhooks/{webhook_id}/deliveries": Row(403, 403, 200),
    "GET /v2/oneliner/webhooks/{webhook_id}/deliveries/{delivery_id}": Row(403, 403, 200),
    "POST /v2/oneliner/webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver": Row(403, 403, 200),
    "GET /v2/oneliner/retention": Row(403, 403, 200),
    "PUT /v2/oneliner/retention": Row(403, 403, 200, {"project_id": "p1", "keep_days": 30}),
    "DELETE /v2/oneliner/retention": Row(403, 403, 404, query="project_id=p1"),
    "GET /v2/oneliner/system": Row(403, 403, 200),
    "GET /v2/oneliner/audit": Row(403, 403, 200),
    "GET /v2/oneliner/me": Row(200, 200, 200),
    # Each has views of his own, so nobody finds one of that name.
    "GET /v2/oneliner/views": Row(200, 200, 200),
    "PUT /v2/oneliner/views": Row(200, 200, 200, {"name": "Failed", "query": "status=failed"}),
    "DELETE /v2/oneliner/views": Row(404, 404, 404, query="name=Failed"),
    "GET /v2/oneliner/users": Row(403, 403, 200),
    "PUT /v2/oneliner/users/{user_id}/status": Row(403, 403, 200, {"status": "approved"}),
    "GET /": Row(200, 200, 200, is_open=True),
    "GET /embed.js": Row(200, 200, 200, is_open=True),
    "GET /static/{name:path}": Row(200, 200, 200, is_open=True),
    "HEAD /static/{name:path}": Row(200, 200, 200, is_open=True),
    "GET /docs": Row(200, 200, 200, is_open=True),
    "GET /docs/reference.css": Row(200, 200, 200, is_open=True),
    "GET /problems/{code}": Row(307, 307, 307, is_open=True),
    "GET /healthz": Row(200, 200, 200, is_open=True),
    "GET /readyz": Row(200, 200, 200, is_open=True),
    # From this machine; from others in test_metrics.
    "GET /metrics": Row(200, 200, 200, is_open=True),
    "GET /openapi.json": Row(200, 200, 200, is_open=True),
}
CALLERS = ("nobody", "bad token", "other", "owner", "admin")
_NOT_TRIED = 0


def test_every_route_has_a_row(front: Front) -> None:
    routes = {
        f"{method} {route.path}"
        for route in front.app.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert routes | {"GET /openapi.json"} == set(ROWS)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("route", ROWS)
async def test_who_may(front: Front, route: str, caller: str) -> None:
    row = ROWS[route]
    expected = {
        "nobody": row.owner if row.is_open else 401,
        "bad token": row.owner if row.is_open else 401,
        "other": row.other,
        "owner": row.owner,
        "admin": row.admin,
    }[caller]
    if expected == _NOT_TRIED:
        return
    places = await _prepare(front, row.given)
    method, template = route.split()
    path = template.replace("{name:path}", "favicon.svg").format(**places) + (f"?{row.query}" if row.query else "")
    async with _client(front, caller) as client:
        answer = await client.request(method, path, json=_filled(row.body, places))
    assert answer.status_code == expected, answer.text
    if expected == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.json()["detail"] == "a valid bearer token is needed"
    if expected == 404:
        assert answer.json()["code"] == "not_found"


async def test_an_unknown_id_is_answered_as_a_foreign_one(front: Front, bob: httpx.AsyncClient) -> None:
    places = await _prepare(front, "")
    unknown = "01890000-0000-7000-8000-000000000000"
    for template in ("/v2/oneliner/runs/{run_id}", "/v1/agent/sessions/{session_id}"):
        foreign = template.format(**places)
        missing = template.format(run_id=unknown, session_id=unknown)
        given = [(await bob.get(path)).json() for path in (foreign, missing)]
        for told in given:
            told.pop("key")
            told.pop("detail")
            told.pop("request_id")
        assert given[0] == given[1]


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic YW5uOmFubg==", "Bearer a.b.c", "Bearer " + "x" * 9_000, "bearer \x7f"],
)
async def test_whatever_is_wrong_with_a_token_the_answer_is_the_same(front: Front, header: str) -> None:
    async with front.client() as client:
        sent = {"Authorization": header, "X-Request-Id": "the-same"}
        answer = await client.get("/v2/oneliner/me", headers=sent)
    assert answer.status_code == 401
    assert answer.json() == {
        "request_id": "the-same",
        "type": "/problems/unauthenticated",
        "title": "A valid bearer token is needed",
        "status": 401,
        "detail": "a valid bearer token is needed",
        "code": "unauthenticated",
    }


async def test_a_token_that_names_projects_works_in_those_alone(front: Front) -> None:
    async with front.client("ann", projects=["p1"]) as client:
        assert (await client.post("/v2/oneliner/runs", json=HANDOFF)).status_code == 200
        for refused in (
            await client.post("/v2/oneliner/runs", json={**HANDOFF, "project_id": "p2"}),
            await client.post("/v1/agent/runs", json={"message": "hi", "project_id": "p2"}),
            await client.put("/v2/oneliner/documents", json={"project_id": "p2", "path": "a", "content": ""}),
            await client.get("/v2/oneliner/governance?project_id=p2"),
        ):
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


async def test_a_new_user_waits_for_approval_when_that_is_configured(tmp_path: Path) -> None:
    front = Front(tmp_path / "strict.db", approve_new_users=False)
    async with front.client("ann") as ann, front.client("root", admin=True) as admin:
        for refused in (await ann.get("/v2/oneliner/me"), await ann.post("/v1/agent/runs", json={"message": "hi"})):
            assert (refused.status_code, refused.json()["code"]) == (403, "user_not_approved")
            assert refused.json()["user_status"] == "pending"
        assert [u["status"] for u in (await admin.get("/v2/oneliner/users")).json()["items"]] == ["pending"]
        await admin.put("/v2/oneliner/users/ann/status", json={"status": "approved"})
        assert (await ann.post("/v1/agent/runs", json={"message": "hi"})).status_code == 202
        await admin.put("/v2/oneliner/users/ann/status", json={"status": "suspended"})
        assert (await ann.get("/v2/oneliner/runs")).json()["user_status"] == "suspended"
        assert (await admin.put("/v2/oneliner/users/nobody/status", json={"status": "approved"})).status_code == 404
    await front.close()


def _client(front: Front, caller: str) -> httpx.AsyncClient:
    match caller:
        case "nobody":
            return front.client()
        case "bad token":
            return front.client(headers={"Authorization": "Bearer not.a.token"})
        case "other":
            return front.client("bob")
        case "owner":
            return front.client("ann")
        case _:
            return front.client("root", admin=True)


async def _prepare(front: Front, given: str) -> dict[str, str]:
    """Things that belong to ann; their ids by the names of path parameters."""
    async with front.client("ann") as ann:
        run = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()
        document = {"project_id": "p1", "path": "strategy.md", "content": "# Strategy"}
        document_id = (await ann.put("/v2/oneliner/documents", json=document)).json()["id"]
        schedule_id = (await ann.post("/v2/oneliner/schedules", json=SCHEDULE)).json()["id"]
        path = f"/v2/oneliner/runs/{run['id']}"
        if given in {"blocked", "failed"}:
            await ann.post(f"{path}/confirm")
            await front.claim(run["id"])
        if given == "blocked":
            asked = {"kind": "question", "call_id": "", "question": "sure?", "schema": {"type": "string"}}
            await front.move(run["id"], Trigger.BLOCK, reason="needs_answer", blocked=asked, needs_user_input=True)
        elif given == "failed":
            await front.move(run["id"], Trigger.FAIL, reason="model_error")
        elif given == "ended":
            await ann.post(f"{path}/cancel")
        elif given == "deleted":
            await ann.delete(f"/v1/agent/sessions/{run['session_id']}")
    async with front.client("bob") as bob:
        await bob.put("/v2/oneliner/documents", json={"path": "mine.md", "content": ""})
    async with front.client("root", admin=True) as root:
        hook = {"url": "https://app.example.com/hook", "project_id": None}
        webhook_id = (await root.post("/v2/oneliner/webhooks", json=hook)).json()["id"]
        delivery_id = (await root.post(f"/v2/oneliner/webhooks/{webhook_id}/test")).json()["id"]
    await front.database.write(
        lambda tx: tx.sign_in_codes.add(hashed("once"), "ann", "member", 60_000),
    )
    return {
        "run_id": run["id"],
        "session_id": run["session_id"],
        "document_id": document_id,
        "schedule_id": schedule_id,
        "webhook_id": webhook_id,
        "delivery_id": delivery_id,
        "layer": "user",
        "user_id": "bob",
        "approval_id": "0123456789abcdef-pay",
        "code": "not_found",
        "name": "tickets",
    }


def _filled(body: Mapping[str, object] | None, places: Mapping[str, str]) -> dict[str, object] | None:
    if body is None:
        return None
    return {k: v.format(**places) if isinstance(v, str) and v.startswith("{") else v for k, v in body.items()}


@pytest.mark.parametrize("path", ["/v2/oneliner/runs", "/v1/agent/sessions"])
async def test_an_administrator_can_ask_for_his_own_alone(front: Front, path: str) -> None:
    async with front.client("ann") as ann, front.client("root", admin=True) as admin:
        for person in (ann, admin):
            assert (await person.post("/v2/oneliner/runs", json=HANDOFF)).status_code == 200
        assert len((await admin.get(path)).json()["items"]) == 2
        assert [row["user_id"] for row in (await admin.get(path, params={"mine": True})).json()["items"]] == ["root"]
        assert [row["user_id"] for row in (await ann.get(path, params={"mine": False})).json()["items"]] == ["ann"]
