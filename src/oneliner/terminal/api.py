"""The HTTP API from the client's side: requests that may be repeated, and a stream of events that comes back.

A POST carries an idempotency key, so repeating it after a lost connection does nothing twice. A stream that breaks off is
taken up again behind the last event that was seen.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import orjson

from oneliner.terminal.sse import SseReader
from oneliner.terminal.trouble import Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from types import TracebackType

_REQUEST = aiohttp.ClientTimeout(total=60, sock_connect=10)
# The server says something at least every 12 s.
_STREAM = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30)
_NO_CONTENT = 204
_CLIENT_ERROR, _SERVER_ERROR = 400, 500
_AGAIN = frozenset({429, 502, 503, 504})
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.2, 5.0


class _Again(Exception):
    """Trying once more may help."""


class Api:
    """One server, spoken to with one token. *on_trouble* is told when a connection has to be made again; after
    *patience_seconds* without success a call gives up, and at once while the server never answered at all."""

    def __init__(
        self,
        base_url: str,
        token: str,
        *,
        on_trouble: Callable[[str], None] = lambda _: None,
        patience_seconds: float = 60.0,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"}
        self._on_trouble = on_trouble
        self._patience_seconds = patience_seconds
        self._client: aiohttp.ClientSession | None = None
        self._was_reached = False

    async def __aenter__(self) -> Self:
        # No variable of the environment may send a token through somebody's proxy unasked: trust_env stays off.
        self._client = aiohttp.ClientSession(headers=self._headers, json_serialize=lambda v: orjson.dumps(v).decode())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def get(self, path: str, **query: object) -> Any:
        """The JSON at *path*. Raises Refused, Unreachable."""
        params = [(k, str(item)) for k, v in query.items() for item in (v if isinstance(v, tuple) else (v,))]
        return await self._call("GET", path, params=[(k, v) for k, v in params if v not in {"", "None"}])

    async def post(self, path: str, body: Mapping[str, object]) -> Any:
        """The JSON answer to *body*. Raises Refused, Unreachable."""
        return await self._call("POST", path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})

    async def patch(self, path: str, body: Mapping[str, object]) -> Any:
        """The JSON answer to *body*. Raises Refused, Unreachable."""
        return await self._call("PATCH", path, json=body)

    async def delete(self, path: str) -> None:
        """Have what is at *path* deleted. Raises Refused, Unreachable."""
        await self._call("DELETE", path)

    async def look(self, path: str) -> tuple[int, Any]:
        """The status and the JSON (None: it is none) at *path*, tried once. Raises Unreachable: nobody answers."""
        try:
            async with self._open().get(self.base_url + path, timeout=_REQUEST) as response:
                content = await response.read()
                return response.status, _json(content)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(f"{self.base_url} cannot be reached: {_said(error)}") from error

    async def events(self, run_id: str, after: int = 0) -> AsyncIterator[Mapping[str, Any]]:
        """The events of a run after *after* and the text between them, until the run has ended and all is told.

        Events come once each and in order, whatever happens to the connection. Raises Refused, Unreachable.
        """
        seen = after
        attempts = self._attempts()
        while True:
            try:
                async with self._open().get(
                    f"{self.base_url}/v1/agent/runs/{run_id}/events",
                    headers={"Accept": "text/event-stream", "Last-Event-ID": str(seen)},
                    timeout=_STREAM,
                ) as response:
                    self._was_reached = True
                    if response.status == _NO_CONTENT:
                        return
                    await _check(response)
                    reader = SseReader()
                    async for chunk in response.content.iter_any():
                        attempts.succeeded()
                        for event in reader.feed(chunk):
                            seq = int(event.id) if event.id else seen + 1
                            if seq <= seen:
                                continue
                            if event.id:
                                seen = seq
                            yield orjson.loads(event.data)
                # Ended by the server: it says 204 next time when that was all.
            except (aiohttp.ClientError, TimeoutError, ValueError, _Again) as error:
                await attempts.wait(error)

    async def _call(self, method: str, path: str, **request: Any) -> Any:
        attempts = self._attempts()
        while True:
            try:
                async with self._open().request(method, self.base_url + path, timeout=_REQUEST, **request) as response:
                    self._was_reached = True
                    await _check(response)
                    content = await response.read()
                    return orjson.loads(content) if content else None
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError, _Again) as error:
                await attempts.wait(error)
            except (aiohttp.ClientError, ValueError) as error:
                raise Unreachable(f"{self.base_url} does not answer as a OneLiner server does: {error}") from error

    def _attempts(self) -> _Attempts:
        return _Attempts(self._patience, self._on_trouble, self.base_url)

    def _patience(self) -> float:
        return self._patience_seconds if self._was_reached else 0.0

    def _open(self) -> aiohttp.ClientSession:
        assert self._client is not None, "used outside of its context"
        return self._client


class _Attempts:
    """How often something was tried in a row, and when it is enough."""

    def __init__(self, patience_seconds: Callable[[], float], on_trouble: Callable[[str], None], where: str) -> None:
        self._patience_seconds = patience_seconds
        self._on_trouble = on_trouble
        self._where = where
        self._count = 0
        self._since = 0.0

    def succeeded(self) -> None:
        self._count = 0

    async def wait(self, error: Exception) -> None:
        """Wait before the next try. Raises Unreachable: it has been tried for long enough."""
        now = asyncio.get_running_loop().time()
        if self._count == 0:
            self._since = now
        if now - self._since >= self._patience_seconds():
            raise Unreachable(f"{self._where} cannot be reached: {_said(error)}") from error
        if self._count == 1:
            self._on_trouble(f"no connection to {self._where} ({_said(error)}); trying again")
        wait = min(_FIRST_WAIT_SECONDS * 2**self._count, _LONGEST_WAIT_SECONDS)
        self._count += 1
        await asyncio.sleep(wait * random.uniform(0.5, 1))  # noqa: S311 - spreads reconnects, guards nothing


async def _check(response: aiohttp.ClientResponse) -> None:
    """Raises Refused: an error that trying again does not cure; _Again: one that it may."""
    if response.status < _CLIENT_ERROR:
        return
    if response.status in _AGAIN:
        raise _Again(f"HTTP status {response.status}")
    try:
        problem = orjson.loads(await response.read())
    except ValueError:
        problem = {}
    raise Refused(response.status, problem if isinstance(problem, dict) else {})


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except ValueError:
        return None


def _said(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.strerror or "connection refused"
    return str(error) or type(error).__name__
