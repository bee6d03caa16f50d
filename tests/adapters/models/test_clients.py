"""What both clients promise, against an endpoint that behaves and one that does not."""

from __future__ import annotations

import asyncio
import json
import socket
import time
import traceback
from typing import TYPE_CHECKING

import pytest
from wire_kit import DONE, KEY, chunk, finish, question, text, usage

from oneliner.adapters.models.limits import Limits
from oneliner.app.model import ToolSpec
from oneliner.domain.errors import ModelFailure
from oneliner.domain.message import AskedCall
from oneliner.domain.usage import Usage

if TYPE_CHECKING:
    from wire_kit import MakeClient, Wire

    from oneliner.app.model import Model, Question

# LiteLLM's types trip over its own validation library.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Item .* using the `ReadOnly` qualifier:UserWarning"),
    pytest.mark.filterwarnings("ignore:Accessing the 'model_.* on the instance is deprecated:DeprecationWarning"),
]

LOOKUP = ToolSpec("lookup", "Looks up.", {"type": "object", "properties": {"id": {"type": "integer"}}})
QUICK = Limits(first_token_seconds=0.3, idle_seconds=0.3, settle_seconds=0.3)
OVERSHOOT_SECONDS = 1.0


async def failure_of(model: Model, asked: Question) -> tuple[ModelFailure, str]:
    """How the call failed, and what was streamed before."""
    heard: list[str] = []
    with pytest.raises(ModelFailure) as caught:
        await model.answer(asked, heard.append)
    return caught.value, "".join(heard)


def calls(*fragments: tuple[int | None, str | None, str | None, str | None]) -> bytes:
    """One chunk of tool call fragments: index, id, name, arguments; None leaves the field out."""
    shaped: list[dict[str, object]] = []
    for index, call_id, name, arguments in fragments:
        function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
        fields = {"index": index, "id": call_id, "type": "function", "function": function}
        shaped.append({k: v for k, v in fields.items() if v is not None})
    return chunk({"tool_calls": shaped})


async def test_text_arrives_in_pieces_and_the_answer_is_whole(wire: Wire, client: MakeClient) -> None:
    wire.stream(chunk({"role": "assistant", "content": ""}), text("Hel"), text("lo"), finish(), usage(9, 2, 4), DONE)
    heard: list[str] = []
    answer = await client().answer(question(LOOKUP), heard.append)
    assert "".join(heard) == answer.text == "Hello"
    assert all(heard)
    assert answer.finish_reason == "stop"
    assert answer.usage == Usage(9, 2, cached_tokens=4)
    asked = wire.asked[0]
    assert asked["model"] == "test-model"
    assert asked["stream"] is True
    assert asked["stream_options"] == {"include_usage": True}
    assert asked["messages"] == [{"role": "user", "content": "hello"}]
    assert asked["tools"][0]["function"]["name"] == "lookup"
    assert wire.headers[0]["authorization"] == f"Bearer {KEY}"


async def test_parallel_tool_calls_are_put_together_from_fragments(wire: Wire, client: MakeClient) -> None:
    wire.stream(
        calls((0, "a", "lookup", ""), (1, "b", "lookup", "")),
        calls((0, None, None, '{"id"'), (1, None, None, '{"id":2}')),
        calls((0, None, None, ":1}")),
        finish("tool_calls"),
        usage(5, 5),
        DONE,
    )
    answer = await client().answer(question(LOOKUP), lambda _: None)
    assert answer.tool_calls == (AskedCall("a", "lookup", '{"id":1}'), AskedCall("b", "lookup", '{"id":2}'))
    assert answer.finish_reason == "tool_calls"


async def test_duplicate_and_missing_call_ids_become_unique(wire: Wire, client: MakeClient) -> None:
    wire.stream(
        calls((0, "x", "lookup", "{}")), calls((1, "x", "lookup", "{}")), calls((2, None, "lookup", "{}")),
        finish("tool_calls"), DONE,
    )  # fmt: skip
    answer = await client().answer(question(LOOKUP), lambda _: None)
    ids = [call.call_id for call in answer.tool_calls]
    assert ids[0] == "x"
    assert len(set(ids)) == 3
    assert all(ids)


async def test_garbage_arguments_are_passed_on_for_the_executor_to_judge(wire: Wire, client: MakeClient) -> None:
    wire.stream(calls((0, "a", "lookup", '{"id": nope')), finish("tool_calls"), DONE)
    answer = await client().answer(question(LOOKUP), lambda _: None)
    assert answer.tool_calls[0].arguments == '{"id": nope'


@pytest.mark.parametrize(
    ("sent", "meant"), [("stop", "stop"), ("length", "length"), ("content_filter", "content_filter")]
)
async def test_finish_reasons_keep_their_meaning(wire: Wire, client: MakeClient, sent: str, meant: str) -> None:
    wire.stream(text("a"), finish(sent), DONE)
    assert (await client().answer(question(), lambda _: None)).finish_reason == meant


async def test_usage_that_was_not_sent_is_counted_and_marked(wire: Wire, client: MakeClient) -> None:
    wire.stream(text("four and four"), finish(), DONE)
    answer = await client().answer(question(says="12345678"), lambda _: None)
    assert answer.usage == Usage(input_tokens=6, output_tokens=4, estimated=True)


@pytest.mark.parametrize("then", ["end", "cut", "done"])
async def test_a_stream_without_a_finish_reason_is_cut_not_complete(wire: Wire, client: MakeClient, then: str) -> None:
    if then == "done":
        wire.stream(text("half an "), DONE)
    else:
        wire.stream(text("half an "), then=then)
    failure, heard = await failure_of(client(), question())
    assert (failure.kind, failure.retryable) == ("truncated", True)
    assert failure.partial_text == heard == "half an "


async def test_silence_before_the_headers_meets_the_first_token_limit(wire: Wire, client: MakeClient) -> None:
    wire.serve(lambda _: asyncio.Event().wait())  # pyright: ignore[reportArgumentType] - never answers
    model = client(QUICK)
    began = time.monotonic()
    failure, _ = await failure_of(model, question())
    assert (failure.kind, failure.retryable) == ("timed_out", True)
    assert time.monotonic() - began < QUICK.first_token_seconds + OVERSHOOT_SECONDS
    await asyncio.wait_for(wire.left.wait(), 5)


@pytest.mark.parametrize("then", ["hang", "drip"])
async def test_no_content_is_silence_also_when_comments_keep_coming(wire: Wire, client: MakeClient, then: str) -> None:
    wire.stream(text("a "), text("bit"), then=then)
    began = time.monotonic()
    failure, heard = await failure_of(client(QUICK), question())
    assert (failure.kind, failure.retryable, heard) == ("timed_out", True, "a bit")
    assert "said nothing for 0.3 s" in failure.message
    assert time.monotonic() - began < QUICK.idle_seconds + OVERSHOOT_SECONDS
    await asyncio.wait_for(wire.left.wait(), 5)


async def test_the_total_time_is_limited_while_text_keeps_coming(wire: Wire, client: MakeClient) -> None:
    wire.stream(*[text("x")] * 5, then="hang")
    failure, _ = await failure_of(client(), question(total_seconds=0.4))
    assert failure.kind == "timed_out"
    assert "was not done within 0.4 s" in failure.message


async def test_an_answer_that_is_done_but_never_closed_is_still_the_answer(wire: Wire, client: MakeClient) -> None:
    wire.stream(text("done"), finish(), then="hang")
    answer = await client(QUICK).answer(question(), lambda _: None)
    assert (answer.text, answer.finish_reason) == ("done", "stop")


async def test_a_rate_limit_says_when_to_come_back(wire: Wire, client: MakeClient) -> None:
    wire.refuse(429, {"error": {"message": "slow down"}}, {"Retry-After": "7"})
    failure, _ = await failure_of(client(), question())
    assert (failure.kind, failure.retryable, failure.retry_after_seconds) == ("rate_limited", True, 7.0)
    assert "slow down" in failure.message
    assert len(wire.asked) == 1


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (500, "unavailable", True),
        (503, "unavailable", True),
        (409, "unavailable", True),
        (401, "unauthorized", False),
        (403, "unauthorized", False),
        (400, "rejected", False),
        (404, "rejected", False),
        (422, "rejected", False),
    ],
)
async def test_a_refusal_is_told_by_its_status_and_asked_once(
    wire: Wire, client: MakeClient, status: int, kind: str, *, retryable: bool
) -> None:
    wire.refuse(status, {"error": {"message": "because of the moon", "type": "t"}})
    failure, _ = await failure_of(client(), question())
    assert (failure.kind, failure.retryable) == (kind, retryable)
    assert "because of the moon" in failure.message
    assert len(wire.asked) == 1


async def test_an_empty_account_is_not_cured_by_trying_again(wire: Wire, client: MakeClient) -> None:
    wire.refuse(429, {"error": {"message": "you exceeded your quota", "code": "insufficient_quota"}})
    failure, _ = await failure_of(client(), question())
    assert (failure.kind, failure.retryable) == ("rejected", False)


async def test_a_chunk_that_is_no_json_is_malformed(wire: Wire, client: MakeClient) -> None:
    wire.stream(text("so "), b'data: {"choices": [{"del\n\n', finish(), DONE)
    failure, heard = await failure_of(client(), question())
    assert (failure.kind, failure.retryable, heard) == ("malformed", True, "so ")


async def test_an_error_in_the_stream_is_a_failure(wire: Wire, client: MakeClient) -> None:
    wire.stream(text("so "), b'data: {"error": {"message": "the engine fell over", "code": 502}}\n\n', DONE)
    failure, heard = await failure_of(client(), question())
    assert (failure.kind, failure.retryable, heard) == ("unavailable", True, "so ")
    assert "the engine fell over" in failure.message


async def test_nobody_listening_is_unavailable(client: MakeClient) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        failure, _ = await failure_of(client(base_url=f"http://127.0.0.1:{port}/v1"), question())
    assert (failure.kind, failure.retryable) == ("unavailable", True)


@pytest.mark.parametrize("where", ["refusal", "chunk"])
async def test_an_echoed_key_leaves_no_trace(
    wire: Wire, client: MakeClient, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    caplog.set_level(0)
    words = f"key {KEY}, known as {KEY[:12]} or {KEY[-9:]} or {KEY[:7]}****{KEY[-4:]}, 'Bearer {KEY}' is bad\x00"
    if where == "refusal":
        wire.refuse(401, {"error": {"message": words}})
    else:
        wire.stream(text("a"), b"data: " + json.dumps({"error": {"message": words}}).encode() + b"\n\n")
    failure, _ = await failure_of(client(), question())
    seen = "".join([*traceback.format_exception(failure), repr(vars(failure)), caplog.text])
    for piece in (KEY, KEY[:12], KEY[-9:], KEY[:7] + "*", KEY[:8], KEY[-8:]):
        assert piece not in seen
    assert failure.__cause__ is None
    assert failure.__context__ is None
    assert len(failure.message) <= 500
    assert "\x00" not in failure.message


async def test_too_long_an_answer_is_given_up(wire: Wire, client: MakeClient) -> None:
    wire.stream(*[text("x" * 1000)] * 30, then="hang")
    failure, heard = await failure_of(client(Limits(output_characters=20_000)), question())
    assert (failure.kind, failure.retryable) == ("output_limit", False)
    assert len(heard) <= 20_000
    await asyncio.wait_for(wire.left.wait(), 5)


async def test_tool_arguments_count_as_output(wire: Wire, client: MakeClient) -> None:
    wire.stream(calls((0, "a", "lookup", "")), *[calls((0, None, None, "y" * 1000))] * 30, then="hang")
    failure, _ = await failure_of(client(Limits(output_characters=20_000)), question(LOOKUP))
    assert failure.kind == "output_limit"


async def test_many_equal_chunks_are_an_answer(wire: Wire, client: MakeClient) -> None:
    wire.stream(*[text("--------")] * 300, finish(), DONE)
    assert (await client().answer(question(), lambda _: None)).text == "-" * 2400


async def test_what_no_database_stores_does_not_arrive(wire: Wire, client: MakeClient) -> None:
    wire.stream(text("a\x00b"), text("中文"), finish(), DONE)
    heard: list[str] = []
    answer = await client().answer(question(), heard.append)
    assert "".join(heard) == answer.text == "ab中文"


async def test_cancelling_the_call_closes_the_connection(wire: Wire, client: MakeClient) -> None:
    wire.stream(text("one"), then="hang")
    begun = asyncio.Event()
    task = asyncio.create_task(client().answer(question(), lambda _: begun.set()))
    await asyncio.wait_for(begun.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(wire.left.wait(), 5)
