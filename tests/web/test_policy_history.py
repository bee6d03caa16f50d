"""What the rules were: their history with differences, bringing a version back, a run's promise against now, and the
approvals that stand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema

from oneliner.app import governance
from oneliner.domain.policy import LayerName, Rules
from oneliner.domain.tool_rules import RuleBook, Saying, ToolRule, Verdict
from tests.support.front import HANDOFF

if TYPE_CHECKING:
    import httpx

    from tests.support.front import Front

BASE = "/v2/oneliner/governance"
ASKS = {"tool": "pay", "verdict": "ask", "when": [{"at": "/amount", "op": "gt", "value": 100}], "note": "much money"}


def fits(front: Front, answer: httpx.Response, path: str, method: str = "get") -> Any:
    """The answer's JSON, which is as described."""
    assert answer.status_code == 200, answer.text
    description = front.app.openapi()
    schema = description["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": description["components"]})
    return answer.json()


async def put(person: httpx.AsyncClient, rules: dict[str, Any], layer: str = "system", scope: str = "") -> None:
    answer = await person.put(f"{BASE}/layers/{layer}", json={"scope": scope, "rules": rules})
    assert answer.status_code == 200, answer.text


async def test_the_history_says_what_each_version_changed(front: Front, admin: httpx.AsyncClient) -> None:
    await put(admin, {"max_steps": 20})
    await put(admin, {"max_steps": 30, "tools": {"rules": [ASKS]}}, "project", "p1")
    await put(admin, {"max_steps": 30, "allowed_models": ["openai/*"]})
    items = fits(front, await admin.get(f"{BASE}/history"), f"{BASE}/history")["items"]
    told = [[(c["field"], c["direction"]) for c in item["changes"]] for item in items]
    assert told == [
        [("allowed_models", "tighter"), ("max_steps", "looser")],
        [("max_steps", "tighter"), ("tools", "tighter")],
        [("max_steps", "tighter")],
    ]
    assert (items[0]["changes"][1]["before"], items[0]["changes"][1]["after"]) == (20, 30)
    # Also where the version before is on the next page.
    first = (await admin.get(f"{BASE}/history", params={"limit": 1})).json()["items"][0]
    assert first == items[0]


async def test_two_versions_are_compared(front: Front, admin: httpx.AsyncClient, ann: httpx.AsyncClient) -> None:
    for steps in (20, 30, 20):
        await put(admin, {"max_steps": steps}, "project", "p1")
    where = {"layer": "project", "scope": "p1"}
    told = fits(front, await admin.get(f"{BASE}/diff", params={**where, "since": 1}), f"{BASE}/diff")
    assert (told["until"], told["changes"]) == (3, [])
    told = (await admin.get(f"{BASE}/diff", params={**where, "since": 2, "until": 3})).json()
    assert [c["direction"] for c in told["changes"]] == ["tighter"]
    assert (await admin.get(f"{BASE}/diff", params={**where, "until": 9})).status_code == 404
    assert (await ann.get(f"{BASE}/diff", params=where)).status_code == 403


async def test_an_older_version_is_brought_back_as_the_newest(
    front: Front, admin: httpx.AsyncClient, ann: httpx.AsyncClient
) -> None:
    await put(admin, {"max_steps": 20}, "project", "p1")
    await put(admin, {"max_steps": 30}, "project", "p1")
    path = f"{BASE}/layers/project/restore"
    back = {"scope": "p1", "version": 1, "seen_version": 2}
    assert (await ann.post(path, json=back)).status_code == 403
    assert (await admin.post(path, json={**back, "seen_version": 1})).status_code == 409
    assert (await admin.post(path, json={**back, "version": 7})).status_code == 404
    told = fits(front, await admin.post(path, json=back), f"{BASE}/layers/{{layer}}/restore", "post")
    assert (told["version"], told["rules"]) == (3, {"max_steps": 20})
    logged = (await admin.get("/v2/oneliner/audit", params={"action": "policy.layer_restored"})).json()["items"]
    assert [(e["target_id"], e["details"]) for e in logged] == [("project:p1", {"version": 3, "restores": 1})]


async def test_an_override_is_not_restored(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(f"{BASE}/layers/admin_override/restore", json={"version": 1})
    assert (answer.status_code, answer.json()["field"]) == (422, "layer")


async def test_a_run_is_compared_with_what_holds_now(
    front: Front, admin: httpx.AsyncClient, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await put(admin, {"max_steps": 20}, "project", "p1")
    run = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()
    path = f"/v2/oneliner/runs/{run['id']}/governance/diff"
    described = "/v2/oneliner/runs/{run_id}/governance/diff"
    assert fits(front, await ann.get(path), described)["changes"] == []
    await put(admin, {"max_steps": 50}, "project", "p1")
    await put(ann, {"tools": {"rules": [ASKS]}}, "user", "ann")
    told = fits(front, await ann.get(path), described)
    assert [(c["field"], c["direction"], c["decided_by_before"], c["decided_by_after"]) for c in told["changes"]] == [
        ("max_steps", "looser", "project", "system"),
        ("tools", "tighter", "system", "user"),
    ]
    assert told["changes"][1]["added"][0]["layer"] == "user"
    assert [(la["layer"], la["version_then"], la["version_now"]) for la in told["layers"]] == [
        ("system", 0, 0),
        ("project", 1, 2),
        ("user", None, 1),
    ]
    assert (await bob.get(path)).status_code == 404


async def test_what_a_handoff_asks_for_itself_is_no_difference(front: Front, ann: httpx.AsyncClient) -> None:
    asks = {**HANDOFF, "plan_request": {"goal": "g", "steps": ["one"], "ask_before": ["write_document"]}}
    run = (await ann.post("/v2/oneliner/runs", json=asks)).json()
    told = (await ann.get(f"/v2/oneliner/runs/{run['id']}/governance/diff")).json()
    assert told["changes"] == []
    assert [la["layer"] for la in told["layers"]] == ["system"]
    key = Saying("user", Verdict.ASK, ToolRule("write_document", Verdict.ASK)).key
    await front.database.write(lambda tx: governance.approve_always(tx, "ann", "write_document", [key], "ann"))
    (given,) = (await ann.get(f"{BASE}/approvals")).json()["items"]
    assert given["asked_by"]["rule"]["note"] == "asked for when the work was handed off"


async def test_a_standing_approval_is_told_in_words_and_can_be_taken_back(
    front: Front, admin: httpx.AsyncClient, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    await put(admin, {"tools": {"rules": [ASKS]}})
    system = (await admin.get(f"{BASE}")).json()["layers"][0]["rules"]["tools"]["rules"][0]
    assert system["note"] == "much money"
    stored = await front.database.read(lambda tx: tx.policies.get(LayerName.SYSTEM, ""))
    assert stored is not None
    assert stored.rules.tools is not None
    key = Saying("system", Verdict.ASK, stored.rules.tools.rules[0]).key
    gone = Saying("system", Verdict.ASK, ToolRule("post", Verdict.ASK)).key
    await front.database.write(lambda tx: governance.approve_always(tx, "ann", "pay", [key], "ann"))
    await front.database.write(lambda tx: governance.approve_always(tx, "ann", "post", [gone], "root"))
    path = f"{BASE}/approvals"
    told = fits(front, await ann.get(path), path)["items"]
    assert [(a["tool"], a["given_by"], a["asked_by"] is None) for a in told] == [
        ("pay", "ann", False),
        ("post", "root", True),
    ]
    assert told[0]["words"] == (
        "calls of 'pay' that the system layer's rule for 'pay' where /amount gt 100 (much money) asks for"
    )
    assert told[0]["asked_by"]["rule"]["when"] == ASKS["when"]
    one = f"{path}/{told[0]['id']}"
    assert (await bob.delete(one)).status_code == 404
    assert (await bob.delete(one, params={"user_id": "ann"})).status_code == 403
    assert (await ann.delete(one)).status_code == 204
    assert (await ann.delete(one)).status_code == 404
    assert [a["tool"] for a in (await admin.get(path, params={"user_id": "ann"})).json()["items"]] == ["post"]
    logged = (await admin.get("/v2/oneliner/audit", params={"target_id": "user:ann"})).json()["items"]
    assert [(e["actor"], e["action"]) for e in logged] == [
        ("ann", "approval.revoked"),
        ("root", "approval.given"),
        ("ann", "approval.given"),
    ]


async def test_restoring_rules_gives_no_approval_back(front: Front, ann: httpx.AsyncClient) -> None:
    key = Saying("user", Verdict.ASK, ToolRule("pay", Verdict.ASK)).key
    await front.database.write(
        lambda tx: tx.policies.put(
            LayerName.USER, "ann", Rules(tools=RuleBook((ToolRule("pay", Verdict.ASK),))), "ann", "", None
        )
    )
    await front.database.write(lambda tx: governance.approve_always(tx, "ann", "pay", [key], "ann"))
    (given,) = (await ann.get(f"{BASE}/approvals")).json()["items"]
    await ann.delete(f"{BASE}/approvals/{given['id']}")
    told = (await ann.post(f"{BASE}/layers/user/restore", json={"scope": "ann", "version": 2})).json()
    assert (told["version"], "approvals" in told["rules"]) == (4, False)
    assert told["rules"]["tools"]["rules"][0]["tool"] == "pay"
