"""The file that MCP servers are configured in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from oneliner.domain.errors import Invalid
from oneliner.domain.mcp_server import servers_from_file

if TYPE_CHECKING:
    from pathlib import Path

    from oneliner.domain.mcp_server import McpServer

_MAX_BYTES = 1_000_000


def read_file(path: Path) -> list[McpServer]:
    """The servers that the file at *path* names. Raises Invalid: it cannot be read, or something in it is wrong."""
    label = f"the MCP file {str(path)!r}"
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise Invalid(f"{label} is larger than {_MAX_BYTES} bytes", setting="mcp_file")
        document: object = json.loads(content)
    except OSError as error:
        raise Invalid(f"{label} cannot be read: {error.strerror}", setting="mcp_file") from error
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{label} is no JSON: {error}", setting="mcp_file") from error
    try:
        return servers_from_file(document)
    except Invalid as error:
        raise Invalid(f"{label}: {error.message}", setting="mcp_file", **error.params) from error
