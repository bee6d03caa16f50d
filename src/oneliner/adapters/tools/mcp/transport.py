"""The way to an MCP server: a command, or an address."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx2
from mcp.client.streamable_http import streamable_http_client

from oneliner.adapters.tools.mcp.addresses import PublicTransport
from oneliner.adapters.tools.mcp.bodies import bounded
from oneliner.adapters.tools.mcp.process import Command
from oneliner.domain.mcp_server import filled

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping

    from mcp.client import Transport

    from oneliner.domain.mcp_server import McpServer

_CONNECT_SECONDS = 10.0


class Route:
    """A way to *server*. Secrets are looked up in *environment* now. Raises Invalid: one is missing.

    *on_end* is called when a command ends; an address has no such end, a call of it fails.
    """

    def __init__(self, server: McpServer, environment: Mapping[str, str], on_end: Callable[[], None]) -> None:
        self._public_only = server.public_only
        self._url = filled(server.url, environment)
        self._headers = {name: filled(value, environment) for name, value in server.headers.items()}
        self._command = Command(
            [filled(part, environment) for part in (server.command, *server.args)],
            {name: filled(value, environment) for name, value in server.env.items()},
            filled(server.cwd, environment),
            on_end,
        )

    @property
    def stderr(self) -> str:
        """The last that a command wrote to standard error."""
        return self._command.stderr

    @asynccontextmanager
    async def transport(self) -> AsyncGenerator[Transport]:
        """The way, for a client to enter."""
        if not self._url:
            yield self._command.streams()
            return
        limits = httpx2.Timeout(_CONNECT_SECONDS, read=None)
        hooks = {"response": [bounded]}
        public = PublicTransport() if self._public_only else None
        # Not packed: what is counted is what is read.
        headers = {**self._headers, "Accept-Encoding": "identity"}
        async with httpx2.AsyncClient(
            headers=headers, timeout=limits, event_hooks=hooks, transport=public, trust_env=public is None
        ) as client:
            yield streamable_http_client(self._url, http_client=client)
