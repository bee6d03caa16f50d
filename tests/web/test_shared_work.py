"""Documents, rules, users and the bill through the front door."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oneliner.app import bills
from oneliner.app.journal import EVERYTHING
from oneliner.app.sign_in import hashed
from oneliner.domain.message import MessageState, Purpose
from oneliner.domain.usage import Price, Usage
from tests.support.front import HANDOFF

if TYPE_CHECKING:
    import httpx

    from oneliner.app.ports import Transaction
    from tests.support.front import Front

DOCUMENTS = "/v2/oneliner/documents"
LAYERS = "/v2/oneliner/governance/layers"
OVERRIDE = "/v2/oneliner/governance/override"


async def test_a_document_keeps_every_version(ann: httpx.AsyncClient) -> None:
    written = {"project_id": "p1", "path": "strategy/2026.md", "content": "# Plan\none", "seen_version": 0}
    first = (await ann.put(DOCUMENTS, json=written)).json()
    assert (first["version"], first["title"]) == (1, "Plan")
    second = (await ann.put(DOCUMENTS, json={**written, "content": "# Plan\ntwo", "seen_version": 1})).json()
    assert (second["id"], second["version"]) == (first["id"], 2)
    newest = (await ann.get(f"{DOCUMENTS}/{first['id']}")).json()
    assert (newest["content"], newest["content_version"], newest["author"]) == ("# Plan\ntwo", 2, "ann")
    old = (await ann.get(f"{DOCUMENTS}/{first['id']}", params={"version": 1})).json()
    assert (old["content"], old["content_version"], old["version"]) == ("# Plan\none", 1, 2)
    versions = (await ann.get(f"{DOCUMENTS}/{first['id']}/versions")).json()["items"]
    assert [(v["version"], v["chars"]) for v in versions] == [(2, 10), (1, 10)]
    assert (await ann.get(f"{DOCUMENTS}/{first['id']}", params={"version": 3})).status_code == 404


async def test_who_has_not_seen_the_newest_version_writes_nothing(ann: httpx.AsyncClient) -> None:
    written = {"path": "a.md", "content": "one"}
    await ann.put(DOCUMENTS, json=written)
    for seen in (0, 2):
        late = await ann.put(DOCUMENTS, json={**written, "seen_version": seen})
        assert (late.status_code, late.json()["code"], late.json()["version"]) == (409, "version_changed", 1)


async def test_documents_are_listed_by_path_and_searched(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    for name in ("c", "a", "b"):
        await ann.put(DOCUMENTS, json={"project_id": "p1", "path": f"{name}.md", "content": f"about {name} 100%"})
    params = {"project_id": "p1", "limit": "2"}
    first = (await ann.get(DOCUMENTS, params=params)).json()
    rest = (await ann.get(DOCUMENTS, params={**params, "before": first["next_cursor"]})).json()
    assert [d["path"] for d in first["items"] + rest["items"]] == ["a.md", "b.md", "c.md"]
    hits = (await ann.get(f"{DOCUMENTS}/search", params={"project_id": "p1", "q": "ABOUT b"})).json()["items"]
    assert [(h["path"], h["excerpt"]) for h in hits] == [("b.md", "about b 100%")]
    assert (await ann.get(f"{DOCUMENTS}/search", params={"q": "about"})).json()["items"] == []
    assert (await bob.get(f"{DOCUMENTS}/search", params={"project_id": "p1", "q": "about"})).json()["items"] == []


@pytest.mark.parametrize("path", ["", " ", "/a", "a//b", "../a", "a/../b", "x" * 201, "a\nb"])
async def test_an_odd_document_path_is_refused(ann: httpx.AsyncClient, path: str) -> None:
    answer = await ann.put(DOCUMENTS, json={"path": path, "content": ""})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_the_strictest_layer_wins_and_is_named(ann: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    await admin.put(f"{LAYERS}/project", json={"scope": "p1", "rules": {"max_steps": 7}})
    await ann.put(f"{LAYERS}/user", json={"scope": "ann", "rules": {"max_steps": 20, "confirmation": "always"}})
    told = (await ann.get("/v2/oneliner/governance", params={"project_id": "p1"})).json()
    steps = told["effective_policy"]["max_steps"]
    assert (steps["value"], steps["decided_by"]) == (7, "project")
    assert {"layer": "user", "value": 20} in steps["others"]
    assert {la["layer"]: la["updated_by"] for la in told["layers"]} == {"system": "", "project": "root", "user": "ann"}
    waits = await ann.post("/v1/agent/runs", json={"message": "hi"})
    assert waits.json()["run_status"] == "needs_confirmation"


async def test_a_layer_is_written_over_the_version_that_was_read(admin: httpx.AsyncClient) -> None:
    body = {"scope": "p1", "rules": {"max_steps": 7}, "seen_version": 0}
    assert (await admin.put(f"{LAYERS}/project", json=body)).json()["version"] == 1
    late = await admin.put(f"{LAYERS}/project", json=body)
    assert (late.status_code, late.json()["code"], late.json()["version"]) == (409, "version_changed", 1)


async def test_an_override_is_told_to_those_it_touches_and_ends(
    ann: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    body = {"scope": "project:p1", "rules": {"max_steps": 90}, "notice": "release week", "expires_at": "2099-01-01"}
    await admin.put(OVERRIDE, json=body)
    run = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()
    assert run["governance_snapshot"]["effective_policy"]["max_steps"]["value"] == 90
    assert run["active_admin_override_notice"] == {
        "notice": "release week",
        "expires_at": "2099-01-01T00:00:00.000Z",
        "set_by": "root",
    }
    await admin.delete(OVERRIDE, params={"scope": "project:p1"})
    assert (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()["active_admin_override_notice"] is None
    history = (await admin.get("/v2/oneliner/governance/history")).json()["items"]
    assert [v["version"] for v in history] == [2, 1]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"expires_at": "2001-01-01"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
        ({"scope": "somebody"}, "scope"),
        ({"rules": {"max_steps": 0}}, ""),
        ({"rules": {"allowed_models": ["has space"]}}, "allowed_models"),
        ({"notice": " "}, "notice"),
    ],
)
async def test_an_odd_override_is_refused(admin: httpx.AsyncClient, change: dict[str, object], field: str) -> None:
    body = {"rules": {"max_steps": 90}, "notice": "release week", "expires_at": "2099-01-01", **change}
    answer = await admin.put(OVERRIDE, json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert not field or answer.json()["field"] == field


async def test_a_sign_in_code_works_once(front: Front) -> None:
    await front.database.write(lambda tx: tx.sign_in_codes.add(hashed("a-code"), "local", "admin", 60_000))
    async with front.client() as nobody:
        signed_in = await nobody.post("/v1/auth/exchange", json={"code": "a-code"})
        assert signed_in.headers["cache-control"] == "no-store"
        token = signed_in.json()["token"]
        me = (await nobody.get("/v2/oneliner/me", headers={"Authorization": f"Bearer {token}"})).json()
        assert (me["user"]["id"], me["role"], me["demo"]) == ("local", "admin", True)
        for code in ("a-code", "another", "\U0001f511"):
            again = await nobody.post("/v1/auth/exchange", json={"code": code})
            assert (again.status_code, again.json()["code"]) == (401, "unauthenticated")


async def test_the_bill_adds_up_by_whatever_it_is_asked_for(
    front: Front, ann: httpx.AsyncClient, bob: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    for client in (ann, ann, bob):
        told = (await client.post("/v1/agent/runs", json={"message": "hi", "project_id": "p1"})).json()
        await front.database.write(lambda tx, run_id=told["run_id"]: _charge(tx, run_id))
    for group_by, lines in (("day", 1), ("project", 1), ("session", 2), ("model", 1), ("run", 2)):
        bill = (await ann.get("/v2/oneliner/usage", params={"group_by": group_by})).json()
        assert len(bill["items"]) == lines
        assert sum(line["total_tokens"] for line in bill["items"]) == 2 * 1_500
        assert sum(line["message_count"] for line in bill["items"]) == 2
    day = (await ann.get("/v2/oneliner/usage")).json()["items"][0]
    assert day["key"] == (await ann.get("/v2/oneliner/me")).json()["user"]["created_at"][:10]
    assert day["cost"] == "0.004000"
    session_id = (await ann.get("/v1/agent/sessions")).json()["items"][0]["id"]
    session = (await ann.get(f"/v1/agent/sessions/{session_id}")).json()
    assert (session["total_tokens"], session["total_cost"]) == (1_500, "0.002000")
    by_user = (await admin.get("/v2/oneliner/usage", params={"group_by": "user"})).json()["items"]
    assert {line["key"]: line["cost"] for line in by_user} == {"ann": "0.004000", "bob": "0.002000"}
    assert (await ann.get("/v2/oneliner/usage", params={"project_id": "p2"})).json()["items"] == []
    backwards = await ann.get("/v2/oneliner/usage", params={"since": "2026-02-01", "until": "2026-01-01"})
    assert backwards.status_code == 422


def _charge(tx: Transaction, run_id: str) -> None:
    run = tx.runs.get(run_id, EVERYTHING)
    price = Price(1_000_000, 2_000_000, 0, "tests")
    message = bills.begin(
        tx, run, executor="main", model="test/model", price=price, purpose=Purpose.ANSWER, estimated_input=1
    )
    bills.settle(tx, run, message.id, MessageState.COMPLETE, "hello", (), Usage(1_000, 500), price, None)
