from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneliner.domain.run import Trigger
from tests.support.front import HANDOFF

if TYPE_CHECKING:
    import httpx

    from tests.support.front import Front

UNKNOWN = "01890000-0000-7000-8000-000000000000"


async def test_a_first_chat_creates_its_session(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/v1/agent/runs", json={"message": "hello"})
    assert answer.status_code == 202
    told = answer.json()
    assert told["created"] is True
    assert told["task_id"] == told["run_id"]
    assert told["run_status"] == "queued"
    session = (await ann.get(f"/v1/agent/sessions/{told['session_id']}")).json()
    assert session["user_id"] == "ann"
    assert session["message_count"] == 1


async def test_a_second_chat_goes_on_in_its_session(ann: httpx.AsyncClient) -> None:
    first = (await ann.post("/v1/agent/runs", json={"message": "hello"})).json()
    second = await ann.post("/v1/agent/runs", json={"message": "and?", "session_id": first["session_id"]})
    assert second.status_code == 202
    assert second.json()["created"] is False
    assert second.json()["session_id"] == first["session_id"]


async def test_somebody_elses_session_is_not_there(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    session_id = (await ann.post("/v1/agent/runs", json={"message": "mine"})).json()["session_id"]
    for given in (session_id, UNKNOWN, "not-an-id"):
        answer = await bob.post("/v1/agent/runs", json={"message": "yours?", "session_id": given})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_handoff_waits_for_its_confirmation(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/v2/oneliner/runs", json=HANDOFF)
    assert answer.status_code == 200, answer.text
    run = answer.json()
    assert run["run_status"] == "needs_confirmation"
    assert run["source_type"] == "handoff"
    for column in (
        "project_id",
        "source_screen",
        "source_action_key",
        "title",
        "summary",
        "intent_key",
        "platform",
        "platform_scope",
    ):
        assert run[column] == HANDOFF[column]
    assert run["delivery_mode"] == "hybrid"
    assert run["scheduling_mode"] == "queued"
    assert [s["title"] for s in run["plan"]["steps"]] == HANDOFF["plan_request"]["steps"]
    assert run["plan"]["goal"] == HANDOFF["plan_request"]["goal"]
    assert run["started_at"] is None
    assert run["finished_at"] is None
    assert set(run["allowed_actions"]) == {"edit_plan", "confirm", "revise", "cancel"}


async def test_a_confirmed_run_is_on_its_way(ann: httpx.AsyncClient) -> None:
    run = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()
    answer = await ann.post(f"/v2/oneliner/runs/{run['id']}/confirm", json={"reason": "user confirmed"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["run_status"] in {"queued", "running"}


async def test_the_second_run_of_a_lane_says_why_it_waits(ann: httpx.AsyncClient) -> None:
    first, second = [(await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()["id"] for _ in range(2)]
    going = (await ann.post(f"/v2/oneliner/runs/{first}/confirm")).json()
    waiting = (await ann.post(f"/v2/oneliner/runs/{second}/confirm")).json()
    assert going["queue"] == {"position": 0, "waits_for": "worker"}
    assert waiting["queue"] == {"position": 1, "waits_for": "lane"}


async def test_the_status_is_told_in_the_callers_language(front: Front, ann: httpx.AsyncClient) -> None:
    run_id = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()["id"]
    chinese = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"}
    answer = await ann.post(f"/v2/oneliner/runs/{run_id}/confirm", headers=chinese)
    assert answer.json()["status_summary"] == "等待主 Agent 执行"
    await front.claim(run_id)
    path = f"/v2/oneliner/runs/{run_id}"
    assert (await ann.get(path, headers=chinese)).json()["status_summary"] == "主 Agent 正在执行"
    assert (await ann.get(path)).json()["status_summary"] == "The main agent is working"


async def test_without_a_project_the_snapshot_is_blank(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/v2/oneliner/runs", json={**HANDOFF, "project_id": ""})
    assert answer.status_code == 200
    snapshot = answer.json()["governance_snapshot"]
    assert answer.json()["project_id"] == ""
    assert snapshot["project_id"] == ""
    assert [la["layer"] for la in snapshot["layers"]] == ["system"]
    assert snapshot["active_admin_override_notice"] is None
    session = (await ann.get(f"/v1/agent/sessions/{answer.json()['session_id']}")).json()
    assert session["project_id"] == ""


async def test_creating_and_confirming_write_their_events_in_order(ann: httpx.AsyncClient) -> None:
    run_id = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()["id"]
    await ann.post(f"/v2/oneliner/runs/{run_id}/confirm", json={"reason": "go"})
    page = (await ann.get(f"/v2/oneliner/runs/{run_id}/events")).json()
    assert [e["event_type"] for e in page["items"]] == ["run.created", "run.confirmed", "run.queued"]
    assert [e["seq"] for e in page["items"]] == [1, 2, 3]
    assert page["items"][1]["details"]["reason"] == "go"
    assert page["next_cursor"] is None


async def test_events_come_in_pages(ann: httpx.AsyncClient) -> None:
    run_id = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()["id"]
    await ann.post(f"/v2/oneliner/runs/{run_id}/confirm")
    path = f"/v2/oneliner/runs/{run_id}/events"
    first = (await ann.get(path, params={"limit": 2})).json()
    rest = (await ann.get(path, params={"limit": 2, "after": first["next_cursor"]})).json()
    assert [e["seq"] for e in first["items"] + rest["items"]] == [1, 2, 3]
    assert rest["next_cursor"] is None


async def test_of_the_events_some_types_are_chosen_from_either_end(ann: httpx.AsyncClient) -> None:
    run_id = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()["id"]
    for rev in range(1, 6):
        await ann.patch(f"/v2/oneliner/runs/{run_id}/plan", json={"plan_rev": rev, "goal": f"goal {rev}"})
    await ann.post(f"/v2/oneliner/runs/{run_id}/confirm")
    path = f"/v2/oneliner/runs/{run_id}/events"

    async def seqs(**params: Any) -> tuple[list[int], str | None]:
        page = (await ann.get(path, params=params)).json()
        return [event["seq"] for event in page["items"]], page["next_cursor"]

    assert await seqs(event_type=["run.created", "run.queued"]) == ([1, 8], None)
    assert await seqs(event_type="run.plan_edited", limit=2) == ([2, 3], "3")
    assert await seqs(event_type="run.plan_edited", limit=2, after=3) == ([4, 5], "5")
    assert await seqs(event_type="run.plan_edited", limit=2, newest=True) == ([5, 6], None)
    assert await seqs(limit=3, newest=True) == ([6, 7, 8], None)
    assert await seqs(newest=True, after=6) == ([7, 8], None)
    assert await seqs(event_type="tool.failed") == ([], None)
    assert (await ann.get(path, params={"event_type": "no.such"})).status_code == 422


async def test_the_list_has_the_latest_twenty_and_a_cursor(ann: httpx.AsyncClient) -> None:
    made = [(await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()["id"] for _ in range(23)]
    await ann.post("/v2/oneliner/runs", json={**HANDOFF, "project_id": "another"})
    first = (await ann.get("/v2/oneliner/runs", params={"project_id": "p1"})).json()
    rest = (await ann.get("/v2/oneliner/runs", params={"project_id": "p1", "before": first["next_cursor"]})).json()
    assert [r["id"] for r in first["items"] + rest["items"]] == made[::-1]
    assert len(first["items"]) == 20
    assert rest["next_cursor"] is None


async def test_the_list_narrows_by_state_session_and_text(ann: httpx.AsyncClient) -> None:
    chat = (await ann.post("/v1/agent/runs", json={"message": "what of the 50% rule?"})).json()
    handoff = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()

    async def ids(**params: object) -> list[str]:
        found = await ann.get("/v2/oneliner/runs", params=params)  # pyright: ignore[reportArgumentType]
        return [r["id"] for r in found.json()["items"]]

    assert await ids(status="queued") == [chat["run_id"]]
    assert await ids(status=["queued", "needs_confirmation"]) == [handoff["id"], chat["run_id"]]
    assert await ids(session_id=handoff["session_id"]) == [handoff["id"]]
    assert await ids(q="50%") == [chat["run_id"]]
    assert await ids(q="账号") == [handoff["id"]]
    assert await ids(q="5_%") == []


async def test_confirming_twice_or_after_a_cancel_is_a_conflict(ann: httpx.AsyncClient) -> None:
    run_id = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()["id"]
    assert (await ann.post(f"/v2/oneliner/runs/{run_id}/cancel", json={"reason": "no"})).status_code == 200
    answer = await ann.post(f"/v2/oneliner/runs/{run_id}/confirm")
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "illegal_move"
    assert answer.json()["run_status"] == "cancelled"
    events = (await ann.get(f"/v2/oneliner/runs/{run_id}/events")).json()["items"]
    assert [e["event_type"] for e in events] == ["run.created", "run.cancelled"]


async def test_a_confirmation_is_for_the_plan_that_was_shown(ann: httpx.AsyncClient) -> None:
    run = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()
    path = f"/v2/oneliner/runs/{run['id']}"
    first, second, _ = run["plan"]["steps"]
    steps = [{"id": second["id"], "title": "换个说法"}, {"title": "新的一步"}, {"id": first["id"], "title": "第一步"}]
    edited = await ann.patch(f"{path}/plan", json={"plan_rev": 1, "steps": steps})
    assert edited.status_code == 200
    assert [s["title"] for s in edited.json()["plan"]["steps"]] == ["换个说法", "新的一步", "第一步"]
    stale = await ann.post(f"{path}/confirm", json={"plan_rev": 1})
    assert (stale.status_code, stale.json()["code"]) == (409, "plan_changed")
    assert stale.json()["plan"]["rev"] == 2
    assert (await ann.post(f"{path}/confirm", json={"plan_rev": 2})).status_code == 200
    late = await ann.patch(f"{path}/plan", json={"plan_rev": 2, "goal": "too late"})
    assert (late.status_code, late.json()["code"]) == (409, "illegal_move")


async def test_another_plan_is_asked_for_in_words(ann: httpx.AsyncClient) -> None:
    run_id = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()["id"]
    answer = await ann.post(f"/v2/oneliner/runs/{run_id}/plan/revise", json={"instruction": "shorter", "plan_rev": 1})
    assert answer.json()["run_status"] == "drafting"
    assert answer.json()["plan"]["awaits_draft"] is True


async def test_a_draft_is_asked_for_with_a_goal_alone(ann: httpx.AsyncClient) -> None:
    asked = {**HANDOFF, "plan_request": {"goal": "a goal", "draft": True}}
    assert (await ann.post("/v2/oneliner/runs", json=asked)).json()["run_status"] == "drafting"


async def test_a_failed_run_is_tried_again(front: Front, ann: httpx.AsyncClient) -> None:
    run_id = (await ann.post("/v1/agent/runs", json={"message": "hello"})).json()["run_id"]
    await front.claim(run_id)
    await front.move(run_id, Trigger.FAIL, reason="model_error")
    failed = (await ann.get(f"/v2/oneliner/runs/{run_id}")).json()
    assert (failed["run_status"], failed["reason"], failed["allowed_actions"]) == ("failed", "model_error", ["retry"])
    again = await ann.post(f"/v2/oneliner/runs/{run_id}/retry", json={"reason": "once more"})
    assert (again.json()["run_status"], again.json()["reason"]) == ("queued", "")


async def test_deleting_a_session_takes_its_messages_and_runs_along(
    ann: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    told = (await ann.post("/v1/agent/runs", json={"message": "hello"})).json()
    session, run = f"/v1/agent/sessions/{told['session_id']}", f"/v2/oneliner/runs/{told['run_id']}"
    answer = await ann.delete(session)
    assert (answer.status_code, answer.content) == (204, b"")
    for path in (session, f"{session}/messages", run, f"{run}/events"):
        assert (await ann.get(path)).status_code == 404
    assert (await ann.delete(session)).status_code == 404
    assert (await ann.get("/v2/oneliner/runs")).json()["items"] == []

    assert (await ann.post(f"{session}/restore")).status_code == 403
    assert (await admin.post(f"{session}/restore")).json()["id"] == told["session_id"]
    assert (await ann.get(session)).status_code == 200
    assert len((await ann.get(f"{session}/messages")).json()["items"]) == 1
    restored = (await ann.get(run)).json()
    assert (restored["run_status"], restored["reason"]) == ("cancelled", "session_deleted")


async def test_messages_come_newest_first_in_pages(ann: httpx.AsyncClient) -> None:
    session_id = (await ann.post("/v1/agent/runs", json={"message": "0"})).json()["session_id"]
    for n in range(1, 5):
        await ann.post("/v1/agent/runs", json={"message": str(n), "session_id": session_id})
    path = f"/v1/agent/sessions/{session_id}/messages"
    first = (await ann.get(path, params={"limit": 3})).json()
    rest = (await ann.get(path, params={"limit": 3, "before": first["next_cursor"]})).json()
    assert [m["content"] for m in first["items"] + rest["items"]] == ["4", "3", "2", "1", "0"]
    assert (await ann.get(path, params={"before": "x"})).status_code == 422
