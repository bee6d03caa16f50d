"""Who did what to which, and when: what is recorded, what is not, and who may read it."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from oneliner.app import sign_in
from oneliner.domain.run import Trigger
from oneliner.domain.user import Authority
from tests.support.front import HANDOFF, Front

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

AUDIT = "/v2/oneliner/audit"
NOTICE = "for the fair"
OVERRIDE = {"scope": "", "rules": {"max_steps": 9}, "notice": NOTICE, "expires_at": "2099-01-01T00:00:00Z"}


async def log(admin: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await admin.get(f"{AUDIT}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def told(admin: httpx.AsyncClient, query: str = "") -> list[tuple[str, str, str]]:
    return [(e["actor"], e["action"], e["target_id"]) for e in await log(admin, query)]


async def test_what_administrators_do_is_recorded(ann: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    begun = (await ann.post("/v1/agent/runs", json={"message": "hi"})).json()
    session = begun["session_id"]
    await admin.put("/v2/oneliner/governance/layers/project", json={"scope": "p1", "rules": {"max_steps": 5}})
    await admin.put("/v2/oneliner/governance/override", json=OVERRIDE)
    await admin.delete("/v2/oneliner/governance/override")
    await admin.put("/v2/oneliner/users/ann/status", json={"status": "suspended"})
    await admin.delete(f"/v1/agent/sessions/{session}")
    await admin.post(f"/v1/agent/sessions/{session}/restore")
    assert await told(admin) == [
        ("root", "session.restored", session),
        ("root", "session.deleted", session),
        ("root", "run.cancelled", begun["run_id"]),
        ("root", "user.status_set", "ann"),
        ("root", "policy.override_ended", "admin_override:"),
        ("root", "policy.override_set", "admin_override:"),
        ("root", "policy.layer_set", "project:p1"),
    ]
    entries = await log(admin)
    assert entries[3]["details"] == {"status": "suspended"}
    # Ids and figures; what a notice says is in the history of the layer.
    assert NOTICE not in json.dumps(entries)


async def test_who_confirms_and_answers_a_run_is_recorded_with_whose_it_is(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    for decider in (ann, admin):
        run = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()["id"]
        await decider.post(f"/v2/oneliner/runs/{run}/confirm", json={"plan_rev": 1})
        await front.claim(run)
        asked = {"kind": "question", "call_id": "", "question": "sure?", "schema": {"type": "string"}}
        await front.move(run, Trigger.BLOCK, reason="needs_answer", blocked=asked, needs_user_input=True)
        await decider.post(f"/v2/oneliner/runs/{run}/resume", json={"answer": "nightingale"})
        name = "ann" if decider is ann else "root"
        expected = [(name, "run.answered", run), (name, "run.confirmed", run)]
        assert await told(admin, f"target=run&target_id={run}") == expected
        assert {e["details"]["owner"] for e in await log(admin, f"target_id={run}")} == {"ann"}
        await ann.post(f"/v2/oneliner/runs/{run}/cancel")
    assert "nightingale" not in json.dumps(await log(admin))


async def test_what_was_refused_is_not_in_the_log(ann: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    await ann.put("/v2/oneliner/governance/override", json=OVERRIDE)
    await admin.put("/v2/oneliner/users/nobody/status", json={"status": "suspended"})
    seen = {"scope": "p1", "rules": {"max_steps": 5}, "seen_version": 4}
    await admin.put("/v2/oneliner/governance/layers/project", json=seen)
    assert await told(admin) == []


async def test_a_sign_in_link_is_recorded_when_it_is_made_and_when_it_is_used(
    front: Front, admin: httpx.AsyncClient
) -> None:
    await front.database.write(lambda tx: sign_in.allow(tx, "the code", "local", Authority.ADMIN, 60_000))
    async with front.client() as nobody:
        await nobody.post("/v1/auth/exchange", json={"code": "the code"})
    assert await told(admin) == [("local", "sign_in.link_used", "local"), ("", "sign_in.link_made", "local")]
    assert "the code" not in json.dumps(await log(admin))


async def test_the_log_is_read_in_pages_and_narrowed(admin: httpx.AsyncClient) -> None:
    for n in range(5):
        await admin.put("/v2/oneliner/governance/layers/project", json={"scope": f"p{n}", "rules": {}})
    await admin.put("/v2/oneliner/governance/layers/user", json={"scope": "root", "rules": {}})
    cursor, pages = "", []
    while cursor is not None:
        answer = (await admin.get(f"{AUDIT}?limit=4&{cursor}")).json()
        pages.append([e["target_id"] for e in answer["items"]])
        cursor = None if answer["next_cursor"] is None else f"before={answer['next_cursor']}"
    assert pages == [["user:root", "project:p4", "project:p3", "project:p2"], ["project:p1", "project:p0"]]
    assert [t for _, _, t in await told(admin, "target=layer&target_id=project:p3")] == ["project:p3"]
    assert len(await told(admin, "actor=root&action=policy.layer_set&since=2020-01-01")) == 6
    assert await told(admin, "actor=ann") == await told(admin, "until=2020-01-01") == []
    assert (await admin.get(f"{AUDIT}?action=odd")).status_code == 422


async def test_the_log_cannot_be_rewritten(admin: httpx.AsyncClient, tmp_path: Path) -> None:
    await admin.put("/v2/oneliner/governance/layers/project", json={"scope": "p", "rules": {}})
    with closing(sqlite3.connect(tmp_path / "front.db")) as connection:
        for change in ("UPDATE audit_log SET actor = 'ann'", "DELETE FROM audit_log"):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(change)
