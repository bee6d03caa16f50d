"""Lengths of time as people type and read them."""

from __future__ import annotations

import re

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_PART = re.compile(r"(\d{1,9})([smhd])")
_WHOLE = re.compile(r"(?:\d{1,9}[smhd])+")


def parse_duration(text: str) -> int:
    """The seconds of ``90``, ``15m``, ``12h``, ``1d12h``. Raises ValueError: it is none of these."""
    text = text.strip().lower()
    if text.isascii() and text.isdigit():
        return int(text)
    if not _WHOLE.fullmatch(text):
        raise ValueError(text)
    return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(text))


def spoken(seconds: float) -> str:
    """*seconds* as a few words: ``0.4 s``, ``12 s``, ``3 min 5 s``, ``2 h 10 min``."""
    if seconds < 10:  # noqa: PLR2004 - below this a decimal says something
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _SECONDS["m"]:
        return f"{whole} s"
    if whole < _SECONDS["h"]:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(whole // 60, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
