"""What a provider says about a failure, made safe to keep: no key, no control characters, not long.

Providers echo the key they were given, whole, cut or starred out. A text from outside passes here before it becomes
part of an error, an event or a log line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from oneliner.domain.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

REDACTED = "[redacted]"
MAX_CHARACTERS = 500
_CONSIDERED_CHARACTERS = 8_000
_FRAGMENT_CHARACTERS = 8
_SHORTEST_KEY = 4  # "EMPTY" and the like are told to local servers; a shorter one would blot out ordinary words

_KEY_LIKE = re.compile(
    r"""(?ix)
    \b bearer \s+ [^\s"',;]+                          # a header, echoed
    | \b (?:sk|pk|rk|gsk|xai|hf|pplx|r8|tgp|sess) [-_] [\w.*…•-]{3,}   # how providers begin their keys
    | \b (?:AIza|AKIA|ASIA|ya29\.) [\w*…•-]{4,}       # how the clouds begin theirs
    | [\w-]* \*{3,} [\w*-]*                           # a key starred out, which still shows its ends
    """
)


class Redactor:
    """Removes *keys*, their beginnings and ends, and whatever looks like a key."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        patterns = [p for key in sorted(set(keys), key=len, reverse=True) for p in _patterns(key)]
        self._keys = re.compile("|".join(patterns)) if patterns else None

    def __call__(self, text: str) -> str:
        """*text* on one line, without keys, at most 500 characters."""
        text = " ".join(clean(text[:_CONSIDERED_CHARACTERS]).split())
        if self._keys is not None:
            text = self._keys.sub(REDACTED, text)
        text = _KEY_LIKE.sub(REDACTED, text)
        return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def _patterns(key: str) -> list[str]:
    """The key itself, and any word that begins or ends as it does."""
    if len(key) < _SHORTEST_KEY:
        return []
    found = [re.escape(key)]
    if len(key) > _FRAGMENT_CHARACTERS:
        found.append(re.escape(key[:_FRAGMENT_CHARACTERS]) + r"""[^\s"']*""")
        # Bounded, so that a long text without a match costs a pass and not a square.
        found.append(r"""[^\s"']{0,200}""" + re.escape(key[-_FRAGMENT_CHARACTERS:]))
    return found
