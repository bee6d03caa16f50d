"""A model server that says what it is told: the OpenAI wire format over real HTTP, on loopback.

Each request takes one script. First the routes are asked, in the order they were added: a route has a marker to find
in the last user message, or a predicate, and its own queue of scripts, so that many runs at once get each their own
answers in order. Then the common queue, then the handler. A request that no script is left for is answered 400 with
``no_script`` and noted in ``unscripted``: a test can assert that there were none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Self

from aiohttp import web

from oneliner.adapters.models.loopback import LoopbackSite
from oneliner.adapters.models.served import BadRequest, Request, encode, error_body, models_body, read_request
from oneliner.testing.playing import Outcome, Play, ServedCall
from oneliner.testing.scripts import Refusal, Script

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Handler = Callable[[Request], Script]

_NO_SCRIPT = Refusal(400, "no script is left for this request", "invalid_request_error", "no_script")


class ModelServer:
    """The server, as an async context manager.

    ``requests``: every request read, in order of arrival. ``calls_served``: one line per finished call. At most
    *kept_calls* of each are kept, the latest.
    """

    def __init__(self, handler: Handler | None = None, *, port: int = 0, kept_calls: int = 10_000) -> None:
        self.requests: deque[Request] = deque(maxlen=kept_calls)
        self.calls_served: deque[ServedCall] = deque(maxlen=kept_calls)
        self.unscripted: deque[Request] = deque(maxlen=kept_calls)
        self.models = ["scripted"]
        self._handler = handler
        self._queue: deque[Script] = deque()
        self._routes: list[tuple[Callable[[Request], bool], deque[Script]]] = []
        self._changed = asyncio.Condition()
        self._site = LoopbackSite(
            [
                web.post("/v1/chat/completions", self._complete),
                web.get("/v1/models", self._list_models),
                web.get("/bill", self._show_bill),
            ],
            port=port,
        )

    async def __aenter__(self) -> Self:
        await self._site.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._site.stop()

    @property
    def base_url(self) -> str:
        """Where a client is pointed at; it ends in ``/v1``."""
        return self._site.base_url

    def script(
        self, *scripts: Script, marker: str | None = None, when: Callable[[Request], bool] | None = None
    ) -> None:
        """Answer the next requests with *scripts*, one each.

        With *marker* only requests whose last user message contains it, with *when* only those it is true of.
        """
        if marker is not None:
            self._routes.append((lambda request: marker in request.last_user_text, deque(scripts)))
        elif when is not None:
            self._routes.append((when, deque(scripts)))
        else:
            self._queue.extend(scripts)

    def clear(self) -> None:
        """Forget what was scripted and not asked for yet."""
        self._routes.clear()
        self._queue.clear()

    async def until(self, condition: Callable[[], bool], *, within_seconds: float = 10.0) -> None:
        """Wait until *condition* is true; it is asked again whenever a request arrives or ends.

        Raises TimeoutError: it was not true within the time.
        """
        async with asyncio.timeout(within_seconds), self._changed:
            await self._changed.wait_for(condition)

    def bill(self) -> dict[str, int]:
        """The sums over ``calls_served``: calls by outcome, and tokens."""
        calls = self.calls_served
        counts = {str(outcome): sum(1 for c in calls if c.outcome is outcome) for outcome in Outcome}
        return counts | {
            "calls": len(calls),
            "prompt_tokens": sum(c.prompt_tokens for c in calls),
            "completion_tokens": sum(c.completion_tokens for c in calls),
            "cached_tokens": sum(c.cached_tokens for c in calls),
        }

    async def _complete(self, http: web.Request) -> web.StreamResponse:
        try:
            request = read_request(await http.read(), http.headers)
        except BadRequest as error:
            body = error_body(str(error), "invalid_request_error")
            return web.Response(status=400, body=body, content_type="application/json")
        self.requests.append(request)
        play = Play(self._next(request), request, http)
        await self._tell()
        try:
            return await play.run()
        finally:
            self.calls_served.append(play.served())
            await self._tell()

    def _next(self, request: Request) -> Script:
        for applies, scripts in self._routes:
            if scripts and applies(request):
                return scripts.popleft()
        if self._queue:
            return self._queue.popleft()
        if self._handler is not None:
            return self._handler(request)
        self.unscripted.append(request)
        return _NO_SCRIPT

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _list_models(self, _: web.Request) -> web.Response:
        return web.Response(body=models_body(*self.models), content_type="application/json")

    async def _show_bill(self, _: web.Request) -> web.Response:
        return web.Response(body=encode(self.bill()), content_type="application/json")
