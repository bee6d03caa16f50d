from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.front import HANDOFF

if TYPE_CHECKING:
    import httpx

    from tests.support.front import Front

KEY = {"Idempotency-Key": "one-key"}


async def test_the_same_key_and_body_are_answered_as_the_first_time(ann: httpx.AsyncClient) -> None:
    first = await ann.post("/v1/agent/runs", json={"message": "hello"}, headers=KEY)
    again = await ann.post("/v1/agent/runs", json={"message": "hello"}, headers=KEY)
    assert (again.status_code, again.json()) == (202, first.json())
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await ann.get("/v2/oneliner/runs")).json()["items"]) == 1


async def test_the_same_json_written_otherwise_is_the_same_body(ann: httpx.AsyncClient) -> None:
    json = {"Content-Type": "application/json", **KEY}
    first = await ann.post("/v1/agent/runs", content=b'{"message":"a","project_id":"p"}', headers=json)
    again = await ann.post("/v1/agent/runs", content=b'{ "project_id": "p",\n "message": "a" }', headers=json)
    assert again.json() == first.json()


async def test_another_body_under_the_same_key_is_refused(ann: httpx.AsyncClient) -> None:
    await ann.post("/v1/agent/runs", json={"message": "hello"}, headers=KEY)
    other = await ann.post("/v1/agent/runs", json={"message": "goodbye"}, headers=KEY)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


async def test_a_key_belongs_to_its_user_and_route(ann: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    mine = await ann.post("/v1/agent/runs", json={"message": "hello"}, headers=KEY)
    his = await bob.post("/v1/agent/runs", json={"message": "hello"}, headers=KEY)
    assert his.json()["run_id"] != mine.json()["run_id"]
    assert (await ann.post("/v2/oneliner/runs", json=HANDOFF, headers=KEY)).status_code == 200


async def test_a_move_is_made_once_and_answered_twice(ann: httpx.AsyncClient) -> None:
    run_id = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()["id"]
    path = f"/v2/oneliner/runs/{run_id}/confirm"
    first = await ann.post(path, json={"plan_rev": 1}, headers=KEY)
    again = await ann.post(path, json={"plan_rev": 1}, headers=KEY)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json() == first.json()
    assert (await ann.post(path, json={"plan_rev": 1})).status_code == 409


async def test_a_refusal_is_not_remembered(ann: httpx.AsyncClient) -> None:
    run_id = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()["id"]
    path = f"/v2/oneliner/runs/{run_id}/retry"
    for _ in range(2):
        assert (await ann.post(path, headers=KEY)).json()["code"] == "illegal_move"


async def test_while_a_key_is_being_answered_another_request_with_it_is_refused(
    front: Front, ann: httpx.AsyncClient
) -> None:
    answers = await asyncio.gather(
        *(ann.post("/v1/agent/runs", json={"message": "hello"}, headers=KEY) for _ in range(8))
    )
    codes = sorted(a.status_code for a in answers)
    assert set(codes) <= {202, 409}
    assert codes[0] == 202
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"request_in_flight"}
    assert len({a.json()["run_id"] for a in answers if a.status_code == 202}) == 1
    assert len((await ann.get("/v2/oneliner/runs")).json()["items"]) == 1
    assert not front.services.in_flight


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\x7f", "schlüssel".encode("latin-1")])
async def test_an_odd_key_is_refused(ann: httpx.AsyncClient, key: str | bytes) -> None:
    headers = [(b"Idempotency-Key", key if isinstance(key, bytes) else key.encode())]
    answer = await ann.post("/v1/agent/runs", json={"message": "hello"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_every_post_of_a_caller_takes_a_key(ann: httpx.AsyncClient) -> None:
    description = (await ann.get("/openapi.json")).json()
    for path, item in description["paths"].items():
        if "post" in item and "security" in item["post"]:
            references = [p.get("$ref", "") for p in item["post"]["parameters"]]
            assert "#/components/parameters/IdempotencyKey" in references, path
