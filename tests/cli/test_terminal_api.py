from __future__ import annotations

from typing import TYPE_CHECKING, Self

import pytest
from aiohttp import web

from oneliner.terminal.api import Api
from oneliner.terminal.trouble import Refused, Unreachable

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
    async with Server(cut, rest, status(204)) as server, Api(server.url, "t") as api:
        found = await seqs(api.events("r1"))

    assert found == [1, 2, 3, 4]
    assert [request.headers["Last-Event-ID"] for request in server.requests] == ["0", "2", "4"]
    assert all(request.headers["Authorization"] == "Bearer t" for request in server.requests)


async def test_a_server_that_is_busy_is_asked_again_with_the_same_key_and_a_refusal_is_final() -> None:
    refusal = status(409, code="illegal_move", detail="cannot confirm a run that is done")
    async with Server(status(503), status(200, id="r1"), refusal) as server, Api(server.url, "t") as api:
        assert await api.post("/x", {}) == {"id": "r1"}
        with pytest.raises(Refused, match="cannot confirm a run that is done") as refused:
            await api.post("/x", {})

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
        Api(server.url, "t", on_trouble=told.append) as api,
    ):
        await api.get("/x")
        assert await api.post("/x", {}) == {"n": 2}

    assert len({request.headers["Idempotency-Key"] for request in server.requests[1:]}) == 1
    assert len(told) == 1
    assert server.url in told[0]


async def test_a_server_that_is_not_one_of_ours_is_told_as_such() -> None:
    async def page(_: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>hello</html>")

    async with Server(page) as server, Api(server.url, "t") as api:
        with pytest.raises(Unreachable, match="does not answer as a OneLiner server does"):
            await api.get("/x")
