from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneliner.adapters.models.served import Request, Wire, read_request
from oneliner.testing import (
    Break,
    Broken,
    Call,
    Held,
    ModelServer,
    Outcome,
    Refusal,
    Reply,
    Silence,
    duplicate_ids,
    flood,
    garbage_arguments,
    rate_limited,
    server_error,
    unauthorized,
    unstorable_text,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEY = "sk-secret-0123456789"


@pytest.fixture
async def server() -> AsyncIterator[ModelServer]:
    async with ModelServer() as running:
        yield running


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout, headers={"Authorization": f"Bearer {KEY}"}) as open_client:
        yield open_client


def body(text: str = "hello", *, stream: bool = True, **more: object) -> dict[str, Any]:
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
    messages = [{"role": "user", "content": text}]
    return {"model": "openai/scripted", "messages": messages, "stream": stream, **options, **more}


def post(client: aiohttp.ClientSession, server: ModelServer, **what: Any) -> Any:
    return client.post(f"{server.base_url}/chat/completions", json=body(**what))


async def frames(response: aiohttp.ClientResponse) -> list[str]:
    text = (await response.read()).decode()
    assert text.endswith("\n\n")
    return [frame.removeprefix("data: ") for frame in text.split("\n\n")[:-1]]


async def chunks(response: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    every = await frames(response)
    assert every[-1] == "[DONE]"
    return [json.loads(frame) for frame in every[:-1]]


def text_in(streamed: list[dict[str, Any]]) -> str:
    return "".join(c["delta"].get("content") or "" for chunk in streamed for c in chunk["choices"])


def finish_reasons(streamed: list[dict[str, Any]]) -> list[str]:
    return [c["finish_reason"] for chunk in streamed for c in chunk["choices"] if c["finish_reason"]]


async def read_some(response: aiohttp.ClientResponse) -> bytes:
    data = bytearray()
    while b'"content":"The"' not in data:
        data += await response.content.readany()
    return bytes(data)


async def read_into(seen: bytearray, response: aiohttp.ClientResponse) -> None:
    async for block in response.content.iter_any():
        seen += block


async def test_a_streamed_answer_has_a_role_the_text_a_finish_reason_the_usage_and_an_end(
    server: ModelServer, client: aiohttp.ClientSession
) -> None:
    server.script(Reply("Two words, 两个词 🙂.", usage=(11, 7, 3)))
    async with post(client, server) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        streamed = await chunks(response)
    assert streamed[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert text_in(streamed) == "Two words, 两个词 🙂."
    assert len(streamed) > 5
    assert finish_reasons(streamed) == ["stop"]
    assert streamed[-1]["choices"] == []
    assert streamed[-1]["usage"] == {
        "prompt_tokens": 11,
        "completion_tokens": 7,
        "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 3},
    }
    assert {chunk["model"] for chunk in streamed} == {"openai/scripted"}
    assert len({chunk["id"] for chunk in streamed}) == 1


async def test_a_whole_answer_carries_text_tool_calls_and_usage(
    server: ModelServer, client: aiohttp.ClientSession
) -> None:
    server.script(Reply("Looking.", [Call("look", {"at": "x"}), Call("wait", {})]))
    async with post(client, server, stream=False) as response:
        answer = await response.json()
    choice = answer["choices"][0]
    assert choice["message"]["content"] == "Looking."
    assert [c["function"]["name"] for c in choice["message"]["tool_calls"]] == ["look", "wait"]
    assert json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"]) == {"at": "x"}
    assert choice["finish_reason"] == "tool_calls"
    assert answer["usage"]["completion_tokens"] == server.calls_served[0].completion_tokens > 0


async def test_tool_arguments_stream_in_fragments_with_the_id_on_the_first_only(
    server: ModelServer, client: aiohttp.ClientSession
) -> None:
    long = {"path": "strategy/2026.md", "content": "many words " * 10}
    server.script(Reply(tool_calls=[Call("write", long), Call("look", {"at": "y"})]))
    async with post(client, server) as response:
        streamed = await chunks(response)
    fragments = [f for chunk in streamed for c in chunk["choices"] for f in c["delta"].get("tool_calls", [])]
    first = [f for f in fragments if f["index"] == 0]
    second = [f for f in fragments if f["index"] == 1]
    assert len(first) > 5
    for own in (first, second):
        assert ["id" in f for f in own] == [True, *[False] * (len(own) - 1)]
    assert first[0]["id"] != second[0]["id"]
    assert json.loads("".join(f["function"]["arguments"] for f in first)) == long
    assert finish_reasons(streamed) == ["tool_calls"]


async def test_usage_is_sent_only_when_asked_for_and_told(server: ModelServer, client: aiohttp.ClientSession) -> None:
    server.script(Reply("a"), Reply("b", sends_usage=False), Reply("c", sends_usage=False))
    async with post(client, server, stream_options=None) as response:
        assert all("usage" not in chunk for chunk in await chunks(response))
    async with post(client, server) as response:
        assert all(chunk.get("usage") is None for chunk in await chunks(response))
    async with post(client, server, stream=False) as response:
        assert "usage" not in await response.json()


async def test_scripts_are_taken_in_order_by_marker_then_predicate_then_queue_then_handler(
    client: aiohttp.ClientSession,
) -> None:
    def handler(request: Request) -> Reply:
        return Reply(f"echo {request.last_user_text}")

    async with ModelServer(handler) as server:
        server.script(Reply("m1"), Reply("m2"), marker="[run-7]")
        server.script(Reply("p"), when=lambda request: request.model.endswith("other"))
        server.script(Reply("q"))
        said: list[str] = []
        for text, model in [("x [run-7]", ""), ("y", "other"), ("z", ""), ("[run-7]", ""), ("[run-7]", "")]:
            async with post(client, server, text=text, stream=False, model=model or "m") as response:
                said.append((await response.json())["choices"][0]["message"]["content"])
    assert said == ["m1", "p", "q", "m2", "echo [run-7]"]


async def test_fifty_conversations_at_once_each_get_their_own_scripts(
    server: ModelServer, client: aiohttp.ClientSession
) -> None:
    for n in range(50):
        server.script(*(Reply(f"run {n} answer {k}") for k in range(3)), marker=f"<{n}>")

    async def converse(n: int) -> list[str]:
        said: list[str] = []
        for _ in range(3):
            async with post(client, server, text=f"<{n}>") as response:
                said.append(text_in(await chunks(response)))
        return said

    every = await asyncio.gather(*(converse(n) for n in range(50)))
    assert every == [[f"run {n} answer {k}" for k in range(3)] for n in range(50)]
    assert server.bill()["completed"] == 150
    assert not server.unscripted


async def test_requests_are_recorded_with_headers_and_an_unscripted_one_is_refused_and_noted(
    server: ModelServer, client: aiohttp.ClientSession
) -> None:
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
    async with post(client, server, text="who?", tools=[tool]) as response:
        assert response.status == 400
        assert (await response.json())["error"]["code"] == "no_script"
    request = server.requests[0]
    assert (request.api_key, request.last_user_text, request.tools[0].name) == (KEY, "who?", "look")
    assert list(server.unscripted) == [request]
    assert server.calls_served[0].outcome is Outcome.REFUSED


@pytest.mark.parametrize("raw", [b"", b"nonsense", b"[]", b'{"model": "m"}', b'{"model": "m", "messages": [1]}'])
async def test_what_is_no_request_is_answered_400(
    server: ModelServer, client: aiohttp.ClientSession, raw: bytes
) -> None:
    async with client.post(f"{server.base_url}/chat/completions", data=raw) as response:
        assert response.status == 400
        assert (await response.json())["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("refusal", "status"), [(rate_limited(2.5), 429), (server_error(), 500), (server_error(503), 503)]
)
async def test_refusals_have_their_status_and_cost_nothing(
    server: ModelServer, client: aiohttp.ClientSession, refusal: Refusal, status: int, *, stream: bool
) -> None:
    server.script(refusal)
    async with post(client, server, stream=stream) as response:
        assert response.status == status
        assert response.headers.get("Retry-After") == ("2.5" if status == 429 else None)
        assert "error" in await response.json()
    assert server.bill()["prompt_tokens"] == 0


async def test_a_401_and_an_error_chunk_echo_the_key_they_were_sent(
    server: ModelServer, client: aiohttp.ClientSession
) -> None:
    server.script(unauthorized(), Broken(Break.ERROR_CHUNK, message="bad key {key}"))
    async with post(client, server) as response:
        assert response.status == 401
        assert KEY in await response.text()
    async with post(client, server) as response:
        every = await frames(response)
    assert json.loads(every[-1])["error"]["message"] == f"bad key {KEY}"
    assert server.calls_served[1].outcome is Outcome.BROKEN


async def test_silence_sends_not_even_headers_and_ends_when_the_client_leaves(
    server: ModelServer, client: aiohttp.ClientSession
) -> None:
    server.script(Silence())
    asking = asyncio.ensure_future(client.post(f"{server.base_url}/chat/completions", json=body()))
    await server.until(lambda: len(server.requests) == 1)
    done, _ = await asyncio.wait([asking], timeout=0.2)
    assert not done
    asking.cancel()
    await server.until(lambda: len(server.calls_served) == 1)
    assert server.calls_served[0].outcome is Outcome.ABORTED
    assert server.calls_served[0].completion_tokens == 0


async def test_a_hang_in_mid_stream_comes_after_so_many_chunks_and_is_charged_for_them(
    server: ModelServer, client: aiohttp.ClientSession
) -> None:
    server.script(Broken(Break.HANG, Reply("The quick brown fox", usage=(100, 4, 0)), after_chunks=2))
    async with post(client, server) as response:
        data = await read_some(response)
        while b"quick" not in data:
            data += await response.content.readany()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(response.content.readany(), 0.2)
        response.close()
    await server.until(lambda: len(server.calls_served) == 1)
    call = server.calls_served[0]
    assert (call.outcome, call.prompt_tokens, call.completion_tokens) == (Outcome.BROKEN, 100, 3)


async def test_a_drip_sends_comments_and_nothing_else(server: ModelServer, client: aiohttp.ClientSession) -> None:
    server.script(Broken(Break.DRIP, after_chunks=1, drip_seconds=0.001))
    async with post(client, server) as response:
        data = await read_some(response)
        while data.count(b": keepalive\n\n") < 20:
            data += await response.content.readany()
        assert data.count(b"data:") == 2
        response.close()


async def test_a_cut_closes_the_connection_after_the_chunks(server: ModelServer, client: aiohttp.ClientSession) -> None:
    server.script(Broken(Break.CUT, after_chunks=2))
    async with post(client, server) as response:
        seen = bytearray()
        with pytest.raises(aiohttp.ClientPayloadError):
            await read_into(seen, response)
    assert b"The" in seen
    assert b"quick" in seen
    assert b'"stop"' not in seen
    assert b"DONE" not in seen


@pytest.mark.parametrize(("how", "has_done"), [(Break.END, False), (Break.DONE_WITHOUT_FINISH, True)])
async def test_a_clean_end_may_lack_the_finish_reason(
    server: ModelServer, client: aiohttp.ClientSession, how: Break, *, has_done: bool
) -> None:
    server.script(Broken(how, after_chunks=2))
    async with post(client, server) as response:
        every = await frames(response)
    assert ("[DONE]" in every) is has_done
    assert finish_reasons([json.loads(f) for f in every if f != "[DONE]"]) == []


async def test_a_malformed_chunk_is_no_json(server: ModelServer, client: aiohttp.ClientSession) -> None:
    server.script(Broken(Break.MALFORMED, after_chunks=1))
    async with post(client, server) as response:
        every = await frames(response)
    assert every[-1] == "[DONE]"
    with pytest.raises(json.JSONDecodeError):
        json.loads(every[-2])


@pytest.mark.parametrize("how", [Break.END, Break.MALFORMED, Break.ERROR_CHUNK, Break.CUT])
async def test_a_whole_answer_breaks_too(server: ModelServer, client: aiohttp.ClientSession, how: Break) -> None:
    server.script(Broken(how))
    async with post(client, server, stream=False) as response:
        if how is Break.CUT:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()
        elif how is Break.MALFORMED:
            with pytest.raises(json.JSONDecodeError):
                await response.json()
        else:
            answer = await response.json()
            assert "error" in answer or answer["choices"][0]["finish_reason"] is None
    assert server.bill()["broken"] == 1


async def test_garbage_arguments_duplicate_ids_and_unstorable_text_arrive_as_they_are(
    server: ModelServer, client: aiohttp.ClientSession
) -> None:
    server.script(garbage_arguments("look"), duplicate_ids(Call("a"), Call("b")), unstorable_text())
    async with post(client, server, stream=False) as response:
        call = (await response.json())["choices"][0]["message"]["tool_calls"][0]
    with pytest.raises(json.JSONDecodeError):
        json.loads(call["function"]["arguments"])
    async with post(client, server, stream=False) as response:
        calls = (await response.json())["choices"][0]["message"]["tool_calls"]
    assert [c["id"] for c in calls] == ["call_duplicate"] * 2
    async with post(client, server) as response:
        assert text_in(await chunks(response)) == unstorable_text().text


async def test_a_flood_is_twenty_megabytes(server: ModelServer, client: aiohttp.ClientSession) -> None:
    server.script(flood())
    async with post(client, server) as response:
        size = sum([len(block) async for block in response.content.iter_any()])
    assert size > 20_000_000 * 0.99
    await server.until(lambda: len(server.calls_served) == 1)
    assert server.calls_served[0].outcome is Outcome.COMPLETED


async def test_a_client_that_leaves_a_flood_aborts_it_and_is_charged_for_what_was_sent(
    server: ModelServer, client: aiohttp.ClientSession
) -> None:
    server.script(flood())
    async with post(client, server) as response:
        await response.content.readany()
        response.close()
    await server.until(lambda: len(server.calls_served) == 1)
    call = server.calls_served[0]
    assert call.outcome is Outcome.ABORTED
    assert 0 < call.completion_tokens < 4_000_000


@pytest.mark.parametrize(("stream", "after_chunks"), [(True, 1), (True, 0), (False, 0)])
async def test_a_held_reply_goes_on_when_the_test_says_so(
    server: ModelServer, client: aiohttp.ClientSession, *, stream: bool, after_chunks: int
) -> None:
    go = asyncio.Event()
    server.script(Held(go, after_chunks=after_chunks))
    asking = asyncio.ensure_future(client.post(f"{server.base_url}/chat/completions", json=body(stream=stream)))
    await server.until(lambda: len(server.requests) == 1)
    if after_chunks:
        async with await asking as response:
            assert b"quick" not in await read_some(response)
            go.set()
            assert b"quick" in await response.read()
    else:
        assert not asking.done()
        go.set()
        async with await asking as response:
            assert b"again" in await response.read()
    assert server.calls_served[0].outcome is Outcome.COMPLETED


async def test_leaving_the_server_ends_what_hangs() -> None:
    async with aiohttp.ClientSession() as client:
        async with ModelServer() as server:
            server.script(Silence())
            asking = asyncio.ensure_future(client.post(f"{server.base_url}/chat/completions", json=body()))
            await server.until(lambda: len(server.requests) == 1)
        with pytest.raises(aiohttp.ClientError):
            await asking


async def test_models_are_listed(server: ModelServer, client: aiohttp.ClientSession) -> None:
    async with client.get(f"{server.base_url}/models") as response:
        assert [m["id"] for m in (await response.json())["data"]] == ["scripted"]


@settings(deadline=None)
@given(text=st.text(), chars=st.one_of(st.none(), st.integers(1, 9)))
def test_the_chunks_add_up_to_the_text(text: str, chars: int | None) -> None:
    request = read_request(json.dumps(body()).encode(), {})
    pieces = list(Wire(Reply(text, chunk_chars=chars), request).pieces())
    assert "".join(p.text for p in pieces) == text
    decoded = [json.loads(p.data.removeprefix(b"data: ")) for p in pieces]
    assert text_in(decoded) == text


@pytest.mark.skipif(os.name == "nt", reason="stops the process with SIGTERM")
async def test_the_process_prints_its_address_answers_and_ends_on_sigterm(client: aiohttp.ClientSession) -> None:
    arguments = ["-m", "oneliner.testing.model_server", "--tokens", "5", "--token-delay-ms", "1"]
    process = await asyncio.create_subprocess_exec(sys.executable, *arguments, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        base_url = (await process.stdout.readline()).decode().strip()
        async with client.post(f"{base_url}/chat/completions", json=body()) as response:
            streamed = await chunks(response)
        async with client.get(f"{base_url.removesuffix('/v1')}/bill") as response:
            bill = await response.json()
    finally:
        process.send_signal(signal.SIGTERM)
        exit_code = await asyncio.wait_for(process.wait(), 10)
    assert exit_code == 0
    assert len(text_in(streamed).split()) == 5
    assert (bill["calls"], bill["completed"], bill["completion_tokens"]) == (1, 1, 5)
