"""What the audit log says about one run: who did what to it, to its session and to its rules, for whoever may see the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from oneliner.domain.run import Trigger
from tests.support.front import HANDOFF, Front

if TYPE_CHECKING:
    import httpx

OVERRIDE = {"scope": "", "rules": {"max_steps": 9}, "notice": "for the fair", "expires_at": "2099-01-01T00:00:00Z"}


async def lines(client: httpx.AsyncClient, run_id: str, query: str = "") -> list[dict[str, Any]]:
    answer = await client.get(f"/v2/oneliner/runs/{run_id}/audit?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def told(client: httpx.AsyncClient, run_id: str) -> list[tuple[str, str]]:
    return [(line["actor"], line["action"]) for line in await lines(client, run_id)]


async def handed_over(client: httpx.AsyncClient) -> dict[str, Any]:
    return (await client.post("/v2/oneliner/runs", json=HANDOFF)).json()


async def do(client: httpx.AsyncClient, run_id: str, move: str, **body: object) -> None:
    answer = await client.post(f"/v2/oneliner/runs/{run_id}/{move}", json=body)
    assert answer.status_code == 200, answer.text


async def test_everything_that_people_do_to_a_run_is_told_newest_first(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    run_id = (await handed_over(ann))["id"]
    assert await lines(ann, run_id) == []
    await ann.patch(f"/v2/oneliner/runs/{run_id}/plan", json={"plan_rev": 1, "goal": "a secret goal"})
    await do(ann, run_id, "confirm", plan_rev=2, reason="a secret reason")
    await front.claim(run_id)
    await front.move(run_id, Trigger.FAIL, reason="model_error")
    await do(admin, run_id, "retry", reason="once more")
    await do(admin, run_id, "cancel", reason="enough")
    assert await told(ann, run_id) == [
        ("root", "run.cancelled"),
        ("root", "run.retried"),
        ("ann", "run.confirmed"),
        ("ann", "run.plan_edited"),
    ]
    found = await lines(ann, run_id)
    assert found == await lines(admin, run_id)
    assert [line["details"] for line in found] == [
        {"owner": "ann", "code": "user_cancelled"},
        {"owner": "ann", "code": "model_error"},
        {"owner": "ann", "plan_rev": 2},
        {"owner": "ann", "plan_rev": 2},
    ]
    assert "secret" not in json.dumps(found)


async def test_asking_for_another_plan_and_what_was_refused(ann: httpx.AsyncClient) -> None:
    run_id = (await handed_over(ann))["id"]
    assert (await ann.post(f"/v2/oneliner/runs/{run_id}/confirm", json={"plan_rev": 7})).status_code == 409
    assert await told(ann, run_id) == []
    await do(ann, run_id, "plan/revise", instruction="shorter, in secret")
    (line,) = await lines(ann, run_id)
    assert (line["action"], line["details"]) == ("run.revision_requested", {"owner": "ann", "plan_rev": 1})


async def test_the_same_request_sent_twice_is_told_once(ann: httpx.AsyncClient) -> None:
    run_id = (await handed_over(ann))["id"]
    for _ in range(2):
        headers = {"Idempotency-Key": "the-same"}
        answer = await ann.post(f"/v2/oneliner/runs/{run_id}/cancel", json={}, headers=headers)
        assert answer.status_code == 200
    assert await told(ann, run_id) == [("ann", "run.cancelled")]


async def test_a_stranger_is_answered_as_if_there_were_no_such_run(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    run_id = (await handed_over(ann))["id"]
    assert (await bob.get(f"/v2/oneliner/runs/{run_id}/audit")).status_code == 404
    assert (await admin.get(f"/v2/oneliner/runs/{run_id}/audit")).status_code == 200
    # To read the whole log stays an administrator's.
    assert (await ann.get("/v2/oneliner/audit")).status_code == 403


async def test_people_go_by_their_names(front: Front, admin: httpx.AsyncClient) -> None:
    token = front.tokens.issue("ann", name="Ann Alder")
    async with front.client(headers={"Authorization": f"Bearer {token}"}) as ann:
        run_id = (await handed_over(ann))["id"]
        await do(ann, run_id, "cancel")
        (line,) = await lines(admin, run_id)
    assert (line["actor"], line["actor_name"]) == ("ann", "Ann Alder")
    (logged,) = (await admin.get(f"/v2/oneliner/audit?target_id={run_id}")).json()["items"]
    assert logged == line


async def test_what_was_done_to_its_session_belongs_to_a_run(ann: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    other = await handed_over(ann)
    run = await handed_over(ann)
    assert (await ann.get(f"/v1/agent/sessions/{run['session_id']}/export")).status_code == 200
    assert (await ann.get("/v2/oneliner/users/ann/export")).status_code == 200
    await ann.delete(f"/v1/agent/sessions/{run['session_id']}")
    assert (await ann.get(f"/v2/oneliner/runs/{run['id']}/audit")).status_code == 404
    await admin.post(f"/v1/agent/sessions/{run['session_id']}/restore")
    found = await lines(ann, run["id"])
    assert [(line["actor"], line["action"]) for line in found] == [
        ("root", "session.restored"),
        ("ann", "session.deleted"),
        ("ann", "run.cancelled"),
        ("ann", "user.exported"),
        ("ann", "session.exported"),
    ]
    assert found[2]["details"]["code"] == "session_deleted"
    assert await told(ann, other["id"]) == [("ann", "user.exported")]


async def test_rules_that_are_set_while_a_run_has_not_ended_belong_to_it(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    async def ruled(layer: str, scope: str) -> None:
        body = {"scope": scope, "rules": {"max_steps": 5}}
        assert (await admin.put(f"/v2/oneliner/governance/layers/{layer}", json=body)).status_code == 200

    await ruled("project", "p1")
    run_id = (await handed_over(ann))["id"]
    other_id = (await handed_over(bob))["id"]
    for layer, scope in (("system", ""), ("platform", "douyin"), ("project", "p1"), ("user", "ann")):
        await ruled(layer, scope)
    await ruled("project", "p2")
    await admin.put("/v2/oneliner/governance/override", json=OVERRIDE)
    await do(ann, run_id, "cancel")
    await ruled("project", "p1")
    found = await lines(ann, run_id)
    assert [(line["action"], line["target_id"]) for line in found] == [
        ("run.cancelled", run_id),
        ("policy.override_set", "admin_override:"),
        ("policy.layer_set", "user:ann"),
        ("policy.layer_set", "project:p1"),
        ("policy.layer_set", "platform:douyin"),
        ("policy.layer_set", "system:"),
    ]
    # Which version, and not what it says or why.
    assert found[1]["details"]["version"] == 1
    assert "fair" not in json.dumps(found)
    assert "user:ann" not in [line["target_id"] for line in await lines(bob, other_id)]


async def test_it_is_read_in_pages_that_leave_nothing_out(ann: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    run_id = (await handed_over(ann))["id"]
    for n in range(4):
        await ann.patch(f"/v2/oneliner/runs/{run_id}/plan", json={"plan_rev": n + 1, "goal": f"goal {n}"})
        await admin.put("/v2/oneliner/governance/layers/user", json={"scope": "ann", "rules": {"max_steps": n + 1}})
    whole = await lines(ann, run_id)
    assert [line["action"] for line in whole] == ["policy.layer_set", "run.plan_edited"] * 4
    paged: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        before = f"&before={cursor}" if cursor else ""
        answer = (await ann.get(f"/v2/oneliner/runs/{run_id}/audit?limit=3{before}")).json()
        paged += answer["items"]
        cursor = answer["next_cursor"]
    assert paged == whole
