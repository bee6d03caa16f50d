"""How a script is played to a client, and the account that is kept of it.

Owns the order of bytes on one connection, faults included. It does not choose scripts: :mod:`.server` does.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, NoReturn

from aiohttp import web

from oneliner.adapters.models.loopback import event_stream, paced
from oneliner.adapters.models.served import DONE, Reply, Wire, error_body
from oneliner.domain.usage import estimate_tokens
from oneliner.testing.scripts import Break, Broken, Held, Refusal, Script, Silence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneliner.adapters.models.served import Piece, Request

_KEEP_ALIVE = b": keepalive\n\n"
_MALFORMED_CHUNK = b'data: {"choices": [{"index": 0, "delta": {"content": \n\n'


class Outcome(StrEnum):
    """How a call ended, as the server saw it."""

    COMPLETED = "completed"
    """The whole answer was sent."""
    ABORTED = "aborted"
    """The client went away first, or the server was stopped."""
    BROKEN = "broken"
    """The script broke the answer."""
    REFUSED = "refused"
    """An HTTP error was sent; nothing is charged."""


@dataclass(frozen=True, slots=True)
class ServedCall:
    """One line of the bill. For an answer that was not sent whole, the output is what was sent of it."""

    request: Request
    outcome: Outcome
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


class Play:
    """One script on one connection. ``served()`` is its line of the bill, at any moment."""

    def __init__(self, script: Script, request: Request, http: web.Request) -> None:
        self._script = script
        self._request = request
        self._http = http
        self._outcome = Outcome.ABORTED
        self._wire: Wire | None = None
        self._sent: list[str] = []

    async def run(self) -> web.StreamResponse:
        """Send it all. Cancelled when the client goes away."""
        match self._script:
            case Reply() as reply:
                return await self._answer(reply)
            case Refusal() as refusal:
                self._outcome = Outcome.REFUSED
                return _refused(refusal, self._request.api_key)
            case Silence():
                return await _for_ever()
            case Held(until, reply, after_chunks):
                return await self._held(reply, after_chunks, until)
            case Broken() as broken:
                return await self._broken(broken)

    def served(self) -> ServedCall:
        """What the call is charged so far."""
        if self._wire is None:
            return ServedCall(self._request, self._outcome, 0, 0)
        usage = self._wire.usage
        is_whole = self._outcome is Outcome.COMPLETED
        output = usage.output_tokens if is_whole else estimate_tokens("".join(self._sent))
        return ServedCall(self._request, self._outcome, usage.input_tokens, output, usage.cached_tokens)

    async def _answer(self, reply: Reply) -> web.StreamResponse:
        self._wire = wire = Wire(reply, self._request)
        if not self._request.stream:
            await asyncio.sleep(reply.delay_seconds)
            return self._whole(wire)
        response = await self._opened(wire)
        await self._send(response, wire.pieces(), reply.delay_seconds)
        return await self._closed(response, wire)

    async def _held(self, reply: Reply, after_chunks: int, until: asyncio.Event) -> web.StreamResponse:
        if not after_chunks or not self._request.stream:
            await until.wait()
            return await self._answer(reply)
        self._wire = wire = Wire(reply, self._request)
        response = await self._opened(wire)
        pieces = wire.pieces()
        await self._send(response, islice(pieces, after_chunks), reply.delay_seconds)
        await until.wait()
        await self._send(response, pieces, reply.delay_seconds)
        return await self._closed(response, wire)

    def _whole(self, wire: Wire) -> web.Response:
        self._outcome = Outcome.COMPLETED
        return web.Response(body=wire.whole(), content_type="application/json")

    async def _opened(self, wire: Wire) -> web.StreamResponse:
        response = event_stream()
        await response.prepare(self._http)
        await response.write(wire.opening())
        return response

    async def _send(self, response: web.StreamResponse, pieces: Iterable[Piece], delay_seconds: float) -> None:
        async for piece in paced(pieces, delay_seconds):
            await response.write(piece.data)
            self._sent.append(piece.text)

    async def _closed(self, response: web.StreamResponse, wire: Wire) -> web.StreamResponse:
        await response.write(wire.finish() + wire.closing())
        self._outcome = Outcome.COMPLETED
        await response.write_eof()
        return response

    async def _broken(self, broken: Broken) -> web.StreamResponse:
        self._wire = wire = Wire(broken.reply, self._request)
        if not self._request.stream:
            self._outcome = Outcome.BROKEN
            return await self._broken_whole(broken, wire)
        response = await self._opened(wire)
        await self._send(response, islice(wire.pieces(), broken.after_chunks), broken.reply.delay_seconds)
        self._outcome = Outcome.BROKEN
        match broken.how:
            case Break.END:
                await response.write_eof()
            case Break.DONE_WITHOUT_FINISH:
                await response.write_eof(DONE)
            case Break.MALFORMED:
                await response.write_eof(_MALFORMED_CHUNK + DONE)
            case Break.ERROR_CHUNK:
                await response.write_eof(b"data: " + self._error(broken) + b"\n\n")
            case Break.HANG | Break.DRIP | Break.CUT:
                await self._stop_short(response, broken, _KEEP_ALIVE)
        return response

    async def _broken_whole(self, broken: Broken, wire: Wire) -> web.StreamResponse:
        match broken.how:
            case Break.END | Break.DONE_WITHOUT_FINISH:
                return web.Response(body=wire.whole(is_finished=False), content_type="application/json")
            case Break.MALFORMED:
                return web.Response(body=wire.whole()[:-10], content_type="application/json")
            case Break.ERROR_CHUNK:
                return web.Response(body=self._error(broken), content_type="application/json")
            case Break.HANG | Break.DRIP | Break.CUT:
                response = web.StreamResponse(headers={"Content-Type": "application/json"})
                await response.prepare(self._http)
                await response.write(wire.whole()[:-10])
                await self._stop_short(response, broken, b"\n")
                return response

    async def _stop_short(self, response: web.StreamResponse, broken: Broken, drop: bytes) -> None:
        if broken.how is Break.HANG:
            await _for_ever()
        while broken.how is Break.DRIP:
            await asyncio.sleep(broken.drip_seconds)
            await response.write(drop)
        # What was written is still flushed, then the connection ends without the last chunk of its body.
        if self._http.transport is not None:
            self._http.transport.close()

    def _error(self, broken: Broken) -> bytes:
        return error_body(_with_key(broken.message, self._request.api_key), "server_error")


async def _for_ever() -> NoReturn:
    await asyncio.Event().wait()
    raise AssertionError("an event that nobody sets was set")


def _refused(refusal: Refusal, api_key: str) -> web.Response:
    headers = {} if refusal.retry_after_seconds is None else {"Retry-After": f"{refusal.retry_after_seconds:g}"}
    body = error_body(_with_key(refusal.message, api_key), refusal.kind, refusal.code)
    return web.Response(status=refusal.status, body=body, content_type="application/json", headers=headers)


def _with_key(message: str, api_key: str) -> str:
    return message.replace("{key}", api_key)
