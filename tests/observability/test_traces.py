"""Traces: one from the request over the queue to the tools, by the names of the conventions, and nothing that was said."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from oneliner.testing import Call, ModelServer, Reply, Request, server_error
from tests.observability.kit import attributes, collecting, deployed, until

if TYPE_CHECKING:
    from pathlib import Path

CALLERS_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLERS_SPAN = "00f067aa0ba902b7"
TRACEPARENT = f"00-{CALLERS_TRACE}-{CALLERS_SPAN}-01"
SECRET_WORDS = ("the user's plum", "the model's pear", "the answer is a fig")


def script(model: ModelServer) -> None:
    model.script(
        Reply(SECRET_WORDS[1], tool_calls=[Call("current_time", {"time_zone": "Asia/Tokyo"})], usage=(100, 10, 40)),
        Reply(SECRET_WORDS[2], usage=(200, 20, 0)),
    )


async def test_one_trace_goes_from_the_request_over_the_queue_to_the_model_and_the_tools(tmp_path: Path) -> None:
    async with ModelServer() as model, collecting() as collector:
        script(model)
        async with deployed(tmp_path, model, ONELINER_OTLP_URL=collector.url) as server:
            run = await server.run(SECRET_WORDS[0], traceparent=TRACEPARENT)
            assert run["run_status"] == "done"
            await until(lambda: collector.named("invoke_agent main"))
        (request,) = collector.named("POST /v1/agent/runs")
        (queue,) = collector.named("queue")
        (agent,) = collector.named("invoke_agent main")
        chats = sorted(collector.named("chat test"), key=lambda s: s.start_time_unix_nano)
        (tool,) = collector.named("execute_tool current_time")

        ours = [request, queue, agent, *chats, tool]
        assert {span.trace_id.hex() for span in ours} == {CALLERS_TRACE}
        assert request.parent_span_id.hex() == CALLERS_SPAN
        assert queue.parent_span_id == agent.parent_span_id == request.span_id
        assert {s.parent_span_id for s in (*chats, tool)} == {agent.span_id}
        assert queue.end_time_unix_nano <= agent.end_time_unix_nano
        assert [s.kind for s in ours] == [
            Span.SPAN_KIND_SERVER,
            Span.SPAN_KIND_INTERNAL,
            Span.SPAN_KIND_INTERNAL,
            Span.SPAN_KIND_CLIENT,
            Span.SPAN_KIND_CLIENT,
            Span.SPAN_KIND_INTERNAL,
        ]
        conversation = {"gen_ai.conversation.id": run["session_id"]}
        assert (
            attributes(agent).items()
            >= {
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": "main",
                "gen_ai.usage.input_tokens": 300,
                "gen_ai.usage.output_tokens": 30,
                "oneliner.run.id": run["id"],
                "oneliner.run.status": "done",
                **conversation,
            }.items()
        )
        assert (
            attributes(chats[0]).items()
            >= {
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "test",
                "gen_ai.usage.input_tokens": 100,
                "gen_ai.usage.cache_read.input_tokens": 40,
                **conversation,
            }.items()
        )
        assert attributes(chats[0])["gen_ai.response.finish_reasons"] == ["tool_calls"]
        assert (
            attributes(tool).items()
            >= {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "current_time",
                "gen_ai.tool.type": "function",
                **conversation,
            }.items()
        )
        # Nothing that was said, neither in the traces nor in the log beside them.
        told = b"".join(collector.bodies)
        assert [words for words in (*SECRET_WORDS, "Asia/Tokyo") if words.encode() in told] == []
        assert [words for words in SECRET_WORDS if words in server.log] == []


async def test_what_was_said_is_in_the_traces_when_the_operator_wants_it(tmp_path: Path) -> None:
    async with ModelServer() as model, collecting() as collector:
        script(model)
        variables = {"ONELINER_OTLP_URL": collector.url, "ONELINER_TRACE_CONTENT": "on"}
        async with deployed(tmp_path, model, **variables) as server:
            await server.run(SECRET_WORDS[0])
            await until(lambda: collector.named("invoke_agent main"))
        chats = sorted(collector.named("chat test"), key=lambda s: s.start_time_unix_nano)
        last = attributes(chats[-1])
        said = json.loads(last["gen_ai.input.messages"])
        assert [m["role"] for m in said][-3:] == ["user", "assistant", "tool"]
        assert said[-3]["parts"] == [{"type": "text", "content": SECRET_WORDS[0]}]
        assert said[-2]["parts"][1]["type"] == "tool_call"
        assert json.loads(last["gen_ai.output.messages"])[0]["parts"][0]["content"] == SECRET_WORDS[2]
        assert json.loads(last["gen_ai.system_instructions"])
        (tool,) = collector.named("execute_tool current_time")
        assert json.loads(attributes(tool)["gen_ai.tool.call.arguments"])["time_zone"] == "Asia/Tokyo"
        assert attributes(tool)["gen_ai.tool.call.result"]


async def test_a_failed_call_is_marked_with_its_kind(tmp_path: Path) -> None:
    async with ModelServer() as model, collecting() as collector:
        model.script(server_error(503), Reply("well"))
        async with deployed(tmp_path, model, ONELINER_OTLP_URL=collector.url) as server:
            await server.run()
            await until(lambda: collector.named("invoke_agent main"))
        failed, answered = sorted(collector.named("chat test"), key=lambda s: s.start_time_unix_nano)
        assert (failed.status.code, attributes(failed)["error.type"]) == (Status.STATUS_CODE_ERROR, "unavailable")
        assert failed.status.message == ""
        assert answered.status.code == Status.STATUS_CODE_UNSET


async def test_a_run_goes_on_in_its_trace_after_a_crash(tmp_path: Path) -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        return Reply("never heard", delay_seconds=600) if len(asked) == 1 else Reply("heard")

    async with ModelServer(answer) as model, collecting() as collector:
        variables = {"ONELINER_OTLP_URL": collector.url}
        async with deployed(tmp_path, model, **variables) as server:
            begun = await server.client.post(
                "/v1/agent/runs", json={"message": "hello"}, headers={"traceparent": TRACEPARENT}
            )
            run_id = begun.json()["run_id"]
            await until(lambda: asked)
        # That server was killed. Another one on the same folder finds the run.
        async with deployed(tmp_path, model, **variables) as server:
            assert (await server.settled(run_id))["run_status"] == "done"
            await until(lambda: collector.named("invoke_agent main"))
        (agent,) = collector.named("invoke_agent main")
        assert agent.trace_id.hex() == CALLERS_TRACE
        # How long it was in the queue since its worker was lost, nobody has noted.
        assert collector.named("queue") == []


async def test_a_traceparent_that_is_none_begins_a_trace_of_its_own(tmp_path: Path) -> None:
    async with ModelServer(lambda _: Reply("well")) as model, collecting() as collector:
        async with deployed(tmp_path, model, ONELINER_OTLP_URL=collector.url) as server:
            for odd in ("nonsense", f"00-{'0' * 32}-{CALLERS_SPAN}-01", f"ff-{CALLERS_TRACE}-{CALLERS_SPAN}-01"):
                await server.run(traceparent=odd)
            await until(lambda: len(collector.named("invoke_agent main")) == 3)
        traces = {span.trace_id.hex() for span in collector.named("invoke_agent main")}
        assert len(traces) == 3
        assert CALLERS_TRACE not in traces
