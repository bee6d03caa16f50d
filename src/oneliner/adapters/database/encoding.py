"""JSON columns and rows: how domain objects are stored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from oneliner.domain.usage import Totals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TOTALS = ("input_tokens", "output_tokens", "cached_tokens", "cost_nanos", "unpriced_count", "estimated_count")


def to_json(value: object) -> str:
    """*value* as JSON text."""
    return orjson.dumps(value).decode()


def from_json(text: str) -> Any:
    """What :func:`to_json` stored."""
    return orjson.loads(text)


def totals_of(row: Sequence[int]) -> Totals:
    """The six sums, in the order of :data:`TOTALS`."""
    return Totals(*row)


def totals_values(totals: Totals) -> Mapping[str, int]:
    """The six sums by column."""
    return {name: getattr(totals, name) for name in TOTALS}


def like(text: str) -> str:
    """A LIKE pattern for *text* anywhere, in which a backslash escapes."""
    escaped = text.lower().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"
