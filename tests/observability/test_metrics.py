"""The figures: what a run leaves in them, who may read them, and what they cost the database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from oneliner.adapters.telemetry.exposition import MOST_COUNTED
from oneliner.domain.run import Trigger
from oneliner.testing import Call, ModelServer, Reply, server_error
from tests.observability.kit import Figures, deployed, until
from tests.support.front import Front, served

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

    from oneliner.testing import Request


async def figures_of(client: httpx.AsyncClient) -> Figures:
    return Figures((await client.get("/metrics")).text)


async def test_a_run_is_counted_with_its_model_its_tool_its_tokens_and_its_price(tmp_path: Path) -> None:
    async with ModelServer() as model:
        model.script(
            server_error(),
            Reply(tool_calls=[Call("current_time", {})], usage=(100, 10, 40)),
            Reply("It is late.", usage=(200, 20, 0)),
        )
        prices = tmp_path / "prices.json"
        prices.write_text('{"openai/test": {"input": "1", "cached": "0.5", "output": "2"}}')
        async with deployed(tmp_path, model, ONELINER_PRICES=str(prices)) as server:
            run = await server.run("what time is it?")
            assert run["run_status"] == "done", run
            found = await server.figures()
    of_model = {"model": "openai/test"}
    assert found.sum("oneliner_runs_created_total", source="chat") == 1
    assert found.sum("oneliner_runs_ended_total", status="done", reason="") == 1
    assert found.sum("oneliner_queue_wait_seconds_count") == 1
    assert found.sum("oneliner_model_call_seconds_count", outcome="answered", **of_model) == 2
    assert found.sum("oneliner_model_call_seconds_count", outcome="unavailable", **of_model) == 1
    assert found.sum("oneliner_model_first_content_seconds_count", **of_model) == 2
    assert found.sum("oneliner_tool_call_seconds_count", tool="current_time", outcome="done") == 1
    tokens = {k: found.sum("oneliner_model_tokens_total", kind=k, **of_model) for k in ("input", "output", "cached")}
    assert tokens == {"input": 300, "output": 30, "cached": 40}
    # To the last digit what the run's own bill says.
    assert f"{found.sum('oneliner_model_cost_usd_total', **of_model):.6f}" == run["usage"]["cost"][:8]
    assert found.sum("oneliner_http_requests_total", route="/v1/agent/runs", method="POST", status="202") == 1
    assert found.sum("oneliner_executions") == 0
    assert found.sum("oneliner_database_up") == 1


async def test_the_summary_of_a_long_session_is_counted_with_its_tokens(tmp_path: Path) -> None:
    def reply(request: Request) -> Reply:
        return Reply("in short" if "You summarise" in request.system_text else "ok", usage=(1_000, 1, 0))

    async with ModelServer(reply) as model, deployed(tmp_path, model, ONELINER_CONTEXT_TOKENS="4000") as server:
        long = "x" * 9_000
        first = await server.run(long)
        next_one = {"message": long, "session_id": first["session_id"]}
        begun = await server.client.post("/v1/agent/runs", json=next_one)
        await server.settled(begun.json()["run_id"])
        found = await server.figures()
    assert len(model.requests) == 3
    assert found.sum("oneliner_model_tokens_total", kind="input") == 3_000


async def test_a_tool_that_a_model_makes_up_is_no_label(tmp_path: Path) -> None:
    async with ModelServer() as model:
        model.script(Reply(tool_calls=[Call("canary_tool", {})]), Reply("There is none."))
        async with deployed(tmp_path, model) as server:
            assert (await server.run())["run_status"] == "done"
            assert "canary_tool" not in (await server.figures()).text


async def test_what_waits_is_counted_by_status_and_reason(front: Front, ann: httpx.AsyncClient) -> None:
    session = (await ann.post("/v1/agent/runs", json={"message": "one"})).json()["session_id"]
    await ann.post("/v1/agent/runs", json={"message": "two", "session_id": session, "multitask": "enqueue"})
    blocked = (await ann.post("/v1/agent/runs", json={"message": "three"})).json()["run_id"]
    await front.claim(blocked)
    await front.move(blocked, Trigger.BLOCK, reason="needs_answer")
    found = await figures_of(ann)
    assert found.sum("oneliner_runs", status="queued") == 2
    assert found.sum("oneliner_runs", status="blocked", reason="needs_answer") == 1
    assert found.sum("oneliner_lanes_waiting") == 1
    assert found.sum("oneliner_longest_lane_runs") == 2
    assert found.sum("oneliner_oldest_queued_seconds") >= found.sum("oneliner_oldest_ready_seconds") >= 0


async def test_looking_at_what_waits_reads_no_table_from_end_to_end(front: Front) -> None:
    def plans(tx: object) -> list[str]:
        connection = tx.runs._driver.connection  # type: ignore[attr-defined]
        seen: list[str] = []
        connection.set_trace_callback(seen.append)
        tx.backlog.look(MOST_COUNTED)  # type: ignore[attr-defined]
        connection.set_trace_callback(None)
        return [
            str(row[3])
            for sql in seen
            if sql.startswith("SELECT")
            for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}")
        ]

    steps = await front.database.read(plans)
    of_runs = [step for step in steps if "agent_runs" in step]
    assert len(of_runs) >= 5
    assert [step for step in of_runs if "USING" not in step or "INDEX" not in step] == []


async def test_the_database_is_not_looked_at_as_often_as_the_page_is_read(ann: httpx.AsyncClient) -> None:
    await figures_of(ann)
    await ann.post("/v1/agent/runs", json={"message": "after the first look"})
    found = [await figures_of(ann) for _ in range(5)]
    assert {f.sum("oneliner_runs", status="queued") for f in found} == {0}


async def test_without_a_token_only_this_machine_reads_and_no_proxy(front: Front) -> None:
    async with served(front) as url, front.client(base_url=url) as here:
        assert (await here.get("/metrics")).status_code == 200
        for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
            refused = await here.get("/metrics", headers={header: "127.0.0.1"})
            assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(("given", "status"), [("Bearer right-token", 200), ("Bearer wrong", 401), ("", 401)])
async def test_with_a_token_whoever_knows_it_reads_from_anywhere(tmp_path: Path, given: str, status: int) -> None:
    front = Front(tmp_path / "front.db", metrics_token="right-token")
    async with front.client() as client:
        headers = {"X-Forwarded-For": "203.0.113.7"} | ({"Authorization": given} if given else {})
        assert (await client.get("/metrics", headers=headers)).status_code == status
    await front.close()


async def test_a_stream_is_a_client_while_it_is_open_and_is_not_timed(tmp_path: Path) -> None:
    async with ModelServer() as model, deployed(tmp_path, model) as server:

        async def clients(count: int) -> bool:
            return (await server.figures()).sum("oneliner_sse_clients") == count

        async with server.client.stream("GET", "/v2/oneliner/stream") as stream:
            assert stream.status_code == 200
            await until(lambda: clients(1))
        await until(lambda: clients(0))
        found = await server.figures()
        assert found.sum("oneliner_http_requests_total", route="/v2/oneliner/stream") == 1
        assert found.sum("oneliner_http_request_seconds_count", route="/v2/oneliner/stream") == 0


async def test_a_page_is_given_while_the_database_does_not_answer(front: Front, ann: httpx.AsyncClient) -> None:
    await front.database.close()
    found = await asyncio.wait_for(figures_of(ann), 10)
    assert found.sum("oneliner_database_up") == 0
    assert "oneliner_runs" not in found.families
