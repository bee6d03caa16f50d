"""What counts as a secret of this process: to be taken out of whatever is kept, shown or logged."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

#: A shorter one would blot out ordinary words.
SHORTEST = 8
_ENDINGS = ("_API_KEY", "_ACCESS_KEY", "_SECRET_KEY", "_TOKEN", "_SECRET", "_PASSWORD")


def in_environment(environment: Mapping[str, str]) -> frozenset[str]:
    """The values of variables whose names say that they hold a secret."""
    found = {value.strip() for name, value in environment.items() if name.upper().endswith(_ENDINGS)}
    return frozenset(value for value in found if len(value) >= SHORTEST)


def in_address(address: str) -> frozenset[str]:
    """The password in an address, as it is written there and as it is meant."""
    try:
        password = urlsplit(address).password
    except ValueError:
        return frozenset()
    return frozenset({password, unquote(password)}) if password else frozenset()
