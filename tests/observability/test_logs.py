"""Log lines: one for each fact, with the ids of what it belongs to; request ids go in and come out."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from oneliner.testing import Call, ModelServer, Reply
from tests.observability.kit import deployed

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TOOLS = '''
import logging
from oneliner import tool

log = logging.getLogger("oneliner.host")

@tool(read_only=True)
async def noted() -> str:
    """Note something."""
    log.info("host.noted", extra={"server": "a b"})
    return "noted"
'''


async def test_json_lines_carry_the_ids_of_the_request_and_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(TOOLS)
    async with ModelServer() as model:
        model.script(Reply(tool_calls=[Call("noted", {})]), Reply("well"))
        variables = {"ONELINER_LOG_FORMAT": "json", "ONELINER_TOOLS": str(tmp_path / "tools.py")}
        async with deployed(tmp_path, model, **variables) as server:
            sent = {"X-Request-Id": "my-request.1", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
            begun = await server.client.post("/v1/agent/runs?project=canary", json={"message": "my plum"}, headers=sent)
            assert begun.headers["X-Request-Id"] == "my-request.1"
            run = await server.settled(begun.json()["run_id"])
            assert run["run_status"] == "done"
            await server.client.get("/healthz")
            lines = server.lines
    for line in lines:
        assert {"time", "level", "logger", "event"} <= line.keys()
    (asked,) = [x for x in lines if x["event"] == "request.answered" and x["method"] == "POST"]
    assert (
        asked.items()
        >= {
            "level": "info",
            "path": "/v1/agent/runs",
            "status": 202,
            "user_id": "ada",
            "request_id": "my-request.1",
            "trace_id": TRACE,
        }.items()
    )
    (noted,) = [x for x in lines if x["event"] == "host.noted"]
    ids = {"run_id": run["id"], "session_id": run["session_id"], "user_id": "ada", "trace_id": TRACE}
    assert noted.items() >= {**ids, "server": "a b"}.items()
    # A run is no part of the request that woke it.
    assert "request_id" not in noted
    assert [x for x in lines if x.get("path") == "/healthz"] == []
    assert "plum" not in json.dumps(lines)
    assert "canary" not in json.dumps(lines)


async def test_text_lines_can_be_taken_apart_and_the_access_log_left_out(tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(TOOLS)
    async with ModelServer() as model:
        model.script(Reply(tool_calls=[Call("noted", {})]), Reply("well"))
        variables = {"ONELINER_ACCESS_LOG": "off", "ONELINER_TOOLS": str(tmp_path / "tools.py")}
        async with deployed(tmp_path, model, **variables) as server:
            run = await server.run()
            (line,) = [line for line in server.log.splitlines() if "host.noted" in line]
            assert "request.answered" not in server.log
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} info host\.noted server=\"a b\" run_id=", line)
    assert f"run_id={run['id']} " in line


@pytest.mark.parametrize("given", ["", "two words", "a" * 129, "naïve", 'quote"', "line\\n"])
async def test_a_request_id_that_is_no_plain_word_is_replaced(ann: httpx.AsyncClient, given: str) -> None:
    answer = await ann.get("/healthz", headers=[(b"X-Request-Id", given.encode("latin-1"))])
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])


async def test_every_answer_has_its_request_id_and_every_refusal_in_its_body_too(ann: httpx.AsyncClient) -> None:
    sent = {"X-Request-Id": "r-1"}
    for path in ("/healthz", "/v2/oneliner/me", "/", "/static/oneliner/app.js", "/openapi.json"):
        assert (await ann.get(path, headers=sent)).headers["X-Request-Id"] == "r-1"
    refusals = [
        await ann.get("/nowhere", headers=sent),
        await ann.post("/healthz", headers=sent),
        await ann.get("/v2/oneliner/runs?limit=x", headers=sent),
        await ann.get("/v2/oneliner/runs/none", headers=sent),
        await ann.get("/v2/oneliner/me", headers={**sent, "Authorization": "Bearer none"}),
        await ann.post("/v1/agent/runs", content=b"{", headers={**sent, "Content-Type": "application/json"}),
    ]
    assert sorted(r.status_code for r in refusals) == [400, 401, 404, 404, 405, 422]
    for refused in refusals:
        assert refused.headers["X-Request-Id"] == refused.json()["request_id"] == "r-1"
