"""A form from a JSON Schema: which fields there are, and what a typed text means for each; pure.

The agent asks with schemas of objects whose properties are strings (perhaps with choices), numbers or booleans. Anything
else is asked for as JSON. The server judges the answer; here it is only read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneliner.terminal.plain_text import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

_YES, _NO = frozenset({"y", "yes", "true", "1", "是"}), frozenset({"n", "no", "false", "0", "否"})
_SIMPLE = frozenset({"string", "integer", "number", "boolean"})


@dataclass(frozen=True, slots=True)
class Field:
    """One thing to ask for. *choices* are empty where any text will do."""

    name: str
    label: str
    kind: str
    choices: tuple[Any, ...]
    is_required: bool


def fields_of(schema: Mapping[str, Any]) -> list[Field] | None:
    """The fields of a simple form, or None: ask for JSON."""
    properties = schema.get("properties")
    if schema.get("type") != "object" or not isinstance(properties, dict) or not properties:
        return None
    required = schema.get("required") or ()
    found: list[Field] = []
    for name, about in properties.items():
        choices = tuple(about.get("enum") or ()) if isinstance(about, dict) else ()
        kind = about.get("type", "string" if choices else None) if isinstance(about, dict) else None
        if kind not in _SIMPLE:
            return None
        label = one_line(str(about.get("title") or about.get("description") or name))
        found.append(Field(str(name), label, str(kind), choices, name in required))
    return found


def read(field: Field, text: str) -> Any:
    """The value of *text* for *field*; for one with choices also their number, from 1. Raises ValueError with what is
    accepted."""
    text = text.strip()
    if field.choices:
        return _chosen(field.choices, text)
    try:
        match field.kind:
            case "integer":
                return int(text)
            case "number":
                return float(text)
            case "boolean":
                return _truth(text)
            case _:
                return text
    except ValueError:
        accepted = {"integer": "a whole number", "number": "a number", "boolean": "yes or no"}[field.kind]
        raise ValueError(f"{accepted}, please") from None


def read_json(text: str) -> Any:
    """The JSON value of *text*. Raises ValueError with what is accepted."""
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError("JSON, please") from None


def _chosen(choices: tuple[Any, ...], text: str) -> Any:
    for choice in choices:
        if text == str(choice):
            return choice
    if text.isascii() and text.isdigit() and 1 <= int(text) <= len(choices):
        return choices[int(text) - 1]
    raise ValueError(f"one of {', '.join(map(str, choices))}, please, or its number")


def _truth(text: str) -> bool:
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise ValueError(text)
