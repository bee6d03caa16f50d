"""MCP servers as the tests use them: those that others wrote, and one that misbehaves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

from oneliner.adapters.tools.mcp.servers import McpTools
from oneliner.app.tools import CallContext
from oneliner.domain.mcp_server import McpServer, server_from_json
from oneliner.testing.tools import call_permit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

BAD_SERVER = Path(__file__).resolve().parents[2] / "support" / "bad_mcp_server.py"
CONTEXT = CallContext("run", "session", "user", "project", "key", "main")


def bad_server(name: str = "bad", *options: str, **fields: object) -> McpServer:
    return server_from_json(name, {"command": sys.executable, "args": [str(BAD_SERVER), *options], **fields})


class Connect(Protocol):
    """Connects to servers; what is connected is closed when the test is over."""

    async def __call__(self, *servers: McpServer, environment: Mapping[str, str] | None = None) -> McpTools: ...


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    opened: list[McpTools] = []

    async def connect(*servers: McpServer, environment: Mapping[str, str] | None = None) -> McpTools:
        tools = McpTools(environment or {})
        opened.append(tools)
        await tools.use(servers)
        for server in servers:
            # On a busy machine a server may take longer than a starting process would wait for it.
            await tools.settled(server.name)
        return tools

    yield connect
    for tools in opened:
        await tools.close()


async def call(tools: McpTools, name: str, arguments: str = "{}") -> Any:
    return await tools.call(call_permit(tools, name, arguments), CONTEXT)
