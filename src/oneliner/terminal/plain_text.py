"""Text that may come from anybody, made fit for a terminal: nothing in it may move the cursor or set a title."""

from __future__ import annotations

import re

# C0 but tab and line feed, DEL, C1, and the marks that reorder what is read.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def fit(text: str) -> str:
    """*text* without control characters; line ends become line feeds."""
    return _UNFIT.sub("", text.replace("\r\n", "\n"))


def one_line(text: str, limit: int = 160) -> str:
    """*text* as one line of at most *limit* characters."""
    line = " ".join(fit(text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
