"""The connection to one MCP server: opened, kept, lost, opened again.

One task owns it from its opening to its closing; whoever wants something asks through :meth:`Connection.call`. While it
is lost, the tools that were listed stay known, and a call waits for the next opening within its own time. What a server
sends is foreign: it is bounded, and whatever it does becomes a :class:`ToolFailed` or the state ``failed``.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from oneliner.adapters.tools.mcp.calls import MAX_SAID_CHARS, Calls, failed
from oneliner.adapters.tools.mcp.listing import MAX_TOOLS, Listed, Offered, offered
from oneliner.adapters.tools.mcp.questions import begun
from oneliner.adapters.tools.mcp.transport import Route
from oneliner.app.mcp import McpHealth, McpState, RefusedTool
from oneliner.app.tools import ToolFailed
from oneliner.domain.errors import Invalid
from oneliner.domain.mcp_server import filled, variables_of
from oneliner.domain.text import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from oneliner.domain.mcp_server import McpServer

#: How long between two looks at a server's list of tools that nobody announced a change of.
REFRESH_SECONDS = 60.0
FIRST_BACKOFF_SECONDS = 0.5
LONGEST_BACKOFF_SECONDS = 60.0
# However often a server says that its tools have changed, and however many calls want it back.
_SHORTEST_PAUSE_SECONDS = 0.25
_CLOSE_SECONDS = 10.0
_MAX_PAGES = 20
_SHORTEST_SECRET_CHARS = 4

log = logging.getLogger("oneliner.mcp")
# These write what goes over the wire: arguments, results, and addresses that may hold a key.
for _name in ("mcp", "client", "httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Connection:
    """The connection to *server*. :meth:`start` begins it; *on_change* is called when its tools have changed."""

    def __init__(self, server: McpServer, environment: Mapping[str, str], on_change: Callable[[], None]) -> None:
        self.server = server
        self.tools: Sequence[Offered] = ()
        self._refused: Sequence[RefusedTool] = ()
        self._environment = environment
        self._on_change = on_change
        self._client: Client | None = None
        self._state = McpState.CONNECTING
        self._error = ""
        self._protocol = self._software = ""
        self._reconnects = 0
        self._ready = asyncio.Event()
        self._settled = asyncio.Event()
        self._attention = asyncio.Event()
        self._calls = Calls(server, self.redacted, self._attention.set)
        self._wanted = asyncio.Event()
        self._closing = False
        self._has_ended = False
        self._task: asyncio.Task[None] | None = None

    @property
    def health(self) -> McpHealth:
        """How it is doing."""
        return McpHealth(
            state=self._state,
            error=self._error,
            protocol=self._protocol,
            software=self._software,
            reconnects=self._reconnects,
            tools=tuple(t.spec.name for t in self.tools),
            refused=tuple(self._refused),
        )

    def start(self) -> None:
        """Begin to connect."""
        self._task = asyncio.ensure_future(self._keep())

    async def settled(self) -> None:
        """Return when the first attempt to connect has succeeded or failed."""
        await self._settled.wait()

    async def call(
        self, tool: Offered, arguments: Mapping[str, object], resumed: Mapping[str, Any] | None = None
    ) -> types.CallToolResult:
        """What the server returns for a call of *tool*, within its time limit; *resumed* as in ``CallContext``.

        Raises ToolFailed: it did not, or not what it promised. Raises NeedsAnswer: it asks the user. Raises
        OutcomeUnknown: the connection was lost meanwhile, and the tool is none that may be called again.
        """
        limit = tool.spec.timeout_seconds
        progress = begun(resumed)
        if progress.open_key is not None:
            raise progress.asking(self.server.name)
        try:
            async with asyncio.timeout(limit):
                return await self._calls.make(await self._connected(), tool, arguments, progress)
        except TimeoutError:
            raise failed(tool, self._why_no_answer(limit)) from None

    async def close(self) -> None:
        """End it, and with it the process of a command."""
        self._closing = True
        self._attention.set()
        self._wanted.set()
        if self._task is None:
            return
        await asyncio.wait({self._task}, timeout=_CLOSE_SECONDS)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_CLOSE_SECONDS)

    def redacted(self, text: str) -> str:
        """*text* without the secrets that this connection was given."""
        for name in variables_of(self.server):
            with suppress(Invalid):
                value = filled(f"${{{name}}}", self._environment)
                if len(value) >= _SHORTEST_SECRET_CHARS:
                    text = text.replace(value, "[redacted]")
        return text

    # Keeping it.

    async def _keep(self) -> None:
        pause = FIRST_BACKOFF_SECONDS
        while not self._closing:
            self._state = McpState.CONNECTING if not self._error else self._state
            self._has_ended = False
            self._attention.clear()
            try:
                await self._live()
            except Exception as error:  # noqa: BLE001 - a server and the library that speaks to it may raise anything; none of it may end the keeping
                self._lost(error)
            else:
                self._lost(None)
            if self._closing:
                return
            if self._was_ready:
                pause = FIRST_BACKOFF_SECONDS
            await self._pause(pause)
            pause = min(pause * 2, LONGEST_BACKOFF_SECONDS)

    async def _live(self) -> None:
        """One life of the connection, from opening to loss."""
        self._was_ready = False
        route = self._route = Route(self.server, self._environment, self._notice_end)
        async with route.transport() as transport:
            client = Client(
                transport,
                cache=None,
                client_info=types.Implementation(name="oneliner", version=version("oneliner")),
                message_handler=self._hear,
                elicitation_callback=self._calls.elicit,
                read_timeout_seconds=self.server.connect_seconds,
            )
            async with asyncio.timeout(self.server.connect_seconds) as limit, client:
                await self._list(client)
                limit.reschedule(None)
                self._opened(client)
                await self._stay(client)

    async def _stay(self, client: Client) -> None:
        listening = asyncio.ensure_future(self._listen(client))
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(REFRESH_SECONDS):
                        await self._attention.wait()
                if self._closing or self._has_ended:
                    return
                await asyncio.sleep(_SHORTEST_PAUSE_SECONDS)
                self._attention.clear()
                async with asyncio.timeout(self.server.connect_seconds):
                    await self._list(client)
        finally:
            self._client = None
            self._ready.clear()
            listening.cancel()
            await asyncio.wait({listening})

    async def _listen(self, client: Client) -> None:
        """Have changes told, where the server speaks the protocol in which they must be asked for."""
        capability = client.server_capabilities.tools
        if client.protocol_version not in MODERN_PROTOCOL_VERSIONS or not (capability and capability.list_changed):
            return
        try:
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self._attention.set()
        except (MCPError, RuntimeError, TimeoutError):
            # It does not tell; its list is looked at now and then all the same.
            return

    async def _list(self, client: Client) -> None:
        listed: list[Listed] = []
        cursor: str | None = None
        for _ in range(_MAX_PAGES):
            page = await client.list_tools(cursor=cursor)
            listed += [_listed(tool) for tool in page.tools]
            cursor = page.next_cursor
            if not cursor or len(listed) > MAX_TOOLS:
                break
        before = [t.spec for t in self.tools]
        self.tools, self._refused = offered(self.server, listed)
        if [t.spec for t in self.tools] != before:
            self._on_change()

    def _opened(self, client: Client) -> None:
        info = client.server_info
        self._client = client
        self._was_ready = True
        self._state, self._error = McpState.READY, ""
        self._protocol = client.protocol_version
        self._software = clean(f"{info.name} {info.version}"[:200]) if info else ""
        self._ready.set()
        self._settled.set()
        facts = {"server": self.server.name, "protocol": self._protocol, "tools": len(self.tools)}
        log.info("mcp.connected", extra=facts)

    def _lost(self, error: Exception | None) -> None:
        if self._closing:
            return
        if self._was_ready:
            self._reconnects += 1
        self._state = McpState.FAILED
        self._error = self._said(error)
        self._settled.set()
        log.warning("mcp.lost", extra={"server": self.server.name, "error": type(_first(error)).__name__})

    async def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; a call that wants the server shortens it."""
        self._wanted.clear()
        await asyncio.sleep(min(seconds, _SHORTEST_PAUSE_SECONDS))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._wanted.wait()

    def _notice_end(self) -> None:
        self._has_ended = True
        self._attention.set()

    async def _hear(self, message: object) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._attention.set()

    # Calling.

    async def _connected(self) -> Client:
        while self._client is None:
            if self._closing:
                raise ToolFailed(f"the MCP server {self.server.name!r} was removed", server=self.server.name)
            self._wanted.set()
            await self._ready.wait()
        return self._client

    def _why_no_answer(self, limit: float) -> str:
        if self._client is None:
            why = f": {self._error}" if self._error else ""
            return f"the MCP server {self.server.name!r} could not be reached within {limit:g} seconds{why}"
        return (
            f"it did not finish within {limit:g} seconds; it was told to stop, and what it did until then is not known"
        )

    def _said(self, error: Exception | None) -> str:
        """Why the connection failed, in a sentence that may be shown."""
        first = _first(error)
        if first is None or (isinstance(first, MCPError) and first.code == types.CONNECTION_CLOSED):
            text = "the server closed the connection"
        elif isinstance(first, TimeoutError):
            text = f"the server did not answer within {self.server.connect_seconds:g} seconds"
        elif isinstance(first, FileNotFoundError):
            text = f"there is no command {self.server.command!r}"
        elif isinstance(first, ValidationError):
            text = "the server's answer is not what the protocol says"
        elif isinstance(first, Invalid | MCPError):
            text = str(first)
        else:
            text = f"{type(first).__name__}: {first}"
        stderr = self._route.stderr.splitlines()[-1:] if self._route else []
        last = f"; it said {stderr[0]!r}" if stderr else ""
        return self.redacted(clean(f"{text[:MAX_SAID_CHARS]}{last[:MAX_SAID_CHARS]}"))

    _route: Route | None = None
    _was_ready = False


def _first(error: BaseException | None) -> BaseException | None:
    """The first error that is no group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _listed(tool: types.Tool) -> Listed:
    hints = tool.annotations or types.ToolAnnotations()
    return Listed(
        name=tool.name,
        description=tool.description or tool.title or "",
        input_schema=tool.input_schema,
        output_schema=tool.output_schema,
        read_only_hint=hints.read_only_hint is True,
        idempotent_hint=hints.idempotent_hint is True,
    )
