"""What a tool returned, as text for the model: bounded, storable, and plainly marked where it was cut."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet

import orjson
from pydantic import BaseModel

from oneliner.app.tools import ToolFailed
from oneliner.domain.text import clean

MAX_RESULT_CHARS = 100_000
_OPTIONS = orjson.OPT_NON_STR_KEYS


def to_text(value: object) -> str:
    """A string as it is, anything else as JSON; cleaned and at most :data:`MAX_RESULT_CHARS` characters.

    Raises ToolFailed: *value* has no JSON form.
    """
    text = value if isinstance(value, str) else _json(value)
    return clean(_cut(text))


def _cut(text: str) -> str:
    if len(text) <= MAX_RESULT_CHARS:
        return text
    note = f"\n[truncated: the result has {len(text)} characters, and this is the beginning of it]"
    return text[: MAX_RESULT_CHARS - len(note)] + note


def _json(value: object) -> str:
    try:
        return orjson.dumps(value, default=_plain, option=_OPTIONS).decode()
    except orjson.JSONEncodeError:
        return _json_of_anything(value)


def _json_of_anything(value: object) -> str:
    """JSON for what the strict encoder refuses: integers past 64 bits, lone surrogates."""
    try:
        return json.dumps(value, default=_plain, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ToolFailed(f"the tool returned a {type(value).__name__} that has no JSON form: {error}") from error


def _plain(value: object) -> object:
    match value:
        case BaseModel():
            plain: object = value.model_dump(mode="json")
        case Mapping():
            plain = dict(value)
        case AbstractSet() | tuple():
            plain = list(value)
        case bytes() | bytearray():
            plain = value.decode(errors="replace")
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            plain = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        case _:
            # Decimal, UUID, Path and the like: their text is their JSON form.
            plain = str(value)
    return plain
