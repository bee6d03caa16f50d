"""An MCP server as it is configured: how to reach it, and what its tools may be trusted with.

Secrets are never part of it: where one is needed, ``${NAME}`` stands for a variable of the process's environment, and
only the connection that needs the value reads it. What a server says of its own tools are hints; that they change
nothing, or may be repeated, holds only where the configuration says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

#: What stands between a server's name and that of its tool, where the agent sees it.
SEPARATOR = "__"
MAX_SERVERS = 50
MAX_TEXT_CHARS = 4_000
MAX_ITEMS = 100
LONGEST_SECONDS = 3_600.0
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9]|[-_](?![-_]))*")
_MAX_NAME_CHARS = 24
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HTTP = frozenset({"http", "streamable-http", "streamable_http", "streamableHttp"})


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """One server: a *command* that is started and spoken to over its standard input and output, or a *url*.

    *tools*, *read_only* and *idempotent* are patterns of tool names (``*`` and ``?``): which tools are offered at all,
    which change nothing, which may be repeated. *trust_hints*: what the server says of that itself is believed.
    *repeat_after_question*: a call that is repeated from its start, with the user's answer, is harmless. *public_only*
    is no part of the configuration: it keeps a server that an administrator named from addresses of this network.
    """

    name: str
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    cwd: str = ""
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    enabled: bool = True
    tools: tuple[str, ...] = ("*",)
    read_only: tuple[str, ...] = ()
    idempotent: tuple[str, ...] = ()
    trust_hints: bool = False
    repeat_after_question: bool = False
    call_seconds: float = 60.0
    connect_seconds: float = 20.0
    public_only: bool = False

    def offers(self, tool: str) -> bool:
        """Whether the agent may see *tool*."""
        return _matches(tool, self.tools)

    def is_read_only(self, tool: str, *, hint: bool) -> bool:
        """Whether *tool* changes nothing; *hint* is what the server says."""
        return _matches(tool, self.read_only) or (self.trust_hints and hint)

    def is_idempotent(self, tool: str, *, hint: bool) -> bool:
        """Whether a second call of *tool* has no second effect; *hint* is what the server says."""
        return _matches(tool, self.idempotent) or (self.trust_hints and hint)


@dataclass(frozen=True, slots=True)
class McpEntry:
    """A server as it is stored: its *version* counts its changes; *updated_at* is in ms."""

    server: McpServer
    version: int
    updated_by: str
    updated_at: int


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def filled(text: str, environment: Mapping[str, str]) -> str:
    """*text* with the values of the variables it names. Raises Invalid: one of them is not set."""

    def value(match: re.Match[str]) -> str:
        found = environment.get(match[1])
        if not found:
            raise Invalid(f"the environment variable {match[1]} is not set", variable=match[1])
        return found

    return _REFERENCE.sub(value, text)


def variables_of(server: McpServer) -> frozenset[str]:
    """The environment variables that *server* refers to."""
    texts = [server.command, *server.args, server.cwd, server.url, *server.env.values(), *server.headers.values()]
    return frozenset(name for text in texts for name in _REFERENCE.findall(text))


def without_literals(values: Mapping[str, str]) -> dict[str, str | None]:
    """*values* as they may be shown: what is no reference might be a secret, and is None."""
    return {name: value if _REFERENCE.search(value) else None for name, value in values.items()}


def servers_from_file(document: object) -> list[McpServer]:
    """The servers of a configuration file of the usual shape, ``{"mcpServers": {name: {…}}}``. Raises Invalid."""
    table = document.get("mcpServers") if isinstance(document, dict) else None
    if not isinstance(table, dict):
        raise Invalid('must be an object with one object for each server under "mcpServers"', field="mcpServers")
    if len(table) > MAX_SERVERS:
        raise Invalid(f"has {len(table)} servers; at most {MAX_SERVERS} are possible", field="mcpServers")
    return [server_from_json(str(name), value) for name, value in table.items()]


def server_from_json(name: str, value: object) -> McpServer:
    """The server *name* of a JSON object. Raises Invalid, naming the field: something in it is not accepted."""
    check_name(name)
    if not isinstance(value, dict):
        raise Invalid(f"server {name!r} must be an object", field=name)
    given = dict(value)
    kind = given.pop("type", None)
    if given.pop("disabled", False) is True:
        given["enabled"] = False
    fields: dict[str, Any] = {}
    for key, item in given.items():
        if key not in _FIELDS:
            raise _wrong(name, key, f"is not known; there are {', '.join(sorted(_FIELDS))}, type and disabled")
        fields[key] = _FIELDS[key](item, partial(_wrong, name, key))
    server = McpServer(name=name, **fields)
    _check_reach(server, kind)
    return server


def server_to_json(server: McpServer) -> dict[str, object]:
    """*server* without its name, as :func:`server_from_json` reads it; fields that say nothing are left out."""
    default = McpServer(name=server.name)
    found: dict[str, object] = {}
    for key in _FIELDS:
        value = getattr(server, key)
        if value != getattr(default, key):
            found[key] = list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, dict) else value
    return found


def check_name(name: str) -> None:
    """Raises Invalid: *name* cannot name a server."""
    if len(name) > _MAX_NAME_CHARS or _NAME.fullmatch(name) is None:
        raise Invalid(
            f"{name!r} is no name for an MCP server: use 1 to {_MAX_NAME_CHARS} of a-z, 0-9, single - and _, "
            "beginning with a letter or a digit",
            field="name",
        )


def _check_reach(server: McpServer, kind: object) -> None:
    if kind == "sse":
        raise _wrong(server.name, "type", "is sse, which is not supported; use the server's streamable HTTP address")
    if kind is not None and kind != "stdio" and kind not in _HTTP:
        raise _wrong(server.name, "type", f"is {kind!r}; it must be stdio or http")
    if bool(server.command) == bool(server.url):
        raise _wrong(server.name, "command", "or url must be given, and not both")
    if kind is not None and (kind == "stdio") != bool(server.command):
        needed = "command" if kind == "stdio" else "url"
        raise _wrong(server.name, needed, f"must be given for a server of type {kind}")
    if server.url and (server.args or server.env or server.cwd):
        raise _wrong(server.name, "url", "goes with headers; args, env and cwd are for a command")
    if server.command and server.headers:
        raise _wrong(server.name, "headers", "go with a url, not with a command")
    if server.url:
        _check_url(server)


def _check_url(server: McpServer) -> None:
    try:
        parts = urlsplit(server.url)
        bad = parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.fragment
        _ = parts.port  # raises ValueError when it is none
    except ValueError:
        bad = True
    if bad or not server.url.isprintable() or " " in server.url:
        raise _wrong(
            server.name, "url", "must be an http:// or https:// address without a user name; put secrets into headers"
        )


def _wrong(name: str, key: str, what: str) -> Invalid:
    return Invalid(f"server {name!r}: {key} {what}", field=f"{name}.{key}")


# How each field is read: what is given and how to refuse it, to the value.


def _text(item: object, refuse: Callable[[str], Invalid]) -> str:
    if not isinstance(item, str) or len(item) > MAX_TEXT_CHARS or "\x00" in item:
        raise refuse(f"must be a text of at most {MAX_TEXT_CHARS} characters")
    return item


def _texts(item: object, refuse: Callable[[str], Invalid]) -> tuple[str, ...]:
    if not isinstance(item, list) or len(item) > MAX_ITEMS:
        raise refuse(f"must be a list of at most {MAX_ITEMS} texts")
    return tuple(_text(part, refuse) for part in item)


def _yes_or_no(item: object, refuse: Callable[[str], Invalid]) -> bool:
    if not isinstance(item, bool):
        raise refuse("must be true or false")
    return item


def _seconds(item: object, refuse: Callable[[str], Invalid]) -> float:
    if isinstance(item, bool) or not isinstance(item, int | float) or not 0 < item <= LONGEST_SECONDS:
        raise refuse(f"must be a number of seconds above 0, at most {LONGEST_SECONDS:g}")
    return float(item)


def _named(pattern: re.Pattern[str], what: str) -> Callable[[object, Callable[[str], Invalid]], dict[str, str]]:
    def read(item: object, refuse: Callable[[str], Invalid]) -> dict[str, str]:
        if not isinstance(item, dict) or len(item) > MAX_ITEMS:
            raise refuse(f"must be an object of at most {MAX_ITEMS} texts")
        for key, value in item.items():
            if not isinstance(key, str) or pattern.fullmatch(key) is None:
                raise refuse(f"has {key!r}, which is no name of {what}")
            if not _text(value, refuse).isprintable():
                raise refuse(f"has a value for {key!r} that is not one line of text")
        return dict(item)

    return read


_FIELDS: Mapping[str, Callable[[object, Callable[[str], Invalid]], Any]] = {
    "command": _text,
    "args": _texts,
    "env": _named(_VARIABLE, "a variable"),
    "cwd": _text,
    "url": _text,
    "headers": _named(_HEADER, "a header"),
    "enabled": _yes_or_no,
    "tools": _texts,
    "read_only": _texts,
    "idempotent": _texts,
    "trust_hints": _yes_or_no,
    "repeat_after_question": _yes_or_no,
    "call_seconds": _seconds,
    "connect_seconds": _seconds,
}
