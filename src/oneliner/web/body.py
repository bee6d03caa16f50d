"""Reading a request's body: bounded while it arrives, parsed once, checked before anything uses it.

What no database stores (NUL, lone surrogates), what no parser should follow (depth) and what no column holds (integers
past 64 bits) is refused here, for every route alike.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from oneliner.domain.errors import Invalid
from oneliner.domain.text import MAX_DEPTH, MAX_INTEGER, is_clean
from oneliner.web.problems import BodyTooLarge, MalformedJson, NotJson, invalid_fields

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_BODY_BYTES = 1_000_000
ModelT = TypeVar("ModelT", bound=BaseModel)

_JSON_TYPE = re.compile(r"\s*application/(?:json|[\w.+-]+\+json)\s*(?:;.*)?", re.IGNORECASE)
# As many digits as a 64-bit integer can have; orjson turns what does not fit into a float.
_LONG_INTEGER = re.compile(rb"\d{19}")


async def read_json(request: Request) -> object:
    """The body as JSON; an empty body is an empty object.

    Raises BodyTooLarge, NotJson, MalformedJson; Invalid: it holds what cannot be stored.
    """
    raw = await _read(request)
    if not raw:
        return {}
    if _JSON_TYPE.fullmatch(request.headers.get("content-type", "")) is None:
        raise NotJson("send the body as application/json")
    try:
        data = orjson.loads(raw)
        check_storable(data)
        if _LONG_INTEGER.search(raw) is not None:
            # Again with exact integers; how deep it is, is known by now.
            check_storable(json.loads(raw))
    except ValueError as error:
        raise MalformedJson(f"the body is not JSON: {error}") from None
    return data


def validated(model: type[ModelT], data: object) -> ModelT:
    """*data* as *model*. Raises Invalid, with every field that is wrong."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise invalid_fields(error.errors(include_url=False, include_input=False, include_context=False)) from None


def check_storable(value: object, depth: int = 0) -> None:
    """Raises Invalid: *value* holds text that no database stores, is nested too deep, or has too large an integer."""
    if depth > MAX_DEPTH:
        raise Invalid(f"JSON is nested deeper than {MAX_DEPTH} levels", limit=MAX_DEPTH)
    match value:
        case str():
            if not is_clean(value):
                raise Invalid("text must hold no NUL and no lone surrogate")
        case dict():
            for key, item in value.items():
                check_storable(key, depth)
                check_storable(item, depth + 1)
        case list():
            for item in value:
                check_storable(item, depth + 1)
        case int():
            if abs(value) > MAX_INTEGER:
                raise Invalid("an integer is larger than 64 bits", limit=MAX_INTEGER)
        case _:
            return


async def _read(request: Request) -> bytes:
    length = request.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and len(length) < len(str(MAX_INTEGER)) and int(length) > MAX_BODY_BYTES:
        raise _too_large()
    # Most bodies are one piece; it is handed on as it came.
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY_BYTES:
            raise _too_large()
        pieces.append(piece)
    return b"".join(pieces)


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"a body has at most {MAX_BODY_BYTES} bytes", limit=MAX_BODY_BYTES)
