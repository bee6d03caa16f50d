"""The tools that the agent gets: built in, of the deployment's own modules, and of MCP servers."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from oneliner.adapters.tools.builtin import BUILTIN_TOOLS
from oneliner.adapters.tools.combined import CombinedTools
from oneliner.adapters.tools.demo_accounts import demo_tools
from oneliner.adapters.tools.documents import document_tools
from oneliner.adapters.tools.loading import load_module
from oneliner.adapters.tools.mcp.configuration import read_file
from oneliner.adapters.tools.mcp.servers import McpTools
from oneliner.adapters.tools.python_tools import PythonTools
from oneliner.adapters.tools.recall import recall_tools
from oneliner.adapters.tools.web_pages import web_tools
from oneliner.app import control
from oneliner.app.mcp import McpAdmin
from oneliner.domain.secret import in_environment
from oneliner.wiring.tasks import keep_doing

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from oneliner.app.ports import Database
    from oneliner.app.tools import Tools
    from oneliner.settings import Settings


async def open_tools(settings: Settings, stack: AsyncExitStack, database: Database) -> tuple[CombinedTools, McpTools]:
    """All tools together, and those of them that MCP servers have. Raises Invalid: a module or file does not work."""
    of_file = [] if settings.mcp_file is None else read_file(settings.mcp_file)
    mcp = McpTools(os.environ, of_file, McpAdmin(settings.mcp_admin))
    tools = CombinedTools(
        [*_own_tools(settings, database), mcp],
        secrets=settings.secrets | in_environment(os.environ),
        reserved=control.NAMES,
    )
    stack.push_async_callback(tools.close)
    await mcp.follow(database)
    keep_doing(stack, mcp.keep_following(database, settings.sweep_seconds))
    return tools, mcp


def _own_tools(settings: Settings, database: Database) -> list[Tools]:
    own = [function for target in settings.tools for function in load_module(target)]
    of_database = [*document_tools(database), *recall_tools(database)]
    if settings.has_demo:
        of_database += demo_tools(database)
    built_in = [*BUILTIN_TOOLS, *of_database, *web_tools(settings.fetch_hosts, settings.networks)]
    return [PythonTools(built_in), PythonTools(own, networks=settings.networks)]
