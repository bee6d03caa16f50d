"""What the console asks: deleted sessions, due times, a changed schedule, what the server is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.front import HANDOFF

if TYPE_CHECKING:
    import httpx

    from tests.support.front import Front

PLAN = {**HANDOFF, "project_id": "p1"}


async def session_of(client: httpx.AsyncClient, text: str) -> str:
    return (await client.post("/v1/agent/runs", json={"message": text})).json()["session_id"]


async def listed(client: httpx.AsyncClient, query: str) -> list[str]:
    answer = await client.get(f"/v1/agent/sessions?{query}")
    assert answer.status_code == 200, answer.text
    return [session["title"] for session in answer.json()["items"]]


async def test_an_administrator_finds_deleted_sessions_and_restores_them(
    ann: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    kept, gone = await session_of(ann, "kept"), await session_of(ann, "gone")
    await ann.delete(f"/v1/agent/sessions/{gone}")

    assert await listed(admin, "deleted=true") == ["gone"]
    assert await listed(admin, "deleted=true&q=kept") == []
    assert await listed(admin, "deleted=true&mine=true") == []
    assert await listed(admin, "") == ["kept"]
    assert (await ann.get("/v1/agent/sessions?deleted=true")).status_code == 403
    deleted = (await admin.get("/v1/agent/sessions?deleted=true")).json()["items"][0]
    assert deleted["deleted_at"] is not None
    assert (await ann.get(f"/v1/agent/sessions/{kept}")).json()["deleted_at"] is None

    await admin.post(f"/v1/agent/sessions/{gone}/restore")

    assert await listed(admin, "deleted=true") == []
    assert await listed(ann, "") == ["gone", "kept"]


async def test_due_times_are_told_before_there_is_a_schedule(ann: httpx.AsyncClient) -> None:
    answer = await ann.get("/v2/oneliner/due-times", params={"cron": "0 9 * * *", "timezone": "Asia/Shanghai"})

    due = [item["due_at"] for item in answer.json()["items"]]
    assert len(due) == 5
    assert due == sorted(set(due))
    assert all(each.endswith("T01:00:00.000Z") for each in due)
    refused = await ann.get("/v2/oneliner/due-times", params={"cron": "0 25 * * *"})
    assert (refused.status_code, refused.json()["field"]) == (422, "cron")
    nowhere = await ann.get("/v2/oneliner/due-times", params={"cron": "0 9 * * *", "timezone": "Nowhere"})
    assert (nowhere.status_code, nowhere.json()["field"]) == (422, "timezone")


async def test_its_owner_changes_a_schedule_and_an_administrator_does_not(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient, admin: httpx.AsyncClient
) -> None:
    body = {"cron": "0 9 * * *", "timezone": "UTC", "handoff": PLAN}
    made = (await ann.post("/v2/oneliner/schedules", json=body)).json()
    path = f"/v2/oneliner/schedules/{made['id']}"
    later = {**body, "cron": "30  10 * * *", "handoff": {**PLAN, "title": "Another title"}}

    changed = (await ann.put(path, json=later)).json()

    assert (changed["title"], changed["cron"]) == ("Another title", "30 10 * * *")
    assert changed["next_due_at"].endswith("T10:30:00.000Z")
    assert changed["handoff"]["title"] == "Another title"
    assert (await ann.get(path)).json() == changed
    assert (await bob.put(path, json=later)).status_code == 404
    assert (await admin.put(path, json=later)).status_code == 403
    assert (await ann.put(path, json={**later, "cron": "never"})).status_code == 422
    assert (await ann.get(path)).json() == changed


async def test_a_paused_schedule_stays_paused_when_it_is_changed(ann: httpx.AsyncClient) -> None:
    body = {"cron": "0 9 * * *", "timezone": "UTC", "handoff": PLAN}
    made = (await ann.post("/v2/oneliner/schedules", json=body)).json()
    path = f"/v2/oneliner/schedules/{made['id']}"
    await ann.post(f"{path}/pause")

    changed = (await ann.put(path, json={**body, "cron": "0 10 * * *"})).json()

    assert (changed["paused"], changed["next_due_at"]) == (True, None)
    resumed = (await ann.post(f"{path}/resume")).json()
    assert resumed["next_due_at"].endswith("T10:00:00.000Z")


async def test_the_system_says_what_it_is_made_of_and_which_part_is_not_there(
    front: Front, admin: httpx.AsyncClient
) -> None:
    told = (await admin.get("/v2/oneliner/system")).json()

    assert (told["ready"], told["parts"]) == (True, {"database": "ok"})
    assert (told["database"], told["bus"], told["broker"]) == ("sqlite", "process", "process")
    assert "calculator" in [tool["name"] for tool in told["tools"]]
    assert told["models"][0]["role"] == "default"
    assert told["models"][0]["is_demo"]
    front.parts["bus"] = "no answer from redis"

    told = (await admin.get("/v2/oneliner/system")).json()

    assert (told["ready"], told["parts"]["bus"]) == (False, "no answer from redis")
