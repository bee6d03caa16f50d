"""The one sanitiser at the boundary, for text from clients, models and tools.

PostgreSQL refuses NUL and lone surrogates, which SQLite stores; no database takes an integer past 64 bits; a parser
recurses on depth. So all three are settled here, before anything is stored.
"""

from __future__ import annotations

import re

from oneliner.domain.errors import Invalid

MAX_DEPTH = 32
MAX_INTEGER = 2**63 - 1
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """*text* with NUL removed and lone surrogates replaced by U+FFFD."""
    if _UNSTORABLE.search(text) is None:
        return text
    return _UNSTORABLE.sub(lambda m: "" if m[0] == "\x00" else "\ufffd", text)


def is_clean(text: str) -> bool:
    """Whether every database stores *text* as it is."""
    return _UNSTORABLE.search(text) is None


def clean_json(value: object, depth: int = 0) -> object:
    """A JSON *value* with every string cleaned. Raises Invalid: nested deeper than 32, an integer past 64 bits."""
    if depth > MAX_DEPTH:
        raise Invalid(f"JSON is nested deeper than {MAX_DEPTH} levels", limit=MAX_DEPTH)
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(k)): clean_json(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [clean_json(v, depth + 1) for v in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_INTEGER:
        raise Invalid("an integer is larger than 64 bits", limit=MAX_INTEGER)
    return value
