"""The two clients: the operations of the API as methods, and what takes more than one request."""

from __future__ import annotations

from contextlib import ExitStack, aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from anyio.from_thread import start_blocking_portal

from oneliner.client.connection import Connection, Token
from oneliner.client.operations import AsyncOperations, Operations

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
    from types import TracebackType

    from anyio.from_thread import BlockingPortal

    from oneliner.client import answers

ItemT = TypeVar("ItemT")
_FOR_A_PERSON = frozenset({"needs_confirmation", "blocked"})


class AsyncClient(AsyncOperations):
    """One server, spoken to as one user.

    *token* is a token, or a function (async or not) that makes one; it is asked again when the server refuses the one it
    gave. *language* is that of ``status_summary``, as in Accept-Language. After *patience_seconds* without an answer a
    call gives up, at once while the server never answered at all. Every method raises Refused: the server said no,
    ``code`` says why; Unreachable: it did not answer.
    """

    def __init__(self, base_url: str, token: Token, *, language: str = "", patience_seconds: float = 60.0) -> None:
        self._connection = Connection(base_url, token, language=language, patience_seconds=patience_seconds)

    async def __aenter__(self) -> Self:
        await self._connection.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.__aexit__(kind, error, trace)

    async def ask(self, method: str, path: str, **request: Any) -> Any:
        """The JSON answer to a request; for what no method is made for."""
        return await self._connection.ask(method, path, **request)

    def events(self, run_id: str, *, after: int = 0) -> AsyncGenerator[Mapping[str, Any]]:
        """The run events behind *after* and the text between them, as frames, until the run has ended.

        Events come once each and in order, whatever happens to the connection; ``message.delta`` and
        ``message.snapshot`` are live only and have no ``seq``.
        """
        return self._connection.frames(f"/v1/agent/runs/{run_id}/events", after=after)

    def stream(self, *, project_id: str | None = None, after: int | None = None) -> AsyncGenerator[Mapping[str, Any]]:
        """All that happens to the caller's runs, from now on or from behind the cursor *after* (``event_cursor`` of
        :meth:`get_me`), without an end.
        """
        return self._connection.frames("/v2/oneliner/stream", after=after, query={"project_id": project_id})

    async def wait(self, run_id: str) -> answers.RunAnswer:
        """The run as soon as it has ended, or waits for a person: a confirmation, an answer."""
        async with aclosing(self.events(run_id)) as events:
            async for event in events:
                if event.get("details", {}).get("run_status") in _FOR_A_PERSON:
                    run = await self.get_run(run_id)
                    if run["run_status"] in _FOR_A_PERSON and run["last_seq"] == event["seq"]:
                        return run
        return await self.get_run(run_id)

    async def every(self, page: Callable[..., Awaitable[Any]], *where: str, **filters: object) -> AsyncIterator[Any]:
        """The items of all pages of a list: ``client.every(client.list_runs, status=["failed"])``."""
        before = None
        while True:
            found = await page(*where, before=before, **filters)
            for item in found["items"]:
                yield item
            before = found["next_cursor"]
            if before is None:
                return


class Client(Operations):
    """:class:`AsyncClient` for code without asyncio; it may be used from several threads."""

    def __init__(self, base_url: str, token: Token, *, language: str = "", patience_seconds: float = 60.0) -> None:
        self._client = AsyncClient(base_url, token, language=language, patience_seconds=patience_seconds)
        self._stack = ExitStack()
        self._loop: BlockingPortal | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._loop = stack.enter_context(start_blocking_portal())
            stack.enter_context(self._loop.wrap_async_context_manager(self._client))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def ask(self, method: str, path: str, **request: Any) -> Any:
        """The JSON answer to a request; for what no method is made for."""
        return self._portal.call(partial(self._client.ask, method, path, **request))

    def events(self, run_id: str, *, after: int = 0) -> Generator[Mapping[str, Any]]:
        """As :meth:`AsyncClient.events`."""
        return self._each(self._client.events(run_id, after=after))

    def stream(self, *, project_id: str | None = None, after: int | None = None) -> Generator[Mapping[str, Any]]:
        """As :meth:`AsyncClient.stream`."""
        return self._each(self._client.stream(project_id=project_id, after=after))

    def wait(self, run_id: str) -> answers.RunAnswer:
        """As :meth:`AsyncClient.wait`."""
        return self._portal.call(self._client.wait, run_id)

    def every(self, page: Callable[..., Any], *where: str, **filters: object) -> Iterator[Any]:
        """As :meth:`AsyncClient.every`."""
        before = None
        while True:
            found = page(*where, before=before, **filters)
            yield from found["items"]
            before = found["next_cursor"]
            if before is None:
                return

    @property
    def _portal(self) -> BlockingPortal:
        assert self._loop is not None, "used outside of its context"
        return self._loop

    def _each(self, items: AsyncGenerator[ItemT]) -> Generator[ItemT]:
        end = object()
        try:
            while (item := self._portal.call(anext, items, end)) is not end:
                yield item  # pyright: ignore[reportReturnType]  # not the end, so one of the items
        finally:
            self._portal.call(items.aclose)
