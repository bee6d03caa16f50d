"""What counts as a secret of this process: to be taken out of whatever is kept, shown or logged."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

REDACTED = "[redacted]"
#: A shorter one would blot out ordinary words.
SHORTEST = 8
_ENDINGS = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
_HEADERS = "_HEADERS"


def hider(secrets: Iterable[str]) -> Callable[[str], str]:
    """What takes *secrets* out of a text, also out of one that is JSON."""
    written = {form for s in secrets for form in (s, json.dumps(s)[1:-1], json.dumps(s, ensure_ascii=False)[1:-1])}
    longest_first = sorted((s for s in written if s), key=len, reverse=True)
    if not longest_first:
        return lambda text: text
    pattern = re.compile("|".join(map(re.escape, longest_first)))
    return lambda text: pattern.sub(REDACTED, text)


def in_environment(environment: Mapping[str, str]) -> frozenset[str]:
    """The values of variables whose names say that they hold a secret, those of headers, and passwords in addresses."""
    found: set[str] = set()
    for name, value in environment.items():
        if name.upper().endswith(_ENDINGS):
            found.add(value.strip())
        elif name.upper().endswith(_HEADERS):
            # As OpenTelemetry has them: name=value, separated by commas.
            found |= {unquote(pair.partition("=")[2]).strip() for pair in value.split(",")}
        elif "://" in value and "@" in value:
            found |= in_address(value)
    return frozenset(value for value in found if len(value) >= SHORTEST)


def in_address(address: str) -> frozenset[str]:
    """The password in an address, as it is written there and as it is meant."""
    try:
        password = urlsplit(address).password
    except ValueError:
        return frozenset()
    return frozenset({password, unquote(password)}) if password else frozenset()
