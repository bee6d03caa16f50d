"""The HTTP API from the client's side: requests that may be repeated, and streams that come back.

A POST carries an idempotency key, so repeating it after a lost connection does nothing twice. A stream that breaks off is
taken up again behind the last event that was seen.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import aiohttp
import orjson

from oneliner.client.sse import SseReader
from oneliner.client.trouble import Refused, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping
    from types import TracebackType

#: A token, or a function that makes a fresh one; it is asked again when the server refuses the one it gave.
Token: TypeAlias = str | Callable[[], str | Awaitable[str]]

_REQUEST = aiohttp.ClientTimeout(total=60, sock_connect=10)
# The server says something at least every 12 s.
_STREAM = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=30)
_NO_CONTENT, _UNAUTHENTICATED = 204, 401
_CLIENT_ERROR = 400
_AGAIN = frozenset({429, 502, 503, 504})
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS, _LONGEST_ASKED_SECONDS = 0.2, 5.0, 30.0


class _Again(Exception):
    """Trying once more may help; the server may have said when."""

    def __init__(self, status: int, retry_after: str) -> None:
        super().__init__(f"HTTP status {status}")
        self.retry_after = retry_after


class Connection:
    """One server, spoken to as one user. *on_trouble* is told when a connection has to be made again; after
    *patience_seconds* without success a call gives up, and at once while the server never answered at all."""

    def __init__(
        self,
        base_url: str,
        token: Token,
        *,
        on_trouble: Callable[[str], None] = lambda _: None,
        patience_seconds: float = 60.0,
        language: str = "",
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._credentials = _Credentials(token)
        self._on_trouble = on_trouble
        self._patience_seconds = patience_seconds
        self._language = {"Accept-Language": language} if language else {}
        self._client: aiohttp.ClientSession | None = None
        self._was_reached = False

    async def __aenter__(self) -> Self:
        # No variable of the environment may send a token through somebody's proxy unasked: trust_env stays off.
        self._client = aiohttp.ClientSession(headers=self._language, json_serialize=lambda v: orjson.dumps(v).decode())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """The JSON that is answered, or None for an empty answer. What is None in *query* is left out; a list is
        repeated. Raises Refused, Unreachable.
        """
        headers: dict[str, str] = {}
        if method == "POST":
            headers["Idempotency-Key"] = idempotency_key or str(uuid.uuid4())
        attempts = self._attempts()
        while True:
            try:
                async with self._send(
                    method, path, headers, params=_pairs(query), json=body, timeout=_REQUEST
                ) as response:
                    await _check(response)
                    content = await response.read()
                    return orjson.loads(content) if content else None
            except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError, _Again) as error:
                await attempts.wait(error)
            except (aiohttp.ClientError, ValueError) as error:
                raise Unreachable(f"{self.base_url} does not answer as a OneLiner server does: {error}") from error

    async def look(self, path: str) -> tuple[int, Any]:
        """The status and the JSON (None: it is none) at *path*, tried once. Raises Unreachable: nobody answers."""
        try:
            async with self._send("GET", path, {}, timeout=_REQUEST) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(f"{self.base_url} cannot be reached: {_said(error)}") from error
        try:
            return response.status, orjson.loads(content)
        except ValueError:
            return response.status, None

    async def look_at_text(self, path: str) -> tuple[int, str, str]:
        """The status, the content type and the text at *path*, tried once. Raises Unreachable: nobody answers."""
        try:
            async with self._send("GET", path, {}, timeout=_REQUEST) as response:
                return response.status, response.headers.get("Content-Type", ""), await response.text(errors="replace")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unreachable(f"{self.base_url} cannot be reached: {_said(error)}") from error

    async def chunks(self, path: str, *, query: Mapping[str, object] | None = None) -> AsyncGenerator[bytes]:
        """The body at *path*, as it comes; tried once, because what was passed on cannot be taken back. Raises Refused;
        Unreachable: nobody answers, or it broke off before its end.
        """
        try:
            async with self._send("GET", path, {}, params=_pairs(query), timeout=_STREAM) as response:
                await _check(response)
                async for chunk in response.content.iter_any():
                    yield chunk
        except (aiohttp.ClientError, TimeoutError, _Again) as error:
            raise Unreachable(f"{self.base_url} did not send {path} to its end: {_said(error)}") from error

    async def frames(
        self, path: str, *, after: int | None = None, query: Mapping[str, object] | None = None
    ) -> AsyncGenerator[Mapping[str, Any]]:
        """The frames of a stream, from behind the event *after* (None: from where the server begins) until the server
        says that there is no more. Events come once each and in order, whatever happens to the connection; what has no
        id (text that is being written) comes as it comes. Raises Refused, Unreachable.
        """
        seen = after
        attempts = self._attempts()
        while True:
            headers = {"Accept": "text/event-stream"}
            if seen is not None:
                headers["Last-Event-ID"] = str(seen)
            try:
                async with self._send("GET", path, headers, params=_pairs(query), timeout=_STREAM) as response:
                    if response.status == _NO_CONTENT:
                        return
                    await _check(response)
                    reader = SseReader()
                    async for chunk in response.content.iter_any():
                        attempts.succeeded()
                        for event in reader.feed(chunk):
                            if event.id:
                                if seen is not None and int(event.id) <= seen:
                                    continue
                                seen = int(event.id)
                            yield orjson.loads(event.data)
                # Ended by the server: it says 204 next time when that was all.
            except (aiohttp.ClientError, TimeoutError, ValueError, _Again) as error:
                await attempts.wait(error)

    @asynccontextmanager
    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], **request: Any
    ) -> AsyncGenerator[aiohttp.ClientResponse]:
        """The answer of the server; a token that it refuses is renewed once, where that can be done."""
        assert self._client is not None, "used outside of its context"
        send = partial(self._client.request, method, self.base_url + path, **request)
        token = await self._credentials.token()
        response = await send(headers={**headers, "Authorization": f"Bearer {token}"})
        self._was_reached = True
        if response.status == _UNAUTHENTICATED and self._credentials.can_renew:
            response.release()
            token = await self._credentials.renewed(token)
            response = await send(headers={**headers, "Authorization": f"Bearer {token}"})
        async with response:
            yield response

    def _attempts(self) -> _Attempts:
        return _Attempts(self._patience, self._on_trouble, self.base_url)

    def _patience(self) -> float:
        return self._patience_seconds if self._was_reached else 0.0


class _Credentials:
    """The token in use, and how to come by another one."""

    def __init__(self, given: Token) -> None:
        self._given = given
        self._token = given if isinstance(given, str) else None
        self._renewing = asyncio.Lock()

    @property
    def can_renew(self) -> bool:
        return not isinstance(self._given, str)

    async def token(self) -> str:
        return self._token if self._token is not None else await self.renewed(None)

    async def renewed(self, refused: str | None) -> str:
        """Another token than *refused*: that of whoever was first to ask for one, if several did at once."""
        async with self._renewing:
            if self._token is None or self._token == refused:
                made = self._given if isinstance(self._given, str) else self._given()
                self._token = await made if isawaitable(made) else made
            return self._token


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
        wait *= random.uniform(0.5, 1)  # noqa: S311 - spreads reconnects, guards nothing
        self._count += 1
        await asyncio.sleep(max(wait, min(_asked_wait(error), _LONGEST_ASKED_SECONDS)))


async def _check(response: aiohttp.ClientResponse) -> None:
    """Raises Refused: an error that trying again does not cure; _Again: one that it may."""
    if response.status < _CLIENT_ERROR:
        return
    if response.status in _AGAIN:
        raise _Again(response.status, response.headers.get("Retry-After", ""))
    try:
        problem = orjson.loads(await response.read())
    except ValueError:
        problem = {}
    raise Refused(response.status, problem if isinstance(problem, dict) else {})


def _pairs(query: Mapping[str, object] | None) -> list[tuple[str, str]]:
    """*query* as aiohttp takes it: what is None is left out, a list or tuple is repeated."""
    many = [(name, v if isinstance(v, list | tuple) else (v,)) for name, v in (query or {}).items() if v is not None]
    return [(name, str(value)) for name, values in many for value in values]


def _asked_wait(error: Exception) -> float:
    return float(error.retry_after) if isinstance(error, _Again) and error.retry_after.isdigit() else 0.0


def _said(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return error.strerror or "connection refused"
    return str(error) or type(error).__name__
