"""Asking the rules about a call, and trying a draft of them on runs that were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jsonschema

from oneliner.app.ports import Scope
from oneliner.domain.message import ToolCall, ToolCallState

if TYPE_CHECKING:
    import httpx

    from oneliner.app.ports import Transaction
    from tests.support.front import Front

LAYERS = "/v2/oneliner/governance/layers"
EXPLAIN = "/v2/oneliner/governance/explain"
SIMULATE = "/v2/oneliner/governance/simulate"
LONG = {"at": "/expression", "op": "like", "value": "*+*"}
RULES = {"tools": {"rules": [{"tool": "calculator", "verdict": "deny", "when": [LONG], "note": "no sums"}]}}


def fits(front: Front, answer: httpx.Response, path: str) -> Any:
    """The answer's JSON, which is as described."""
    assert answer.status_code == 200, answer.text
    description = front.app.openapi()
    schema = description["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(answer.json(), {**schema, "components": description["components"]})
    return answer.json()


async def test_the_rules_say_whether_a_call_is_allowed_and_why(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await admin.put(f"{LAYERS}/system", json={"rules": RULES})
    mine = {"tools": {"rules": [{"tool": "*", "executor": "main", "verdict": "ask"}]}}
    await ann.put(f"{LAYERS}/user", json={"scope": "ann", "rules": mine})
    asked = {"tool": "calculator", "arguments": {"expression": "1+1"}}
    told = fits(front, await ann.post(EXPLAIN, json=asked), EXPLAIN)
    assert (told["verdict"], told["decided_by"]["layer"]) == ("deny", "system")
    assert told["decided_by"]["rule"]["note"] == "no sums"
    assert [c["layer"] for c in told["considered"]] == ["system", "user"]
    other = {**asked, "arguments": {"expression": "2*2"}}
    assert fits(front, await ann.post(EXPLAIN, json=other), EXPLAIN)["verdict"] == "ask"
    helper = {**other, "executor": "researcher"}
    told = fits(front, await ann.post(EXPLAIN, json=helper), EXPLAIN)
    assert (told["verdict"], told["decided_by"], told["considered"]) == ("allow", None, [])
    # Defaults are filled in, as a run would.
    told = fits(front, await ann.post(EXPLAIN, json={"tool": "current_time"}), EXPLAIN)
    assert told["arguments"] == {"time_zone": "UTC"}


async def test_a_call_that_could_not_be_made_is_no_question_for_the_rules(ann: httpx.AsyncClient) -> None:
    unknown = await ann.post(EXPLAIN, json={"tool": "nobody"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    wrong = await ann.post(EXPLAIN, json={"tool": "calculator", "arguments": {"expresion": "1"}})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid")
    other = await ann.post(EXPLAIN, json={"tool": "calculator", "arguments": {"expression": "1"}, "user_id": "bob"})
    assert other.status_code == 403


async def ran(front: Front, client: httpx.AsyncClient, *expressions: str) -> str:
    """A run of *client* that has calculated; its id."""
    run_id = (await client.post("/v1/agent/runs", json={"message": "calculate"})).json()["run_id"]

    def calculated(tx: Transaction) -> None:
        run = tx.runs.get(run_id, Scope(None))
        for n, expression in enumerate(expressions):
            call_id = tx.new_id()
            arguments = f'{{"expression": "{expression}"}}'
            tx.tool_calls.add(
                ToolCall(
                    id=call_id,
                    run_id=run.id,
                    message_id="",
                    call_id=f"c{n}",
                    name="calculator",
                    arguments=arguments,
                    state=ToolCallState.DONE,
                    idempotency_key=call_id,
                    repeatable=True,
                    attempts=1,
                    result="",
                    started_at=None,
                    finished_at=None,
                    reads=True,
                )
            )

    await front.database.write(calculated)
    return run_id


async def test_a_draft_tells_what_it_would_have_stopped(
    front: Front, ann: httpx.AsyncClient, bob: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    sums = await ran(front, ann, "1+1", "2*2")
    await ran(front, ann, "3*3")
    his = await ran(front, bob, "5+5")
    draft = {"layer": "system", "rules": RULES}
    told = fits(front, await admin.post(SIMULATE, json=draft), SIMULATE)
    assert (told["runs_checked"], told["runs_denied"], told["runs_asked"]) == (3, 2, 0)
    assert {r["run_id"] for r in told["runs"]} == {sums, his}
    (finding,) = next(r for r in told["runs"] if r["run_id"] == sums)["findings"]
    assert (finding["field"], finding["what"], finding["verdict"], finding["layer"]) == (
        "tools",
        "calculator",
        "deny",
        "system",
    )
    calls = await front.database.read(lambda tx: tx.tool_calls.of_run(sums))
    assert finding["tool_call_id"] == calls[0].id

    mine = {"layer": "user", "scope": "ann", "rules": {"max_tool_calls": 1}}
    told = fits(front, await ann.post(SIMULATE, json=mine), SIMULATE)
    assert (told["runs_checked"], told["runs_denied"]) == (2, 1)
    assert [(f["field"], f["what"]) for f in told["runs"][0]["findings"]] == [("max_tool_calls", "2")]

    asking = {"layer": "user", "scope": "bob", "rules": {"tools": {"rules": [{"tool": "*", "verdict": "ask"}]}}}
    told = fits(front, await bob.post(SIMULATE, json=asking), SIMULATE)
    assert (told["runs_checked"], told["runs_denied"], told["runs_asked"]) == (1, 0, 1)


async def test_a_draft_changes_nothing_and_finds_nothing_where_the_rules_said_so_already(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    await admin.put(f"{LAYERS}/system", json={"rules": RULES})
    before = (await ann.get("/v2/oneliner/governance")).json()
    await ran(front, ann, "1+1")
    told = fits(front, await admin.post(SIMULATE, json={"layer": "system", "rules": RULES}), SIMULATE)
    assert (told["runs_checked"], told["runs"]) == (1, [])
    assert (await ann.get("/v2/oneliner/governance")).json() == before


async def test_a_member_tries_his_own_layer_alone(ann: httpx.AsyncClient) -> None:
    for layer, scope in (("system", ""), ("project", "p"), ("user", "bob"), ("admin_override", "user:ann")):
        answer = await ann.post(SIMULATE, json={"layer": layer, "scope": scope, "rules": {}})
        assert answer.status_code == 403


async def test_a_run_says_before_its_confirmation_what_the_rules_make_of_each_tool(
    ann: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    asks = [{"tool": "current_*", "verdict": "ask", "note": "what time"}, *RULES["tools"]["rules"]]
    await admin.put(f"{LAYERS}/system", json={"rules": {"tools": {"rules": asks}}})
    task = {"title": "t", "source_screen": "s", "source_action_key": "k", "plan_request": {}}
    run_id = (await ann.post("/v2/oneliner/runs", json=task)).json()["id"]
    listed = (await ann.get(f"/v2/oneliner/runs/{run_id}/tools")).json()["items"]
    tools = {one["tool"]: one for one in listed}
    assert (tools["current_time"]["least"], tools["current_time"]["most"]) == ("ask", "ask")
    assert [by["rule"]["note"] for by in tools["current_time"]["said_by"]] == ["what time"]
    assert (tools["calculator"]["least"], tools["calculator"]["most"]) == ("allow", "deny")
