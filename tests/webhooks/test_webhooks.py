"""Webhooks, through the front door and out of the back: what is told to whom, how it is signed, and what a receiver can do
to us. Every signature is verified by the published library.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from oneliner.adapters.webhook_secrets import SealedSecrets
from oneliner.app import deliveries
from oneliner.domain.errors import Invalid
from oneliner.domain.event import EventType
from oneliner.domain.webhook import DISABLE_AFTER_MS, LOG_LIFE_MS, RETRY_SECONDS, check_event_types, retry_at
from tests.support.front import HANDOFF, Front, until
from tests.webhooks.conftest import WEBHOOKS, endpoint, log, sending
from tests.webhooks.receiver import Receiver, verifies

if TYPE_CHECKING:
    from pathlib import Path

    import httpx


async def hand_off(client: httpx.AsyncClient, **changes: object) -> dict[str, Any]:
    answer = await client.post("/v2/oneliner/runs", json={**HANDOFF, **changes})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def settled(admin: httpx.AsyncClient, made: dict[str, Any], attempts: int = 1) -> dict[str, Any]:
    """The newest delivery, once so many of its attempts are in the log."""
    found: dict[str, Any] = {}

    async def looked() -> bool:
        found.update(await log(admin, made))
        return len(found["log"]) >= attempts

    async with asyncio.timeout(20):
        while not await looked():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)
    return found


def make_due(front_db: Path) -> None:
    """Have the time come for everything that is to be sent again."""
    with closing(sqlite3.connect(front_db, timeout=10)) as connection, connection:
        connection.execute("UPDATE webhook_deliveries SET next_attempt_at = 0 WHERE status = 'pending'")


async def test_a_run_is_told_event_by_event_and_every_signature_verifies(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await endpoint(admin, receiver.url)
    async with sending(front):
        run = await hand_off(ann)
        await ann.post(f"/v2/oneliner/runs/{run['id']}/cancel", json={"reason": "no"})
        received = await receiver.until(2)
    by_seq = {r.data["data"]["seq"]: r for r in received}
    assert [by_seq[n].data["type"] for n in (1, 2)] == ["run.created", "run.cancelled"]
    events = (await ann.get(f"/v2/oneliner/runs/{run['id']}/events")).json()["items"]
    for event in events:
        told = by_seq[event["seq"]].data
        assert told["timestamp"] == event["created_at"]
        assert told["data"] == {
            **event, "session_id": run["session_id"], "user_id": "ann", "project_id": "p1",
        }  # fmt: skip
    assert all(verifies(made["secret"], r) for r in received)
    assert len({r.id for r in received}) == 2
    found = await settled(admin, made)
    assert (found["status"], found["log"][0]["status_code"], found["next_attempt_at"]) == ("delivered", 204, None)


async def test_only_the_events_that_were_asked_for_are_told_and_only_of_the_project(
    ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver
) -> None:
    only_ends = await endpoint(admin, receiver.url, project_id="p1", event_types=["run.cancelled", "step.*"])
    elsewhere = await endpoint(admin, receiver.url, project_id="p2", event_types=["*"])
    nowhere = await endpoint(admin, receiver.url, project_id="", event_types=["*"])
    run = await hand_off(ann)
    await ann.post(f"/v2/oneliner/runs/{run['id']}/cancel")

    async def told(made: dict[str, Any]) -> list[str]:
        items = (await admin.get(f"{WEBHOOKS}/{made['id']}/deliveries")).json()["items"]
        return [item["event_type"] for item in items]

    assert await told(only_ends) == ["run.cancelled"]
    assert await told(elsewhere) == await told(nowhere) == []
    await hand_off(ann, project_id="")
    assert await told(nowhere) == ["run.created"]


async def test_what_is_rolled_back_is_never_told(
    ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await endpoint(admin, receiver.url)
    run = await hand_off(ann)
    refused = await ann.post(f"/v2/oneliner/runs/{run['id']}/retry")
    assert refused.status_code == 409
    items = (await admin.get(f"{WEBHOOKS}/{made['id']}/deliveries")).json()["items"]
    assert [item["event_type"] for item in items] == ["run.created"]


async def test_a_receiver_that_fails_is_tried_again_under_the_same_id(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers += [web.Response(status=500, text="oops"), web.Response(status=503)]
    made = await endpoint(admin, receiver.url)
    async with sending(front):
        await hand_off(ann)
        first = await settled(admin, made)
        assert (first["status"], first["log"][0]["answer"]) == ("pending", "oops")
        assert first["next_attempt_at"] > first["log"][0]["at"]
        make_due(tmp_path / "front.db")
        await settled(admin, made, 2)
        make_due(tmp_path / "front.db")
        last = await settled(admin, made, 3)
    assert last["status"] == "delivered"
    assert [attempt["status_code"] for attempt in last["log"]] == [204, 503, 500]
    assert [attempt["number"] for attempt in last["log"]] == [3, 2, 1]
    assert {r.id for r in receiver.received} == {last["id"]}
    assert (await admin.get(f"{WEBHOOKS}/{made['id']}")).json()["failing_since"] is None


async def test_a_receiver_that_hangs_costs_its_own_queue_and_nothing_else(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver
) -> None:
    other = Receiver()
    await other.start()
    receiver.answers += [None] * 100
    await endpoint(admin, receiver.url)
    well = await endpoint(admin, other.url)
    async with sending(front):
        for _ in range(20):
            await hand_off(ann)
        received = await other.until(20)
        assert len({r.id for r in received}) == 20
        assert 1 <= len(receiver.received) <= 8
        async with asyncio.timeout(20):
            while (await admin.get(f"{WEBHOOKS}/{well['id']}/deliveries?status=pending")).json()["items"]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    await other.stop()


async def test_no_answer_in_time_is_a_failed_attempt(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver
) -> None:
    receiver.answers.append(None)
    made = await endpoint(admin, receiver.url)
    async with sending(front, timeout_seconds=0.2):
        await hand_off(ann)
        found = await settled(admin, made)
    assert found["log"][0]["status_code"] is None
    assert found["log"][0]["error"] == "no answer within 0.2 seconds"


async def test_of_a_huge_answer_the_beginning_is_kept_and_no_secret(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await endpoint(admin, receiver.url)
    leaked = f'{made["secret"]} Authorization: Bearer abc.def.ghi {{"api_key": "sk-live-0123456789"}} '
    receiver.answers.append(web.Response(status=500, text=leaked + "x" * 5_000_000))
    async with sending(front):
        await hand_off(ann)
        found = await settled(admin, made)
    answer = found["log"][0]["answer"]
    assert 900 < len(answer) <= 1024
    assert answer.startswith("[redacted] Authorization: [redacted]")
    for secret in (made["secret"], "abc.def", "sk-live"):
        assert secret not in answer


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:9/"])
async def test_redirects_are_not_followed_wherever_they_lead(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver, target: str
) -> None:
    receiver.answers.append(web.Response(status=302, headers={"location": target}))
    made = await endpoint(admin, receiver.url)
    async with sending(front):
        await hand_off(ann)
        found = await settled(admin, made)
    assert found["log"][0]["status_code"] == 302
    assert "redirects are not followed" in found["log"][0]["error"]
    assert len(receiver.received) == 1


async def test_an_address_that_the_deployment_does_not_allow_is_not_connected_to(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await endpoint(admin, receiver.url)
    # The operator has taken the network back since.
    async with sending(front, networks=()):
        await hand_off(ann)
        found = await settled(admin, made)
    assert found["log"][0]["error"].startswith("not sent: ")
    assert receiver.received == []


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/",
        "https://10.0.0.1/",
        "https://[::1]/",
        "https://2130706433/",
        "https://user:word@example.com/",
        "https://example.com/#part",
        "ftp://example.com/",
        "https:///path",
        "https://exa mple.com/",
        "https://example.com:99999/",
        "not a url",
    ],
)
async def test_an_address_that_can_be_seen_to_be_wrong_is_refused(admin: httpx.AsyncClient, url: str) -> None:
    answer = await admin.post(WEBHOOKS, json={"url": url, "project_id": None})
    assert answer.status_code == 422, answer.text


async def test_plain_http_needs_a_deployment_that_names_networks(tmp_path: Path) -> None:
    strict = Front(tmp_path / "strict.db")
    async with strict.client("root", admin=True) as admin:
        answer = await admin.post(WEBHOOKS, json={"url": "http://example.com/hook", "project_id": None})
        assert answer.status_code == 422
        assert "https" in answer.json()["detail"]
        answer = await admin.post(WEBHOOKS, json={"url": "https://example.com/hook", "project_id": None})
        assert answer.status_code == 200
    await strict.close()


async def test_while_a_secret_is_rotated_the_old_and_the_new_one_verify_and_afterwards_the_new_one_alone(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver, tmp_path: Path
) -> None:
    made = await endpoint(admin, receiver.url, event_types=["run.created"])
    path = f"{WEBHOOKS}/{made['id']}"
    async with sending(front):
        rotated = (await admin.post(f"{path}/rotate", json={"overlap_seconds": 3600})).json()
        assert rotated["secret"] != made["secret"]
        assert rotated["old_secret_until"] is not None
        await hand_off(ann)
        (during,) = await receiver.until(1)
        assert verifies(made["secret"], during)
        assert verifies(rotated["secret"], during)
        with closing(sqlite3.connect(tmp_path / "front.db", timeout=10)) as connection, connection:
            connection.execute("UPDATE webhook_endpoints SET old_secret_until = 1")
        await hand_off(ann)
        after = (await receiver.until(2))[1]
    assert verifies(rotated["secret"], after)
    assert not verifies(made["secret"], after)


async def test_a_secret_is_told_once_and_is_nowhere_to_be_found(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver, tmp_path: Path
) -> None:
    key = {"Idempotency-Key": "once"}
    body = {"url": receiver.url, "project_id": None}
    first = await admin.post(WEBHOOKS, json=body, headers=key)
    again = await admin.post(WEBHOOKS, json=body, headers=key)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == {**first.json(), "secret": None}
    made = first.json()
    rotated = (await admin.post(f"{WEBHOOKS}/{made['id']}/rotate")).json()
    async with sending(front):
        await hand_off(ann)
        await settled(admin, made)
    shown = [(await admin.get(path)).text for path in (WEBHOOKS, f"{WEBHOOKS}/{made['id']}", "/v2/oneliner/audit")]
    with closing(sqlite3.connect(tmp_path / "front.db")) as connection:
        dumped = "\n".join(connection.iterdump())
    for secret in (made["secret"], rotated["secret"]):
        assert secret.removeprefix("whsec_") not in "".join([dumped, *shown])


async def test_a_server_with_another_key_leaves_alone_what_it_cannot_sign(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await endpoint(admin, receiver.url)
    other = SealedSecrets("another key, which is long enough for this")
    await hand_off(ann)
    assert await front.database.read(lambda tx: tx.webhooks.due(other.key_id)) == []
    claimed = await front.database.write(lambda tx: deliveries.claim(tx, made["id"], other, limit=9, lease_ms=9))
    assert claimed == []
    with pytest.raises(Invalid, match="cannot be unsealed"):
        other.unseal(front.services.webhooks.secrets.seal(made["secret"], made["id"]), made["id"])
    with pytest.raises(Invalid, match="cannot be unsealed"):
        front.services.webhooks.secrets.unseal(
            front.services.webhooks.secrets.seal(made["secret"], made["id"]), "another endpoint"
        )


async def test_an_endpoint_that_fails_for_days_is_disabled_and_that_is_recorded(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver, tmp_path: Path
) -> None:
    receiver.answers += [web.Response(status=500), web.Response(status=500)]
    made = await endpoint(admin, receiver.url, event_types=["run.created"])
    path = f"{WEBHOOKS}/{made['id']}"
    async with sending(front):
        await hand_off(ann)
        await settled(admin, made)
        assert (await admin.get(path)).json()["failing_since"] is not None
        with closing(sqlite3.connect(tmp_path / "front.db", timeout=10)) as connection, connection:
            connection.execute("UPDATE webhook_endpoints SET failing_since = failing_since - ?", [DISABLE_AFTER_MS])
        make_due(tmp_path / "front.db")
        await settled(admin, made, 2)
        disabled = (await admin.get(path)).json()
        assert (disabled["enabled"], disabled["disabled_reason"]) == (False, "failing")
        entry = (await admin.get("/v2/oneliner/audit?action=webhook.disabled")).json()["items"][0]
        assert (entry["actor"], entry["target_id"], entry["details"]["reason"]) == ("", made["id"], "failing")

        await hand_off(ann)
        assert len((await admin.get(f"{path}/deliveries")).json()["items"]) == 1
        assert (await admin.post(f"{path}/test")).status_code == 409
        enabled = (await admin.patch(path, json={"enabled": True})).json()
        assert (enabled["enabled"], enabled["failing_since"]) == (True, None)
        make_due(tmp_path / "front.db")
        assert (await settled(admin, made, 3))["status"] == "delivered"


async def test_an_endpoint_that_says_it_is_gone_is_disabled_at_once(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver
) -> None:
    receiver.answers.append(web.Response(status=410))
    made = await endpoint(admin, receiver.url)
    async with sending(front):
        await hand_off(ann)
        await settled(admin, made)
    assert (await admin.get(f"{WEBHOOKS}/{made['id']}")).json()["disabled_reason"] == "gone"


async def test_a_test_arrives_whatever_the_endpoint_listens_to(
    front: Front, admin: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await endpoint(admin, receiver.url, event_types=["run.failed"])
    async with sending(front):
        sent = (await admin.post(f"{WEBHOOKS}/{made['id']}/test")).json()
        (received,) = await receiver.until(1)
        await settled(admin, made)
    assert (sent["event_type"], sent["run_id"], received.id) == ("webhook.test", None, sent["id"])
    assert received.data["type"] == "webhook.test"
    assert verifies(made["secret"], received)


async def test_what_was_delivered_or_given_up_can_be_sent_again(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver, tmp_path: Path
) -> None:
    made = await endpoint(admin, receiver.url)
    path = f"{WEBHOOKS}/{made['id']}/deliveries"
    async with sending(front):
        await hand_off(ann)
        first = await settled(admin, made)
        again = await admin.post(f"{path}/{first['id']}/redeliver")
        assert again.json()["status"] == "pending"
        assert (await settled(admin, made, 2))["status"] == "delivered"
        assert {r.id for r in receiver.received} == {first["id"]}

        receiver.answers.append(web.Response(status=500))
        with closing(sqlite3.connect(tmp_path / "front.db", timeout=10)) as connection, connection:
            connection.execute(
                "UPDATE webhook_deliveries SET status = 'pending', next_attempt_at = 0, round_attempts = ?",
                [len(RETRY_SECONDS)],
            )
        given_up = await settled(admin, made, 3)
        assert (given_up["status"], given_up["next_attempt_at"]) == ("failed", None)
        assert (await admin.get(f"{path}?status=failed")).json()["items"][0]["id"] == first["id"]
        await admin.post(f"{path}/{first['id']}/redeliver")
        assert (await settled(admin, made, 4))["status"] == "delivered"
    unknown = await admin.post(f"{path}/01890000-0000-7000-8000-000000000000/redeliver")
    assert unknown.status_code == 404


async def test_two_processes_that_look_at_once_make_one_attempt(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver
) -> None:
    await endpoint(admin, receiver.url)
    async with sending(front), sending(front), sending(front):
        for _ in range(30):
            await hand_off(ann)
        await until(lambda: len(receiver.received) >= 30)
        items: list[dict[str, Any]] = []
        while not items or any(item["status"] == "pending" for item in items):
            items = (await admin.get(f"{WEBHOOKS}/{(await first_id(admin))}/deliveries?limit=100")).json()["items"]
    assert {item["attempts"] for item in items} == {1}
    assert len({r.id for r in receiver.received}) == len(receiver.received) == 30


async def first_id(admin: httpx.AsyncClient) -> str:
    return (await admin.get(WEBHOOKS)).json()["items"][0]["id"]


async def test_an_attempt_whose_process_died_is_made_again_and_its_late_outcome_is_not_written(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver, tmp_path: Path
) -> None:
    made = await endpoint(admin, receiver.url)
    await hand_off(ann)
    secrets = front.services.webhooks.secrets

    async def claim() -> list[deliveries.Parcel]:
        work = deliveries.claim
        return await front.database.write(lambda tx: work(tx, made["id"], secrets, limit=9, lease_ms=60_000))

    (lost,) = await claim()
    assert await claim() == []
    make_due(tmp_path / "front.db")  # the lease is over
    async with sending(front):
        front.bell.set()
        found = await settled(admin, made)
    assert (found["status"], found["attempts"], [a["number"] for a in found["log"]]) == ("delivered", 2, [2])
    await front.database.write(lambda tx: deliveries.settle(tx, lost, deliveries.Outcome(500, 1)))
    assert await log(admin, made) == found


async def test_endpoints_are_changed_listed_by_project_and_deleted_with_their_log(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver, tmp_path: Path
) -> None:
    for project in ("p1", "p2"):
        await endpoint(admin, receiver.url, project_id=project, description=f"of {project}")
    made = await endpoint(admin, receiver.url)
    path = f"{WEBHOOKS}/{made['id']}"
    assert [e["project_id"] for e in (await admin.get(WEBHOOKS)).json()["items"]] == [None, "p2", "p1"]
    assert [e["project_id"] for e in (await admin.get(f"{WEBHOOKS}?project_id=p1")).json()["items"]] == ["p1"]
    paged = (await admin.get(f"{WEBHOOKS}?limit=2")).json()
    rest = (await admin.get(f"{WEBHOOKS}?limit=2&before={paged['next_cursor']}")).json()
    assert [e["project_id"] for e in rest["items"]] == ["p1"]

    changed = await admin.patch(path, json={"event_types": ["run.*", "run.*", "tool.denied"], "description": "d"})
    assert (changed.json()["event_types"], changed.json()["url"]) == (["run.*", "tool.denied"], receiver.url)
    assert (await admin.patch(path, json={"event_types": ["run.exploded"]})).status_code == 422
    assert (await admin.patch(path, json={"event_types": []})).status_code == 422
    assert (await admin.patch(path, json={"url": "https://10.0.0.1/"})).status_code == 422

    async with sending(front):
        await hand_off(ann)
        await settled(admin, made)
    assert (await admin.delete(path)).status_code == 204
    assert (await admin.get(path)).status_code == 404
    with closing(sqlite3.connect(tmp_path / "front.db")) as connection:
        for table, column in (("webhook_deliveries", "endpoint_id"), ("webhook_endpoints", "id")):
            count = f"SELECT count(*) FROM {table} WHERE {column} = ?"  # noqa: S608
            assert connection.execute(count, [made["id"]]).fetchone() == (0,)
    actions = [e["action"] for e in (await admin.get("/v2/oneliner/audit?target=webhook")).json()["items"]]
    assert actions == ["webhook.deleted", "webhook.changed", *["webhook.created"] * 3]


async def test_the_log_is_forgotten_after_its_time(
    front: Front, ann: httpx.AsyncClient, admin: httpx.AsyncClient, receiver: Receiver
) -> None:
    made = await endpoint(admin, receiver.url)
    async with sending(front):
        await hand_off(ann)
        await settled(admin, made)
    forget = deliveries.forget_old
    assert await front.database.write(lambda tx: forget(tx, tx.now_ms - LOG_LIFE_MS)) == 0
    assert await front.database.write(lambda tx: forget(tx, tx.now_ms + 1)) == 1
    assert (await admin.get(f"{WEBHOOKS}/{made['id']}/deliveries")).json()["items"] == []


def test_pauses_grow_over_three_days_and_a_receiver_may_ask_for_more() -> None:
    pauses = [retry_at(0, n, None) for n in range(1, len(RETRY_SECONDS) + 1)]
    assert pauses == sorted(pauses, key=lambda p: p or 0)
    assert sum(RETRY_SECONDS) > 3 * 86_400
    assert retry_at(0, len(RETRY_SECONDS) + 1, None) is None
    assert retry_at(0, 1, 120) == 120_000
    assert retry_at(0, 1, 10**8) == 86_400_000


def test_every_type_of_event_can_be_listened_to_by_itself_by_its_group_and_with_all() -> None:
    for event in EventType:
        assert check_event_types([event, f"{event.partition('.')[0]}.*", "*"])
    with pytest.raises(Invalid):
        check_event_types(["webhook.*"])
