"""What an MCP tool returned, as text for the model: its texts, and a line for everything that is no text."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import mcp_types as types

from oneliner.adapters.tools.result import to_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_BASE64_CHARS, _BASE64_BYTES = 4, 3


def text_of(result: types.CallToolResult) -> str:
    """The text of *result*, bounded and storable as every tool result is."""
    parts = list(_parts(result))
    if not parts and result.structured_content is not None:
        parts = [json.dumps(result.structured_content, ensure_ascii=False)]
    return to_text("\n".join(parts))


def _parts(result: types.CallToolResult) -> Iterator[str]:
    for block in result.content:
        match block:
            case types.TextContent():
                yield block.text
            case types.ImageContent():
                yield f"[image, {block.mime_type}, about {_size(block.data)} bytes; not shown]"
            case types.AudioContent():
                yield f"[audio, {block.mime_type}, about {_size(block.data)} bytes; not shown]"
            case types.ResourceLink():
                yield f"[resource {block.name!r}: {block.uri}{_kind(block.mime_type)}]"
            case types.EmbeddedResource():
                yield _resource(block.resource)


def _resource(resource: types.TextResourceContents | types.BlobResourceContents) -> str:
    where = f"[resource {resource.uri}{_kind(resource.mime_type)}"
    if isinstance(resource, types.TextResourceContents):
        return f"{where}]\n{resource.text}"
    return f"{where}, about {_size(resource.blob)} bytes; not shown]"


def _kind(mime_type: str | None) -> str:
    return f", {mime_type}" if mime_type else ""


def _size(base64: str) -> int:
    return len(base64) * _BASE64_BYTES // _BASE64_CHARS
