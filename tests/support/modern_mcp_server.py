"""An MCP server of the era of 2026 that asks before it acts, over standard input or HTTP. Started as a program.

``modern_mcp_server.py [PORT]``; what it has done is appended to the file of the variable DONE.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

FORM = {"type": "object", "properties": {"count": {"type": "integer", "minimum": 1}}, "required": ["count"]}
TOOLS = [
    types.Tool(name="buy", description="Buy something, after asking how many.", input_schema={"type": "object"}),
    types.Tool(name="sample", description="Wants a model.", input_schema={"type": "object"}),
    types.Tool(name="visit", description="Wants a page opened.", input_schema={"type": "object"}),
    types.Tool(name="much", description="Says very much.", input_schema={"type": "object"}),
    types.Tool(name="die", description="End the server.", input_schema={"type": "object"}),
]


async def list_tools(_context: Any, _parameters: object) -> types.ListToolsResult:
    return types.ListToolsResult(tools=TOOLS)


async def call_tool(
    _context: Any, parameters: types.CallToolRequestParams
) -> types.CallToolResult | types.InputRequiredResult:
    if parameters.name == "much":
        return said("m" * 400_000)
    return await _call_asking_tool(parameters)


async def _call_asking_tool(
    parameters: types.CallToolRequestParams,
) -> types.CallToolResult | types.InputRequiredResult:
    answer = (parameters.input_responses or {}).get("how-many")
    match parameters.name:
        case "die":
            os._exit(3)
        case "visit":
            asked = types.ElicitRequest(
                params=types.ElicitRequestURLParams(message="Sign in", url="https://x.example/")
            )
            if parameters.request_state:
                return said(f"visited: {parameters.input_responses}")
            return types.InputRequiredResult(input_requests={"page": asked}, request_state="visited")
        case "sample":
            wanted = types.CreateMessageRequestParams(messages=[], max_tokens=5)
            requests: dict[str, Any] = {"text": types.CreateMessageRequest(params=wanted)}
            return types.InputRequiredResult(input_requests=requests)
        case _:
            pass
    if answer is None:
        form = types.ElicitRequestFormParams(message="How many?", requested_schema=FORM)
        return types.InputRequiredResult(
            input_requests={"how-many": types.ElicitRequest(params=form)}, request_state="asked-once"
        )
    assert isinstance(answer, types.ElicitResult)
    if answer.action != "accept" or parameters.request_state != "asked-once":
        return said(f"bought nothing: {answer.action}")
    remember("bought\n")
    return said(f"bought {(answer.content or {})['count']}")


def remember(what: str) -> None:
    with Path(os.environ["DONE"]).open("a") as file:
        file.write(what)


def said(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)])


async def over_stdio(server: Server[Any]) -> None:
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


def main() -> None:
    server: Server[Any] = Server("modern", version="1", on_list_tools=list_tools, on_call_tool=call_tool)
    if len(sys.argv) > 1:
        app = server.streamable_http_app()
        uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
    else:
        asyncio.run(over_stdio(server))


if __name__ == "__main__":
    main()
