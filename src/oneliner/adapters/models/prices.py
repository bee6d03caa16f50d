"""What a model costs and how much it can be sent, from a table that is data: ``prices.tsv``, by ``scripts/prices.py``.

The table is searched in its file form at the first question about a model and let go again, so that it costs no memory
while nobody asks and a quarter of a millisecond when somebody does. A deployment's own prices come before it.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from importlib import resources
from typing import TYPE_CHECKING

from oneliner.domain.errors import Invalid
from oneliner.domain.usage import Price

if TYPE_CHECKING:
    from collections.abc import Mapping

DEMO_MODEL = "demo/oneliner"
DEMO_PRICE = Price(input_picos=150_000, output_picos=600_000, cached_picos=75_000, source="demo")
_PICOS_PER_USD_PER_MILLION = 1_000_000
_HIGHEST_USD_PER_MILLION = 1_000_000
_FIELDS = frozenset({"input", "cached", "output"})


class Prices:
    """Looks prices up.

    ``overrides``: model name to ``{"input", "output"}`` and perhaps ``"cached"``, in USD per million tokens as decimal
    strings. Raises Invalid: one of them is no price.
    """

    def __init__(self, overrides: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self._known: dict[str, Price | None] = {DEMO_MODEL: DEMO_PRICE}
        self._windows: dict[str, int | None] = {}
        for name, fields in (overrides or {}).items():
            self._known[name.lower()] = _override(name, fields)

    def find(self, name: str) -> Price | None:
        """The price of *name* (``provider/model``), or None when nobody knows."""
        key = name.lower()
        if key not in self._known:
            row = _listed(key)
            self._known[key] = None if row is None else _price(*row)
        return self._known[key]

    def window(self, name: str) -> int | None:
        """How many tokens a call of *name* may send, or None when nobody knows."""
        key = name.lower()
        if key not in self._windows:
            row = _listed(key)
            self._windows[key] = None if row is None else int(row[0][-1]) or None
        return self._windows[key]


def _listed(name: str) -> tuple[list[str], str] | None:
    """The table's figures and its source. One substring search: an index of the whole table would be kept for a handful
    of names.
    """
    if not name or "\n" in name or "\t" in name:
        return None
    table = resources.files("oneliner.adapters.models").joinpath("prices.tsv").read_bytes()
    start = table.find(f"\n{name}\t".encode())
    if start < 0:
        return None
    row = table[start + 1 : table.index(b"\n", start + 1)].decode()
    source = table[: table.index(b"\n")].decode().removeprefix("# ").partition(";")[0]
    return row.split("\t")[1:], source


def _price(figures: list[str], source: str) -> Price:
    fresh, cached, output, _ = figures
    return Price(input_picos=int(fresh), output_picos=int(output), cached_picos=int(cached), source=source)


def _override(name: str, fields: Mapping[str, str]) -> Price:
    if not {"input", "output"} <= fields.keys() <= _FIELDS:
        raise Invalid(f"the price of {name!r} needs 'input' and 'output', and may have 'cached'", model=name)
    fresh = _picos(name, fields["input"])
    return Price(
        input_picos=fresh,
        output_picos=_picos(name, fields["output"]),
        cached_picos=_picos(name, fields["cached"]) if "cached" in fields else fresh,
        source="override",
    )


def _picos(name: str, usd_per_million: str) -> int:
    """USD per million tokens as pico-USD per token, exact. Raises Invalid: no such price."""
    try:
        picos = Decimal(usd_per_million) * _PICOS_PER_USD_PER_MILLION
        fits = (
            0 <= picos <= _HIGHEST_USD_PER_MILLION * _PICOS_PER_USD_PER_MILLION and picos == picos.to_integral_value()
        )
    except InvalidOperation:
        fits = False
        picos = Decimal(0)
    if not fits:
        raise Invalid(
            f"the price of {name!r} must be USD per million tokens with at most six decimals, not {usd_per_million!r}",
            model=name,
        )
    return int(picos)
