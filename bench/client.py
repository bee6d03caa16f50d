"""A load client that costs little: requests over kept connections, by a protocol that looks at bytes as they come."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import orjson

_STAMP = re.compile(rb"(\d+\.\d{6}) ")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_END = re.compile(rb'"type":"(run\.(?:completed|failed|cancelled))"')


@dataclass
class Seen:
    """What one run looked like from outside; seconds since it was posted."""

    accepted: float = 0.0
    first_event: float = 0.0
    first_token: float = 0.0
    #: When the model sent its first token, which it does as soon as it is asked.
    model_asked: float = 0.0
    ended: float = 0.0
    late: list[float] = field(default_factory=list[float])
    #: When each of *late* came, by the monotonic clock.
    at: list[float] = field(default_factory=list[float])
    status: str = ""


class _Connection(asyncio.Protocol):
    """One kept connection; one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self.is_open = True
        self._answer: asyncio.Future[bytes] | None = None
        self._parts: list[bytes] = []
        self._seen: Seen | None = None
        self._start = 0.0
        self._expected = -1
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    async def ask(self, request: bytes, seen: Seen | None = None, start: float = 0.0) -> bytes:
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._parts, self._seen, self._start, self._expected, self._size = [], seen, start, -1, 0
        self._transport.write(request)
        return await self._answer

    def data_received(self, data: bytes) -> None:
        if self._answer is None or self._answer.done():
            return
        if self._seen is None:
            self._parts.append(data)
        else:
            _look(self._seen, data, self._start)
        self._size += len(data)
        if not self._expected > 0:
            head, found, _ = data.partition(b"\r\n\r\n")
            length = _LENGTH.search(head)
            if found and b" 204 " in head[:16]:
                self._expected = self._size
            elif length is not None:
                self._expected = len(head) + 4 + int(length[1])
            elif found:
                self._expected = 1 << 60
        if self._size >= self._expected or (self._expected == 1 << 60 and data.endswith(b"0\r\n\r\n")):
            self._answer.set_result(b"".join(self._parts))

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server closed the connection"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


def _look(seen: Seen, data: bytes, start: float) -> None:
    now = time.monotonic()
    if not seen.first_event and b"data:" in data:
        seen.first_event = now - start
    if b'"message.completed"' not in data and b'"message.snapshot"' not in data:
        stamps = _STAMP.findall(data)
        if stamps:
            seen.first_token = seen.first_token or now - start
            seen.model_asked = seen.model_asked or float(stamps[0]) - start
            seen.late += [now - float(s) for s in stamps]
            seen.at += [now] * len(stamps)
    ended = _END.search(data)
    if ended is not None:
        seen.status = ended[1].decode()


class Load:
    def __init__(self, base_url: str, token: str) -> None:
        address = urlsplit(base_url)
        self._host, self._port = str(address.hostname), int(address.port or 80)
        self._head = f" HTTP/1.1\r\nhost: {address.netloc}\r\nauthorization: Bearer {token}\r\n".encode()
        self._free: list[_Connection] = []

    async def close(self) -> None:
        for connection in self._free:
            connection.close()

    async def connection(self) -> _Connection:
        while self._free:
            # The server closes what was idle for a while.
            if (kept := self._free.pop()).is_open:
                return kept
        _, made = await asyncio.get_running_loop().create_connection(_Connection, self._host, self._port)
        return made

    def get_request(self, path: str) -> bytes:
        return b"GET " + path.encode() + self._head + b"\r\n"

    def post_request(self, path: str, body: dict[str, object]) -> bytes:
        data = orjson.dumps(body)
        sizes = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data)
        return b"POST " + path.encode() + self._head + sizes + data

    async def get(self, path: str) -> bytes:
        connection = await self.connection()
        answer = await connection.ask(self.get_request(path))
        self._free.append(connection)
        return answer.partition(b"\r\n\r\n")[2]

    async def run(self, message: str) -> Seen:
        """Post one chat message in a session of its own and follow the run to its end."""
        seen, start = Seen(), time.monotonic()
        connection = await self.connection()
        accepted = await connection.ask(self.post_request("/v1/agent/runs", {"message": message}))
        run_id = orjson.loads(accepted.partition(b"\r\n\r\n")[2])["run_id"]
        seen.accepted = time.monotonic() - start
        await connection.ask(self.get_request(f"/v1/agent/runs/{run_id}/events"), seen, start)
        seen.ended = time.monotonic() - start
        self._free.append(connection)
        return seen

    async def passthrough(self, message: str) -> Seen:
        seen, start = Seen(), time.monotonic()
        connection = await self.connection()
        body: dict[str, object] = {"model": "m", "stream": True, "messages": [{"role": "user", "content": message}]}
        await connection.ask(self.post_request("/", body), seen, start)
        seen.ended, seen.status = time.monotonic() - start, "run.completed"
        self._free.append(connection)
        return seen
