"""MCP servers: who may configure them, and how they are doing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class McpState(StrEnum):
    """Whether a server can be called from this process."""

    DISABLED = "disabled"
    CONNECTING = "connecting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RefusedTool:
    """A tool that a server lists and the agent does not get, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class McpHealth:
    """How a server is doing, as one process sees it. *error* is why it failed the last time; *reconnects* counts how
    often it was lost. *tools* are the names the agent knows; they stay while it is being reached again.
    """

    state: McpState
    error: str = ""
    protocol: str = ""
    software: str = ""
    reconnects: int = 0
    tools: tuple[str, ...] = ()
    refused: tuple[RefusedTool, ...] = ()
