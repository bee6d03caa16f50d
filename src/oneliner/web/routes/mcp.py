"""``/v2/oneliner/mcp``: the MCP servers whose tools the agent has, and how they are doing."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.responses import Response

from oneliner.app import mcp
from oneliner.domain.errors import Conflict, Forbidden, NotFound, VersionChanged
from oneliner.domain.mcp_server import server_from_json
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer
from oneliner.web.answer_schemas import Listed
from oneliner.web.call import Incoming
from oneliner.web.description import described
from oneliner.web.mcp_schemas import McpServerAnswer, McpServerRequest, McpToolAnswer, server_to_json, tool_to_json
from oneliner.web.parameters import Text
from oneliner.web.routing import Endpoint

router = APIRouter(prefix="/v2/oneliner/mcp/servers", tags=["mcp"], route_class=Endpoint)

_Name = Annotated[Text, Path(max_length=64, description="The name of a server.")]


@router.get(
    "",
    response_model=Listed[McpServerAnswer],
    operation_id="listMcpServers",
    summary="List the MCP servers and how they are doing (administrators)",
    openapi_extra=described(refuses=(Forbidden,)),
)
async def list_servers(call: Incoming) -> Response:
    """Those of the file first. The health is that of the process which answers; others have connections of their own."""
    servers = call.services.mcp
    entries = await call.read(lambda tx: mcp.stored(tx, call.caller))
    items = [server_to_json(server, None, servers.health(server.name)) for server in servers.of_file]
    items += [server_to_json(entry.server, entry, servers.health(entry.server.name)) for entry in entries]
    return JsonAnswer(shapes.listed(items))


@router.put(
    "/{name}",
    response_model=McpServerAnswer,
    operation_id="putMcpServer",
    summary="Add or change an MCP server (administrators)",
    openapi_extra=described(McpServerRequest, refuses=(Forbidden, Conflict, VersionChanged)),
)
async def put_server(call: Incoming, name: _Name) -> Response:
    """Secrets are given as `${MCP_…}`, the name of a variable of the server's environment. Every process follows soon."""
    body = await call.body(McpServerRequest)
    server = server_from_json(name, body.model_dump(exclude_unset=True, exclude={"seen_version"}))
    servers = call.services.mcp
    entry = await call.write(lambda tx: mcp.put(tx, call.caller, server, body.seen_version, servers))
    servers.look_again()
    return JsonAnswer(server_to_json(entry.server, entry, servers.health(name)))


@router.delete(
    "/{name}",
    status_code=204,
    operation_id="removeMcpServer",
    summary="Remove an MCP server (administrators)",
    openapi_extra=described(refuses=(Forbidden, Conflict, NotFound)),
)
async def remove_server(call: Incoming, name: _Name) -> Response:
    """Its tools are gone for runs that begin later."""
    servers = call.services.mcp
    await call.write(lambda tx: mcp.remove(tx, call.caller, name, servers))
    servers.look_again()
    return Response(status_code=204)


@router.get(
    "/{name}/tools",
    response_model=Listed[McpToolAnswer],
    operation_id="listMcpTools",
    summary="List the tools of an MCP server as the agent has them (administrators)",
    openapi_extra=described(refuses=(Forbidden, NotFound)),
)
async def list_tools(call: Incoming, name: _Name) -> Response:
    """With what is held to be true of them, which need not be what the server says."""
    servers = call.services.mcp
    entries = await call.read(lambda tx: mcp.stored(tx, call.caller))
    if name not in {s.name for s in servers.of_file} | {e.server.name for e in entries}:
        raise NotFound("MCP server", name)
    return JsonAnswer(shapes.listed([tool_to_json(spec) for spec in servers.tools_of(name)]))
