from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import pytest
from aiohttp import web

from oneliner.client.connection import Connection
from oneliner.client.trouble import Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


class Server:
    """A server that does with the n-th request what the n-th of *answers* says."""

    def __init__(self, *answers: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
        self._answers = list(answers)
        self.requests: list[web.Request] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer))
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)  # pyright: ignore[reportArgumentType] - only headers are read
        return await self._answers.pop(0)(request)  # pyright: ignore[reportArgumentType]


def frame(seq: int, kind: str = "message.completed") -> bytes:
    return b'id: %d\ndata: {"type":"%s","seq":%d}\n\n' % (seq, kind.encode(), seq)


def stream(*pieces: bytes, is_cut: bool = False) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        if is_cut and request.transport is not None:
            request.transport.close()
        return response

    return answer


def status(number: int, **said: object) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(status=number) if number == 204 else web.json_response(said, status=number)

    return answer


async def seqs(events: AsyncIterator[object]) -> list[int]:
    return [event["seq"] async for event in events if isinstance(event, dict)]


async def test_a_stream_that_is_cut_is_taken_up_behind_the_last_event_and_each_event_comes_once() -> None:
    cut = stream(frame(1), frame(2), b"id: 3\ndata: {", is_cut=True)
    rest = stream(frame(2), frame(3), b": beat\n\n", frame(4, "run.completed"))
    async with Server(cut, rest, status(204)) as server, Connection(server.url, "t") as there:
        found = await seqs(there.frames("/r1", after=0))

    assert found == [1, 2, 3, 4]
    assert [request.headers["Last-Event-ID"] for request in server.requests] == ["0", "2", "4"]
    assert all(request.headers["Authorization"] == "Bearer t" for request in server.requests)


async def test_a_server_that_is_busy_is_asked_again_with_the_same_key_and_a_refusal_is_final() -> None:
    refusal = status(409, code="illegal_move", detail="cannot confirm a run that is done")
    async with Server(status(503), status(200, id="r1"), refusal) as server, Connection(server.url, "t") as there:
        assert await there.ask("POST", "/x", body={}) == {"id": "r1"}
        with pytest.raises(Refused, match="cannot confirm a run that is done") as refused:
            await there.ask("POST", "/x", body={})

    busy, again, _ = server.requests
    assert busy.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]
    assert (refused.value.status, refused.value.code) == (409, "illegal_move")


async def test_a_connection_that_is_lost_is_made_again_and_the_post_is_not_done_twice() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    told: list[str] = []
    async with (
        Server(status(200, n=1), cut, cut, status(200, n=2)) as server,
        Connection(server.url, "t", on_trouble=told.append) as there,
    ):
        await there.ask("GET", "/x")
        assert await there.ask("POST", "/x", body={}) == {"n": 2}

    assert len({request.headers["Idempotency-Key"] for request in server.requests[1:]}) == 1
    assert len(told) == 1
    assert server.url in told[0]


async def test_a_server_that_is_not_one_of_ours_is_told_as_such() -> None:
    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>hello</html>")

    async with Server(page) as server, Connection(server.url, "t") as there:
        with pytest.raises(Unreachable, match="does not answer as a OneLiner server does"):
            await there.ask("GET", "/x")


async def test_a_refused_token_is_renewed_once_for_all_who_were_refused_with_it() -> None:
    async def who(request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] == "Bearer token-1":
            return web.json_response({}, status=401)
        return web.json_response({"said": request.headers["Authorization"]})

    made: list[str] = []

    async def fresh() -> str:
        made.append(f"token-{len(made) + 1}")
        await asyncio.sleep(0)
        return made[-1]

    async with Server(*[who] * 5) as server, Connection(server.url, fresh) as there:
        first = await asyncio.gather(there.ask("GET", "/x"), there.ask("GET", "/x"))

    assert first == [{"said": "Bearer token-2"}] * 2
    assert made == ["token-1", "token-2"]


async def test_a_fixed_token_that_is_refused_is_refused() -> None:
    async with Server(status(401, code="unauthenticated")) as server, Connection(server.url, "t") as there:
        with pytest.raises(Refused) as refused:
            await there.ask("GET", "/x")

    assert (refused.value.status, refused.value.code) == (401, "unauthenticated")


async def test_a_busy_server_is_left_alone_for_as_long_as_it_asks() -> None:
    async def busy(_: web.Request) -> web.StreamResponse:
        return web.json_response({}, status=503, headers={"Retry-After": "1"})

    loop = asyncio.get_running_loop()
    async with Server(busy, status(200)) as server, Connection(server.url, "t") as there:
        before = loop.time()
        await there.ask("GET", "/x")

    assert loop.time() - before >= 1
