"""What only the direct client has to deal with: the wire itself."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from aiohttp import web
from wire_kit import DONE, KEY, chunk, finish, question, text, usage

from oneliner.adapters.models.limits import Limits
from oneliner.adapters.models.openai_wire import Endpoint
from oneliner.app.model import Question, ToolSpec, Turn
from oneliner.domain.errors import ModelFailure
from oneliner.domain.message import AskedCall
from oneliner.domain.usage import Usage
from oneliner.testing import model_permit

if TYPE_CHECKING:
    from wire_kit import MakeClient, Wire


async def answered(model_text: list[str], direct: MakeClient, asked: Question | None = None) -> str:
    answer = await direct().answer(asked or question(), model_text.append)
    return answer.text


async def test_bytes_may_be_cut_anywhere(wire: Wire, direct: MakeClient) -> None:
    whole = b"\r\n".join(
        (b": hi", b"event: message", b"id: 7", *(text("中文 "), text("🙂"), finish(), usage(3, 2), DONE))
    )
    whole = whole.replace(b"\n\n", b"\r\n\r\n")
    wire.stream(*(whole[i : i + 7] for i in range(0, len(whole), 7)))
    heard: list[str] = []
    assert await answered(heard, direct) == "".join(heard) == "中文 🙂"


async def test_a_surrogate_pair_in_two_chunks_is_one_character(wire: Wire, direct: MakeClient) -> None:
    wire.stream(text("a\ud83d"), text("\ude42b"), text("\ud83d"), text("c"), text("\ude42"), finish(), DONE)
    heard: list[str] = []
    assert await answered(heard, direct) == "".join(heard) == "a🙂b\ufffdc\ufffd"


async def test_half_a_pair_at_the_end_is_replaced(wire: Wire, direct: MakeClient) -> None:
    wire.stream(text("a\ud83d"), finish(), DONE)
    heard: list[str] = []
    assert await answered(heard, direct) == "".join(heard) == "a\ufffd"


async def test_an_endpoint_that_ignores_streaming_is_understood(wire: Wire, direct: MakeClient) -> None:
    function = {"name": "lookup", "arguments": "{}"}
    message = {"role": "assistant", "content": "whole", "tool_calls": [{"id": "a", "function": function}] * 2}
    body = {"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": {"prompt_tokens": 3,
            "completion_tokens": 4}}  # fmt: skip
    wire.refuse(200, b"\n " + json.dumps(body, indent=1).encode())
    heard: list[str] = []
    answer = await direct().answer(question(), heard.append)
    assert (answer.text, heard, answer.usage) == ("whole", ["whole"], Usage(3, 4))
    assert [call.name for call in answer.tool_calls] == ["lookup", "lookup"]
    assert len({call.call_id for call in answer.tool_calls}) == 2


async def test_calls_without_an_index_or_all_at_index_zero_are_told_apart(wire: Wire, direct: MakeClient) -> None:
    def call(call_id: str, arguments: object, **index: int) -> bytes:
        return chunk({"tool_calls": [{"id": call_id, "function": {"name": "f", "arguments": arguments}, **index}]})

    wire.stream(call("a", {"n": 1}), call("b", "{}"), call("c", "{}", index=0), call("d", "", index=0), finish(), DONE)
    answer = await direct().answer(question(), lambda _: None)
    assert answer.tool_calls == (
        AskedCall("a", "f", '{"n":1}'), AskedCall("b", "f", "{}"), AskedCall("c", "f", "{}"), AskedCall("d", "f", "{}"),
    )  # fmt: skip
    assert answer.finish_reason == "tool_calls"


async def test_a_call_without_a_name_is_malformed(wire: Wire, direct: MakeClient) -> None:
    wire.stream(chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"arguments": "{}"}}]}), finish(), DONE)
    with pytest.raises(ModelFailure) as caught:
        await direct().answer(question(), lambda _: None)
    assert (caught.value.kind, caught.value.retryable) == ("malformed", True)


@pytest.mark.parametrize(
    "nonsense",
    [b"data: []\n\n", b"data: 7\n\n", b'data: {"choices": 1}\n\n', b'data: {"choices": [{"delta": "x"}]}\n\n',
     b'data: {"choices": [{"delta": {"content": 5}}]}\n\n', b'data: {"choices": [{"delta": {"tool_calls": [3]}}]}\n\n',
     b"data: " + b"[" * 5000 + b"\n\n"],
)  # fmt: skip
async def test_chunks_of_another_shape_are_malformed(wire: Wire, direct: MakeClient, nonsense: bytes) -> None:
    wire.stream(nonsense, finish(), DONE)
    with pytest.raises(ModelFailure) as caught:
        await direct().answer(question(), lambda _: None)
    assert (caught.value.kind, caught.value.retryable) == ("malformed", True)


@pytest.mark.parametrize(
    "figures",
    [{"prompt_tokens": -1, "completion_tokens": 0}, {"prompt_tokens": "9"}, {"prompt_tokens": 2**70}, [1], {}, None],
)
async def test_figures_that_make_no_sense_are_counted_instead(wire: Wire, direct: MakeClient, figures: object) -> None:
    wire.stream(text("a"), finish(), chunk(None, usage=figures), DONE)
    answer = await direct().answer(question(), lambda _: None)
    assert answer.usage.estimated


async def test_twenty_megabytes_in_one_line_are_refused(wire: Wire, direct: MakeClient) -> None:
    wire.stream(b"data: " + b"x" * 20_000_000, then="hang")
    with pytest.raises(ModelFailure) as caught:
        await direct().answer(question(), lambda _: None)
    assert (caught.value.kind, caught.value.retryable) == ("output_limit", False)
    await asyncio.wait_for(wire.left.wait(), 5)


async def test_empty_deltas_are_silence(wire: Wire, direct: MakeClient) -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(chunk({"content": ""}))
            await asyncio.sleep(0.02)

    wire.serve(drip)
    with pytest.raises(ModelFailure) as caught:
        await direct(Limits(first_token_seconds=0.3)).answer(question(), lambda _: None)
    assert caught.value.kind == "timed_out"
    assert "did not begin to answer within 0.3 s" in caught.value.message


async def test_thinking_is_work_and_not_text(wire: Wire, direct: MakeClient) -> None:
    wire.stream(chunk({"reasoning_content": "hm"}), chunk({"reasoning": "so"}), text("yes"), finish(), DONE)
    heard: list[str] = []
    assert await answered(heard, direct) == "".join(heard) == "yes"


async def test_connections_are_used_again(wire: Wire, direct: MakeClient) -> None:
    wire.stream(text("a"), finish(), DONE)
    model = direct()
    for _ in range(5):
        await model.answer(question(), lambda _: None)
    assert len(wire.peers) == 1


async def test_a_listener_that_fails_ends_the_call_with_its_own_error(wire: Wire, direct: MakeClient) -> None:
    def listen(_: str) -> None:
        raise LookupError("mine")

    wire.stream(text("a"), then="hang")
    with pytest.raises(LookupError, match="mine"):
        await direct().answer(question(), listen)
    await asyncio.wait_for(wire.left.wait(), 5)


@pytest.mark.parametrize(
    ("refusal", "gone", "there"),
    [
        ("Unknown field: stream_options", "stream_options", None),
        ("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.", "max_tokens",
         "max_completion_tokens"),
    ],
)  # fmt: skip
async def test_a_refused_field_is_left_out_from_the_next_attempt_on(
    wire: Wire, direct: MakeClient, refusal: str, gone: str, there: str | None
) -> None:
    model = direct()
    asked = Question(model_permit("openai/m"), [Turn("user", "hi")], max_output_tokens=9)
    wire.refuse(400, {"error": {"message": refusal}})
    with pytest.raises(ModelFailure) as caught:
        await model.answer(asked, lambda _: None)
    assert (caught.value.kind, caught.value.retryable) == ("rejected", True)
    wire.stream(text("a"), finish(), DONE)
    await model.answer(asked, lambda _: None)
    assert gone in wire.asked[0]
    assert gone not in wire.asked[1]
    assert there is None or wire.asked[1][there] == 9


async def test_a_redirect_is_not_followed(wire: Wire, direct: MakeClient) -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/v1/chat/completions")

    wire.serve(elsewhere)
    with pytest.raises(ModelFailure) as caught:
        await direct().answer(question(), lambda _: None)
    assert (caught.value.kind, caught.value.retryable) == ("rejected", False)
    assert "redirects are not followed" in caught.value.message


async def test_the_conversation_is_sent_as_the_format_wants_it(wire: Wire, direct: MakeClient) -> None:
    wire.stream(text("a"), finish(), DONE)
    asked = Question(
        model_permit("openai/m"),
        [
            Turn("system", "be good"),
            Turn("assistant", "", (AskedCall("1", "f", '{"a":1}'), AskedCall("2", "f", "garbage"))),
            Turn("tool", "one", tool_call_id="1"),
        ],
        tools=[ToolSpec("f", "Does.", {"type": "object"})],
    )
    await direct().answer(asked, lambda _: None)
    system, assistant, tool = wire.asked[0]["messages"]
    assert system == {"role": "system", "content": "be good"}
    assert tool == {"role": "tool", "content": "one", "tool_call_id": "1"}
    assert assistant["content"] is None
    assert [c["function"]["arguments"] for c in assistant["tool_calls"]] == [
        '{"a":1}',
        '{"invalid_arguments":"garbage"}',  # servers parse the history and would refuse it for ever
    ]


async def test_a_schema_that_is_no_json_is_rejected_before_it_is_sent(wire: Wire, direct: MakeClient) -> None:
    tool = ToolSpec("f", "Does.", {"type": object()})
    with pytest.raises(ModelFailure, match="no JSON") as caught:
        await direct().answer(question(tool), lambda _: None)
    assert not caught.value.retryable
    assert not wire.asked


async def test_without_a_key_no_authorization_is_sent(wire: Wire, direct: MakeClient) -> None:
    wire.stream(text("a"), finish(), DONE)
    await direct(key="").answer(question(), lambda _: None)
    assert "authorization" not in wire.headers[0]


def test_an_endpoint_does_not_show_its_key_when_printed() -> None:
    assert KEY not in repr(Endpoint("http://127.0.0.1/v1", KEY))
