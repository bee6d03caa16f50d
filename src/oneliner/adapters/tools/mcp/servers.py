"""The tools of all configured MCP servers as one source of tools."""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

from oneliner.app.mcp import McpAdmin, McpHealth, McpState
from oneliner.app.tools import BadArguments, ToolFailed, UnknownTool
from oneliner.domain.errors import Invalid, Unavailable
from oneliner.domain.permits import Arguments
from oneliner.domain.text import clean_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oneliner.adapters.tools.mcp.connection import Connection
    from oneliner.adapters.tools.mcp.listing import Offered
    from oneliner.app.model import ToolSpec
    from oneliner.app.ports import Database
    from oneliner.app.tools import CallContext
    from oneliner.domain.mcp_server import McpServer
    from oneliner.domain.permits import CallPermit

#: How long a starting process waits for its servers before it goes on without those that are not there yet.
START_SECONDS = 5.0
_MAX_ERROR_CHARS = 2_000
_SHOWN_ERRORS = 8

log = logging.getLogger("oneliner.mcp")


class McpTools:
    """See ``app.tools.Tools`` and ``app.mcp.McpServers``. Which servers there are may change at any time: :meth:`use`.

    *of_file* are always among them; the others are what administrators, who *may* do so, have stored.
    """

    def __init__(
        self, environment: Mapping[str, str], of_file: Sequence[McpServer] = (), may: McpAdmin = McpAdmin.OFF
    ) -> None:
        self.of_file = of_file
        self.may = may
        self._stored: Sequence[McpServer] | None = None
        self._again = asyncio.Event()
        self._environment = environment
        self._connections: dict[str, Connection] = {}
        # Those that are being let go of; whoever gives up waiting for that leaves them to the end.
        self._leaving: set[asyncio.Task[None]] = set()
        self._disabled: dict[str, McpServer] = {}
        self._tools: dict[str, tuple[Connection, Offered]] = {}
        self._specs: Sequence[ToolSpec] = ()

    async def follow(self, database: Database) -> None:
        """Use the servers of the file and what is stored now. Raises Invalid (see :meth:`use`), Unavailable."""
        entries = await database.read(lambda tx: tx.mcp_servers.all()) if self.may is not McpAdmin.OFF else []
        names = {server.name for server in self.of_file}
        public = self.may is not McpAdmin.ALL
        stored = [replace(e.server, public_only=public) for e in entries if e.server.name not in names]
        # A command that was allowed once and is not any more.
        stored = [server for server in stored if not (public and server.command)]
        if stored != self._stored:
            self._stored = stored
            await self.use([*self.of_file, *stored])

    async def keep_following(self, database: Database, every_seconds: float) -> None:
        """Follow what is stored, for ever."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(every_seconds):
                    await self._again.wait()
            self._again.clear()
            try:
                await self.follow(database)
            except (Invalid, Unavailable) as error:
                log.warning("mcp.not_followed", extra={"error": error.message})

    def look_again(self) -> None:
        """Follow soon what is stored now."""
        self._again.set()

    async def use(self, servers: Iterable[McpServer]) -> None:
        """Connect to *servers*, and let go of those that are not among them or have changed.

        Returns when each has been reached or has failed once, at most :data:`START_SECONDS` later. Raises Invalid: the
        extra ``mcp`` is not installed.
        """
        wanted = {server.name: server for server in servers}
        running = {name: server for name, server in wanted.items() if server.enabled}
        make = _connection_class() if running else None
        gone = [c for name, c in self._connections.items() if running.get(name) != c.server]
        for connection in gone:
            del self._connections[connection.server.name]
        self._disabled = {name: server for name, server in wanted.items() if not server.enabled}
        fresh: list[Connection] = []
        for name, server in running.items():
            if make is not None and name not in self._connections:
                fresh.append(make(server, self._environment, self._gather))
                self._connections[name] = fresh[-1]
        for connection in fresh:
            connection.start()
        self._gather()
        await self._let_go(gone)
        if fresh:
            await asyncio.wait([asyncio.ensure_future(c.settled()) for c in fresh], timeout=START_SECONDS)

    async def settled(self, name: str) -> None:
        """Return when the server *name*, which is in use, has been reached or has failed once."""
        await self._connections[name].settled()

    def health(self, name: str) -> McpHealth:
        """How the server *name* is doing here; connecting, when it is not known here yet."""
        if name in self._disabled:
            return McpHealth(McpState.DISABLED)
        connection = self._connections.get(name)
        return connection.health if connection else McpHealth(McpState.CONNECTING)

    def tools_of(self, name: str) -> Sequence[ToolSpec]:
        """The tools of the server *name* that the agent has."""
        return [tool.spec for connection, tool in self._tools.values() if connection.server.name == name]

    def specs(self) -> Sequence[ToolSpec]:
        """The tools of every server, by server and in its order; the same list until one of them changes."""
        return self._specs

    def spec(self, name: str) -> ToolSpec:
        """The tool called *name*. Raises UnknownTool: there is none."""
        return self._find(name)[1].spec

    def parse(self, name: str, arguments: str) -> Arguments:
        """The JSON text *arguments*, checked against the tool's schema. Raises UnknownTool, BadArguments."""
        tool = self._find(name)[1]
        try:
            value = clean_json(json.loads(arguments.strip() or "{}"))
        except (ValueError, RecursionError, Invalid) as error:
            raise BadArguments(f"the arguments of tool {name!r} are no usable JSON: {error}", tool=name) from error
        if not isinstance(value, dict):
            raise BadArguments(f"the arguments of tool {name!r} are no JSON object", tool=name)
        _check(tool, value)
        return Arguments(value, value)

    async def call(self, permit: CallPermit, context: CallContext) -> str:
        """What the permitted tool returns, as text. Raises UnknownTool, ToolFailed, NeedsAnswer, OutcomeUnknown."""
        name = permit.tool
        connection, tool = self._find(name)
        result = await connection.call(tool, permit.arguments, context.resumed)
        text = connection.redacted(_text_of(result))
        if result.is_error:
            raise ToolFailed(f"tool {name!r} failed: {text[:_MAX_ERROR_CHARS]}", tool=name)
        return text

    async def close(self) -> None:
        """End every connection, and the processes of commands."""
        connections = list(self._connections.values())
        self._connections = {}
        self._gather()
        await self._let_go(connections)

    async def _let_go(self, connections: Sequence[Connection]) -> None:
        """End *connections*, and those that somebody has begun to end and did not wait for."""
        for connection in connections:
            task = asyncio.ensure_future(connection.close())
            self._leaving.add(task)
            task.add_done_callback(self._leaving.discard)
        if self._leaving:
            await asyncio.wait(set(self._leaving))

    def _gather(self) -> None:
        self._tools = {}
        for connection in self._connections.values():
            for tool in connection.tools:
                self._tools.setdefault(tool.spec.name, (connection, tool))
        self._specs = [tool.spec for _, tool in self._tools.values()]

    def _find(self, name: str) -> tuple[Connection, Offered]:
        found = self._tools.get(name)
        if found is None:
            raise UnknownTool(f"there is no tool {name!r}", tool=name)
        return found


def _connection_class() -> type[Connection]:
    try:
        return import_module("oneliner.adapters.tools.mcp.connection").Connection
    except ImportError as error:
        raise Invalid(
            f"MCP servers need an extra that is not installed: pip install 'oneliner[mcp]' ({error})"
        ) from error


def _text_of(result: Any) -> str:
    return import_module("oneliner.adapters.tools.mcp.contents").text_of(result)


def _check(tool: Offered, value: dict[str, Any]) -> None:
    name = tool.spec.name
    try:
        errors = sorted(tool.arguments.iter_errors(value), key=lambda e: list(map(str, e.absolute_path)))
    except Exception as broken:  # noqa: BLE001 - a schema that refers to itself or to nothing shows only when used
        raise ToolFailed(
            f"tool {name!r} cannot be called: its schema cannot be used ({type(broken).__name__})"
        ) from None
    if errors:
        said = "; ".join(
            f"{'.'.join(map(str, e.absolute_path)) or 'it'}: {e.message[:300]}" for e in errors[:_SHOWN_ERRORS]
        )
        raise BadArguments(f"the arguments of tool {name!r} are not valid: {said}", tool=name)
