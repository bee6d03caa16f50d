"""The kinds of values that settings have: what is accepted, in words, and the one way from text to value."""

from __future__ import annotations

import math
import string
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from oneliner.domain.address import parse_network
from oneliner.domain.route import parse_route

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_PORT = 65_535
_HOST_CHARACTERS = frozenset(string.ascii_letters + string.digits + "-.*:")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value. *accepts* ends the sentence "X must be …"; *parse* takes text that is not empty and raises
    ValueError; *empty* is the value of a setting of this kind that is not set."""

    metavar: str
    accepts: str
    parse: Callable[[str], Any]
    empty: Any = ""
    unit: str = ""
    is_secret: bool = False


def CHOICE(*words: str) -> Kind:  # noqa: N802 - a kind, beside the constants that are kinds too
    """One of *words*, in any case."""

    def parse(text: str) -> str:
        return {word.lower(): word for word in words}.get(text.lower()) or _refuse()

    return Kind("|".join(words), f"one of {', '.join(words)}", parse)


def COUNT(lowest: int, highest: int) -> Kind:  # noqa: N802
    """A whole number between two bounds."""
    return Kind("N", f"a whole number from {lowest} to {highest}", lambda text: _whole(text, lowest, highest))


def SECONDS(lowest: float, highest: float) -> Kind:  # noqa: N802
    """A time in seconds between two bounds."""

    def parse(text: str) -> float:
        seconds = float(text)
        return seconds if math.isfinite(seconds) and lowest <= seconds <= highest else _refuse()

    return Kind("SECONDS", f"a number of seconds from {lowest:g} to {highest:g}", parse, unit="seconds")


def WHOLE_SECONDS(lowest: int, highest: int) -> Kind:  # noqa: N802
    """A time in whole seconds between two bounds."""
    accepts = f"a whole number of seconds from {lowest} to {highest}"
    return Kind("SECONDS", accepts, lambda text: _whole(text, lowest, highest), unit="seconds")


def _refuse() -> Any:
    raise ValueError


def _whole(text: str, lowest: int, highest: int) -> int:
    number = int(text)
    return number if lowest <= number <= highest else _refuse()


def _name(text: str) -> str:
    return text if text.isprintable() and " " not in text else _refuse()


def _line(text: str) -> str:
    return text if text.isprintable() else _refuse()


def _path(text: str) -> Path:
    if "\x00" in text:
        raise ValueError
    return Path(text).expanduser().absolute()


def _url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not text.isprintable() or " " in text:
        raise ValueError
    _ = parts.port  # raises ValueError when it is none
    return text


def _origin(text: str) -> str:
    parts = urlsplit(_url(text))
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username:
        raise ValueError
    return f"{parts.scheme}://{parts.netloc}".lower()


def _sqlite_url(text: str) -> str:
    if not text.startswith("sqlite:///") or not (name := text.removeprefix("sqlite:///")) or set(name) & set("?#\x00"):
        raise ValueError
    if name == ":memory:":
        raise ValueError
    return f"sqlite:///{Path(name).absolute()}"


def _database_url(text: str) -> str:
    if text.startswith("sqlite:"):
        return _sqlite_url(text)
    parts = urlsplit(text)
    if parts.scheme not in {"postgresql", "postgresql+asyncpg"} or not parts.hostname or not parts.path.strip("/"):
        raise ValueError
    return "postgresql+asyncpg:" + text.partition(":")[2]


def _server_url(*schemes: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        parts = urlsplit(text)
        return text if parts.scheme in schemes and parts.hostname and text.isprintable() else _refuse()

    return parse


def _host(text: str) -> str:
    return text.lower() if set(text) <= _HOST_CHARACTERS else _refuse()


def _items(text: str) -> list[str]:
    return [item for part in text.split(",") if (item := part.strip())]


NAME = Kind("NAME", "a name without spaces", _name)
SECRET = Kind("SECRET", "one line of text", _line, is_secret=True)
PATH = Kind("PATH", "a path", _path, empty=None)
PORT = Kind("PORT", f"a port, 0 to {_MAX_PORT}", lambda text: _whole(text, 0, _MAX_PORT), empty=None)
URL = Kind("URL", "an address that starts with http:// or https://", _url)
DATABASE_URL = Kind(
    "URL", "sqlite:///FILE (four slashes before an absolute path) or postgresql+asyncpg://USER@HOST/NAME", _database_url
)
REDIS_URL = Kind("URL", "redis://HOST or rediss://HOST", _server_url("redis", "rediss"), is_secret=True)
BROKER_URL = Kind(
    "URL", "redis://HOST or amqp://HOST", _server_url("redis", "rediss", "amqp", "amqps", "pyamqp"), is_secret=True
)
LIST = Kind("NAME,…", "names separated by commas", lambda text: tuple(_items(text)), empty=())
ORIGINS = Kind(
    "ORIGIN,…",
    "origins such as https://app.example.com, separated by commas",
    lambda text: tuple(_origin(item) for item in _items(text)),
    empty=(),
)
HOSTS = Kind(
    "HOST,…",
    "names of hosts, in which * stands for any characters, separated by commas",
    lambda text: tuple(_host(item) for item in _items(text)),
    empty=(),
)
NETWORKS = Kind(
    "NETWORK,…",
    "networks such as 10.1.0.0/16 or 127.0.0.1, separated by commas",
    lambda text: tuple(parse_network(item) for item in _items(text)),
    empty=(),
)
ROUTES = Kind(
    "ROUTE,…",
    "routes such as project:acme=acme-queue or executor:researcher=slow, separated by commas",
    lambda text: tuple(parse_route(item) for item in _items(text)),
    empty=(),
)
