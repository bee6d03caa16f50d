"""What a server lists as its tools, made into tools of ours: named, described and checked, or refused with a reason.

A server may list anything. What the agent is told of a tool is bounded, and a tool whose schema could not be used to
check a call is not offered at all.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

from oneliner.app.control import CLOSED
from oneliner.app.mcp import RefusedTool
from oneliner.app.model import ToolSpec
from oneliner.domain.errors import Invalid
from oneliner.domain.mcp_server import SEPARATOR
from oneliner.domain.text import clean, clean_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from oneliner.domain.mcp_server import McpServer

MAX_TOOLS = 200
MAX_DESCRIPTION_CHARS = 2_000
MAX_SCHEMA_CHARS = 32_000
_MAX_DEPTH = 24
# What every provider accepts as the name of a function.
_MAX_NAME_CHARS = 64
_ODD = re.compile(r"[^a-zA-Z0-9_-]")
_DIGEST_CHARS = 6
# A pattern that a server chose, on arguments that a model chose, can hold up the process for ever; the server checks it.
_UNCHECKED = frozenset({"pattern", "patternProperties"})


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool as its server lists it; the hints are its own words."""

    name: str
    description: str
    input_schema: object
    output_schema: object = None
    read_only_hint: bool = False
    idempotent_hint: bool = False


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool of a server as the agent has it. *remote* is what its server calls it; the validators take JSON values."""

    spec: ToolSpec
    remote: str
    arguments: Draft202012Validator
    result: Draft202012Validator | None


def offered(server: McpServer, listed: Iterable[Listed]) -> tuple[Sequence[Offered], Sequence[RefusedTool]]:
    """The tools of *server* that the agent gets, and those it does not although the configuration offers them."""
    good: dict[str, Offered] = {}
    refused: list[RefusedTool] = []
    for tool in listed:
        if not server.offers(tool.name):
            continue
        shown = clean(tool.name)[:_MAX_NAME_CHARS]
        if len(good) >= MAX_TOOLS:
            refused.append(RefusedTool(shown, f"the server lists more than {MAX_TOOLS} tools"))
            continue
        made = _made(server, tool)
        if isinstance(made, str):
            refused.append(RefusedTool(shown, made))
        elif made.spec.name not in good:
            good[made.spec.name] = made
        elif good[made.spec.name].remote == tool.name:
            refused.append(RefusedTool(shown, "the server lists it twice"))
        else:
            # Two names that differ only in what a model cannot say.
            spec = replace(made.spec, name=_shortened(made.spec.name, tool.name))
            good[spec.name] = replace(made, spec=spec)
    return list(good.values()), refused


def name_of(server: str, tool: str) -> str:
    """What the agent calls the tool *tool* of *server*: at most 64 of a-z, A-Z, 0-9, _ and -."""
    name = f"{server}{SEPARATOR}{_ODD.sub('_', tool)}"
    return name if len(name) <= _MAX_NAME_CHARS else _shortened(name, tool)


def _shortened(name: str, tool: str) -> str:
    digest = hashlib.sha256(tool.encode(errors="surrogatepass")).hexdigest()[:_DIGEST_CHARS]
    return f"{name[: _MAX_NAME_CHARS - _DIGEST_CHARS - 1]}_{digest}"


def _made(server: McpServer, tool: Listed) -> Offered | str:
    """The tool, or why it is not offered."""
    if not tool.name:
        return "it has no name"
    schema = tool.input_schema
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        return "its input schema is not of type object"
    try:
        schema = _storable(schema)
        arguments = _validator(schema)
        result = _validator(tool.output_schema) if isinstance(tool.output_schema, dict) else None
    except ValueError as error:
        return str(error)
    spec = ToolSpec(
        name=name_of(server.name, tool.name),
        description=_cut(clean(tool.description)) or f"The tool {tool.name} of {server.name}.",
        parameters=schema,
        read_only=server.is_read_only(tool.name, hint=tool.read_only_hint),
        idempotent=server.is_idempotent(tool.name, hint=tool.idempotent_hint),
        timeout_seconds=server.call_seconds,
    )
    return Offered(spec, tool.name, arguments, result)


def _storable(schema: Mapping[str, Any]) -> dict[str, Any]:
    """*schema* as it may be told to a model and written down. Raises ValueError: it cannot."""
    try:
        cleaned = clean_json(schema)
    except Invalid as error:
        raise ValueError(f"its schema cannot be used: {error.message}") from error
    return {"properties": {}, **cast("dict[str, Any]", cleaned), "type": "object"}


def _cut(text: str) -> str:
    return text if len(text) <= MAX_DESCRIPTION_CHARS else text[: MAX_DESCRIPTION_CHARS - 1] + "…"


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    """Checks values against *schema*, without its regular expressions. Raises ValueError, saying what is wrong."""
    try:
        size = len(json.dumps(schema))
    except (RecursionError, TypeError, ValueError):
        raise ValueError("its schema is no JSON") from None
    if size > MAX_SCHEMA_CHARS:
        raise ValueError(f"its schema is longer than {MAX_SCHEMA_CHARS} characters")
    checked = _checkable(schema, 0)
    try:
        Draft202012Validator.check_schema(checked)
    except SchemaError as error:
        raise ValueError(f"its schema is no JSON Schema: {error.message[:200]}") from error
    return Draft202012Validator(checked, registry=CLOSED)


def _checkable(value: Any, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError("its schema is nested too deep")
    if isinstance(value, list):
        return [_checkable(item, depth + 1) for item in value]
    if not isinstance(value, dict):
        return value
    for key in ("$ref", "$dynamicRef"):
        reference = value.get(key)
        if isinstance(reference, str) and not reference.startswith("#"):
            raise ValueError(f"its schema refers to {reference[:80]!r}, which is elsewhere")
    # Another dialect than the one we check by would be fetched, or silently change what the words mean.
    kept = {k: v for k, v in value.items() if not (k == "$schema" or (k in _UNCHECKED and isinstance(v, str | dict)))}
    return {
        k: _named(v, depth) if k in _NAMED and isinstance(v, dict) else _checkable(v, depth + 1)
        for k, v in kept.items()
    }


_NAMED = frozenset({"properties", "$defs", "definitions", "dependentSchemas"})


def _named(schemas: Mapping[str, Any], depth: int) -> dict[str, Any]:
    """Schemas by names, which may be anything: a property called "pattern" is no pattern."""
    return {name: _checkable(schema, depth + 1) for name, schema in schemas.items()}
