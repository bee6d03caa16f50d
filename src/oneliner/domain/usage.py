"""Tokens and money, exact.

Money is integer nano-USD (a billionth of a dollar) everywhere inside and a decimal string in JSON. Prices are integer
pico-USD per token, so that every published price is a whole number. An unknown price gives no cost (None), never zero.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NANOS_PER_USD = 1_000_000_000
PICOS_PER_NANO = 1_000
_MIN_DECIMALS = 6
_USD = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?")


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one model call. ``cached_tokens`` are part of ``input_tokens``; ``estimated``: we counted, not the
    provider.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs: pico-USD per token, and where the figure comes from (kept with every message)."""

    input_picos: int
    output_picos: int
    cached_picos: int
    source: str


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over messages. ``cost_nanos`` adds the known costs; ``unpriced_count`` says how many messages had none;
    ``estimated_count`` how many were counted by us.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost_nanos: int = 0
    unpriced_count: int = 0
    estimated_count: int = 0

    @property
    def tokens(self) -> int:
        """Input and output together."""
        return self.input_tokens + self.output_tokens

    @property
    def cost(self) -> str | None:
        """The known costs as USD, or None when there are messages and none of them has a known price."""
        return None if self.unpriced_count and not self.cost_nanos else usd(self.cost_nanos)


def added(parts: Iterable[Totals]) -> Totals:
    """The sum of *parts*, field by field."""
    listed = list(parts)
    return Totals(*(sum(getattr(part, name) for part in listed) for name in Totals.__slots__))


def cost_nanos(usage: Usage, price: Price | None) -> int | None:
    """What *usage* costs at *price*, rounded half up to a nano-USD; None when the price is unknown."""
    if price is None:
        return None
    fresh = usage.input_tokens - usage.cached_tokens
    picos = fresh * price.input_picos + usage.cached_tokens * price.cached_picos
    picos += usage.output_tokens * price.output_picos
    return (picos + PICOS_PER_NANO // 2) // PICOS_PER_NANO


def usd(nanos: int) -> str:
    """*nanos* as an exact decimal string in USD with at least six decimals, such as ``"0.000123"``."""
    sign = "-" if nanos < 0 else ""
    whole, fraction = divmod(abs(nanos), NANOS_PER_USD)
    digits = f"{fraction:09d}".rstrip("0").ljust(_MIN_DECIMALS, "0")
    return f"{sign}{whole}.{digits}"


def nanos_from(text: str) -> int | None:
    """The nano-USD of a decimal string such as ``"0.25"``, the inverse of :func:`usd` for what is not negative; None
    when it is no such string or says more than nano-USD can.
    """
    found = _USD.fullmatch(text)
    if found is None:
        return None
    whole, fraction = found.groups(default="")
    return int(whole) * NANOS_PER_USD + int(fraction.ljust(9, "0"))


def estimate_tokens(text: str) -> int:
    """A count for providers that send none: four ASCII characters to a token, one other character to a token."""
    wide = 0 if text.isascii() else len(text) - len(text.encode("ascii", "ignore"))
    return wide + (len(text) - wide + 3) // 4
