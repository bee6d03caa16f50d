from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.front import HANDOFF

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, MutableMapping

    import httpx

    from tests.support.front import Front

JSON = {"Content-Type": "application/json"}
DEEP = 1_000
BODIES: dict[str, tuple[bytes, int, str]] = {
    "nul": (rb'{"message": "a\u0000b"}', 422, "invalid"),
    "nul in a key": (rb'{"message": "a", "b\u0000": 1}', 422, "invalid"),
    "lone surrogate": (rb'{"message": "\ud800"}', 400, "malformed_json"),
    "raw surrogate": (b'{"message": "\xed\xa0\x80"}', 400, "malformed_json"),
    "no utf-8": (b'{"message": "\xff"}', 400, "malformed_json"),
    "deep list": (b'{"message": ' + b"[" * DEEP + b"]" * DEEP + b"}", 422, "invalid"),
    "deep object": (b'{"a":' * DEEP + b"1" + b"}" * DEEP, 422, "invalid"),
    "deeper than any parser": (b"[" * 200_000, 400, "malformed_json"),
    "huge integer": (b'{"message": ' + b"9" * 30 + b"}", 422, "invalid"),
    "larger than any number": (b'{"message": ' + b"9" * 4_000 + b"}", 400, "malformed_json"),
    "integer of too many digits": (b'{"message": ' + b"9" * 400_000 + b"}", 400, "malformed_json"),
    "number in place of text": (b'{"message": 5}', 422, "invalid"),
    "not json": (b"message=hello", 400, "malformed_json"),
    "cut": (b'{"message": "he', 400, "malformed_json"),
    "nan": (b'{"message": NaN}', 400, "malformed_json"),
    "a list": (b"[1, 2]", 422, "invalid"),
    "null": (b"null", 422, "invalid"),
    "empty": (b"", 422, "invalid"),
    "nothing said": (b'{"message": "  "}', 422, "invalid"),
    "an unknown field": (b'{"message": "a", "role": "system"}', 422, "invalid"),
    "ten megabytes": (b'{"message": "' + b"a" * 10_000_000 + b'"}', 413, "body_too_large"),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_hostile_body_is_refused_with_a_clear_code(ann: httpx.AsyncClient, name: str) -> None:
    body, status, code = BODIES[name]
    answer = await ann.post("/v1/agent/runs", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert (await ann.get("/v2/oneliner/runs")).json()["items"] == []


async def test_a_body_that_never_says_how_long_it_is_is_cut_off(ann: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'{"message": "'
        while sent < 10_000_000:
            sent += 50_000
            yield b"a" * 50_000

    answer = await ann.post("/v1/agent/runs", content=endless(), headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert sent < 1_200_000


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_error_of_ours(
    front: Front, ann: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    received = iter([{"type": "http.request", "body": b'{"mess', "more_body": True}, {"type": "http.disconnect"}])
    told: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return next(received)

    async def send(message: MutableMapping[str, Any]) -> None:
        told.append(message)

    request = ann.build_request("POST", "/v1/agent/runs", headers=JSON)
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/v1/agent/runs",
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
    }
    await front.app(scope, receive, send)
    assert told[0]["status"] == 400
    assert not caplog.records


async def test_an_integer_past_64_bits_is_refused_wherever_it_stands(ann: httpx.AsyncClient) -> None:
    run_id = (await ann.post("/v2/oneliner/runs", json=HANDOFF)).json()["id"]
    for content in (b'{"answer": {"n": 123456789012345678901234567890}}', b'{"answer": [[-99999999999999999999]]}'):
        answer = await ann.post(f"/v2/oneliner/runs/{run_id}/resume", content=content, headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    for rev in (2**31, 2**64, 10**30, 1.5, "1", True):
        answer = await ann.post(f"/v2/oneliner/runs/{run_id}/confirm", json={"plan_rev": rev})
        assert answer.status_code == 422


async def test_a_long_number_in_a_text_is_text(ann: httpx.AsyncClient) -> None:
    answer = await ann.post("/v1/agent/runs", json={"message": "what is 123456789012345678901234567890 * 2?"})
    assert answer.status_code == 202


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_what_is_not_said_to_be_json_is_not_read(ann: httpx.AsyncClient, content_type: str) -> None:
    answer = await ann.post("/v1/agent/runs", content=b'{"message": "a"}', headers={"Content-Type": content_type})
    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")


async def test_json_may_have_a_charset_and_a_suffix(ann: httpx.AsyncClient) -> None:
    for content_type in ("application/json; charset=utf-8", "Application/JSON", "application/merge-patch+json"):
        headers = {"Content-Type": content_type}
        answer = await ann.post("/v1/agent/runs", content=b'{"message": "a"}', headers=headers)
        assert answer.status_code == 202


@pytest.mark.parametrize(
    "query",
    [
        "q=%00",
        "project_id=%00",
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=" + "9" * 5_000,
        "status=nope",
        "q=" + "x" * 300,
    ],
)
async def test_an_odd_query_is_refused_and_names_the_field(ann: httpx.AsyncClient, query: str) -> None:
    answer = await ann.get(f"/v2/oneliner/runs?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["errors"][0]["field"].startswith(query.split("=", maxsplit=1)[0])


@pytest.mark.parametrize("part", ["%00", "%ED%A0%80", "..%2f..%2fetc", "x" * 3_000, "'; drop table agent_runs; --"])
async def test_an_odd_id_is_not_found(ann: httpx.AsyncClient, part: str) -> None:
    for path in (f"/v2/oneliner/runs/{part}", f"/v1/agent/sessions/{part}", f"/v2/oneliner/documents/{part}"):
        assert (await ann.get(path)).status_code == 404


@pytest.mark.parametrize("time", ["yesterday", "2026-02-30", "2026-03-05T08:15:30", "1969-12-31", "0001-01-01", ""])
async def test_an_odd_time_is_refused(ann: httpx.AsyncClient, time: str) -> None:
    answer = await ann.get("/v2/oneliner/usage", params={"since": time})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")


async def test_what_no_route_takes_is_a_problem_too(ann: httpx.AsyncClient) -> None:
    missing = await ann.get("/v2/oneliner/nothing")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_such_route")
    wrong = await ann.put("/v2/oneliner/runs")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert wrong.headers["allow"]
    for answer in (missing, wrong):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status_code


async def test_an_unexpected_error_tells_nothing_but_its_id(
    front: Front, ann: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    front.parts = cast("Any", None)
    answer = await ann.get("/readyz")
    told = answer.json()
    assert (answer.status_code, told["code"]) == (500, "internal_error")
    assert told["error_id"] in told["detail"]
    assert "NoneType" not in answer.text
    assert told["error_id"] in {getattr(record, "error_id", "") for record in caplog.records}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    )
)
async def test_no_json_whatever_breaks_the_server(ann: httpx.AsyncClient, value: object) -> None:
    for body in (value, {"message": value}, {**HANDOFF, "plan_request": value}, {**HANDOFF, "title": value}):
        for path in ("/v1/agent/runs", "/v2/oneliner/runs"):
            answer = await ann.post(path, content=json.dumps(body).encode(), headers=JSON)
            assert answer.status_code in {200, 202, 400, 404, 422}, answer.text
