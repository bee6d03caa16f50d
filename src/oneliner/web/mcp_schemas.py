"""MCP servers on the wire: the body that configures one, and the answers about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, JsonValue

from oneliner.app.mcp import McpState
from oneliner.domain.mcp_server import LONGEST_SECONDS, MAX_ITEMS, MAX_TEXT_CHARS, without_literals
from oneliner.domain.times import rfc3339
from oneliner.web.answer_schemas import Answer, Time
from oneliner.web.schemas import MAX_NUMBER, Body

if TYPE_CHECKING:
    from oneliner.app.mcp import McpHealth
    from oneliner.app.model import ToolSpec
    from oneliner.domain.mcp_server import McpEntry, McpServer

_Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS)]
_Texts = Annotated[list[_Text], Field(max_length=MAX_ITEMS)]
_Named = Annotated[dict[str, _Text], Field(max_length=MAX_ITEMS)]
_Patterns = Annotated[_Texts, Field(description="Patterns of tool names, with `*` and `?`.")]
_Seconds = Annotated[float, Field(strict=True, gt=0, le=LONGEST_SECONDS)]


class McpServerRequest(Body):
    """An MCP server: a `url`, or a `command` where the deployment allows it. What is left out is its default."""

    url: Annotated[_Text, Field(examples=["https://mcp.example.com/mcp"])] = ""
    headers: Annotated[_Named, Field(examples=[{"Authorization": "Bearer ${MCP_TOKEN}"}])] = Field(
        default_factory=dict[str, str]
    )
    command: _Text = ""
    args: _Texts = Field(default_factory=list[str])
    env: _Named = Field(default_factory=dict[str, str])
    cwd: _Text = ""
    enabled: Annotated[bool, Field(strict=True)] = True
    tools: _Patterns = Field(default_factory=lambda: ["*"])
    read_only: _Patterns = Field(default_factory=list[str])
    idempotent: _Patterns = Field(default_factory=list[str])
    trust_hints: Annotated[bool, Field(strict=True)] = False
    repeat_after_question: Annotated[bool, Field(strict=True)] = False
    call_seconds: _Seconds = 60.0
    connect_seconds: _Seconds = 20.0
    seen_version: Annotated[
        Annotated[int, Field(strict=True, ge=0, le=MAX_NUMBER)] | None,
        Field(description="The version that was read, 0 for a new one; refused when there is a newer one."),
    ] = None


class RefusedToolAnswer(Answer):
    """A tool that a server lists and the agent does not get."""

    name: str
    why: str


class McpHealthAnswer(Answer):
    """How a server is doing, as the process sees it that answers."""

    state: McpState
    error: Annotated[str, Field(description="Why it failed the last time; empty while it is ready.")]
    protocol: Annotated[str, Field(examples=["2026-07-28"])]
    software: str
    reconnects: int
    tools: Annotated[list[str], Field(description="The names the agent has.")]
    refused: list[RefusedToolAnswer]


class McpServerAnswer(Answer):
    """An MCP server. A value of `headers` or `env` that is no reference is null; so are the `args` of a file's command."""

    name: str
    source: Annotated[str, Field(pattern="^(file|api)$")]
    url: str
    headers: dict[str, str | None]
    command: str
    args: list[str] | None
    env: dict[str, str | None]
    cwd: str
    enabled: bool
    tools: list[str]
    read_only: list[str]
    idempotent: list[str]
    trust_hints: bool
    repeat_after_question: bool
    call_seconds: float
    connect_seconds: float
    version: Annotated[int | None, Field(description="Null for a server of the file.")]
    updated_by: str | None
    updated_at: Time | None
    health: McpHealthAnswer


class McpToolAnswer(Answer):
    """A tool as the agent has it; `read_only` and `idempotent` are what is held to be true."""

    name: str
    description: str
    parameters: dict[str, JsonValue]
    read_only: bool
    idempotent: bool


def server_to_json(server: McpServer, entry: McpEntry | None, health: McpHealth) -> dict[str, object]:
    """A server as it is shown; *entry* is None for one of the file, of which nothing is shown that may be a secret."""
    return {
        "name": server.name,
        "source": "file" if entry is None else "api",
        "url": server.url.partition("?")[0] if entry is None else server.url,
        "headers": without_literals(server.headers),
        "command": server.command,
        "args": None if entry is None else list(server.args),
        "env": without_literals(server.env),
        "cwd": server.cwd,
        "enabled": server.enabled,
        "tools": list(server.tools),
        "read_only": list(server.read_only),
        "idempotent": list(server.idempotent),
        "trust_hints": server.trust_hints,
        "repeat_after_question": server.repeat_after_question,
        "call_seconds": server.call_seconds,
        "connect_seconds": server.connect_seconds,
        "version": entry and entry.version,
        "updated_by": entry and entry.updated_by,
        "updated_at": entry and rfc3339(entry.updated_at),
        "health": _health_to_json(health),
    }


def tool_to_json(spec: ToolSpec) -> dict[str, object]:
    """A tool as the agent has it."""
    return {
        "name": spec.name,
        "description": spec.description,
        "parameters": spec.parameters,
        "read_only": spec.read_only,
        "idempotent": spec.idempotent,
    }


def _health_to_json(health: McpHealth) -> dict[str, object]:
    return {
        "state": health.state,
        "error": health.error,
        "protocol": health.protocol,
        "software": health.software,
        "reconnects": health.reconnects,
        "tools": list(health.tools),
        "refused": [{"name": tool.name, "why": tool.why} for tool in health.refused],
    }
