"""MCP servers: who may configure them, and how they are doing.

Servers come from a file, which is the operator's, and from administrators over the API. An administrator of the product
need not be trusted with the machine it runs on, so the operator says how far he may go (:class:`McpAdmin`), and secrets
are referred to by names that are set aside for it. Every process follows what is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from oneliner.app import audit
from oneliner.domain.audit import Action, Target
from oneliner.domain.errors import Conflict, Forbidden, Invalid, NotFound, VersionChanged
from oneliner.domain.mcp_server import MAX_SERVERS, variables_of, without_literals

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from oneliner.app.model import ToolSpec
    from oneliner.app.ports import Transaction
    from oneliner.domain.mcp_server import McpEntry, McpServer
    from oneliner.domain.user import Caller

#: What the names of variables begin with that an administrator may refer to.
VARIABLE_PREFIX = "MCP_"


class McpAdmin(StrEnum):
    """What administrators may configure over the API: nothing, servers at public addresses, or any server, also one
    that is a command run by this machine.
    """

    OFF = "off"
    PUBLIC = "public"
    ALL = "all"


class McpState(StrEnum):
    """Whether a server can be called from this process."""

    DISABLED = "disabled"
    CONNECTING = "connecting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RefusedTool:
    """A tool that a server lists and the agent does not get, and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class McpHealth:
    """How a server is doing, as one process sees it. *error* is why it failed the last time; *reconnects* counts how
    often it was lost. *tools* are the names the agent knows; they stay while it is being reached again.
    """

    state: McpState
    error: str = ""
    protocol: str = ""
    software: str = ""
    reconnects: int = 0
    tools: tuple[str, ...] = ()
    refused: tuple[RefusedTool, ...] = ()


class McpServers(Protocol):
    """The servers that this process is connected to."""

    @property
    def of_file(self) -> Sequence[McpServer]:
        """Those that the file names."""
        ...

    @property
    def may(self) -> McpAdmin:
        """What administrators may configure."""
        ...

    def health(self, name: str) -> McpHealth:
        """How the server *name* is doing here; connecting, when it is not known here yet."""
        ...

    def tools_of(self, name: str) -> Sequence[ToolSpec]:
        """The tools of the server *name* that the agent has."""
        ...

    def look_again(self) -> None:
        """Follow soon what is stored now."""
        ...


def stored(tx: Transaction, caller: Caller) -> list[McpEntry]:
    """The servers that administrators configured, by name. Raises Forbidden: the caller is none."""
    caller.check_admin()
    return tx.mcp_servers.all()


def put(tx: Transaction, caller: Caller, server: McpServer, seen_version: int | None, servers: McpServers) -> McpEntry:
    """Configure *server*, new or changed.

    Raises Forbidden: the caller is no administrator, or may not configure such a server; Conflict: the file has one of
    that name; VersionChanged: *seen_version* is not the newest (0: there is none yet); Invalid.
    """
    caller.check_admin()
    _check_may(server, servers.may)
    _check_free(server.name, servers.of_file)
    found = tx.mcp_servers.get(server.name)
    now = 0 if found is None else found.version
    if seen_version is not None and seen_version != now:
        raise VersionChanged(
            f"server {server.name!r} is at version {now}, not {seen_version}; read it again", version=now
        )
    if found is None and len(tx.mcp_servers.all()) >= MAX_SERVERS:
        raise Invalid(f"there are {MAX_SERVERS} MCP servers already; remove one first", field="name")
    entry = tx.mcp_servers.put(server, caller.user_id)
    way = "command" if server.command else "url"
    audit.record(
        tx, caller.user_id, Action.MCP_SERVER_SET, Target.MCP_SERVER, server.name, version=entry.version, way=way
    )
    return entry


def remove(tx: Transaction, caller: Caller, name: str, servers: McpServers) -> None:
    """Forget the server *name*. Raises Forbidden; Conflict: it is in the file; NotFound."""
    caller.check_admin()
    _check_free(name, servers.of_file)
    if not tx.mcp_servers.remove(name):
        raise NotFound("MCP server", name)
    audit.record(tx, caller.user_id, Action.MCP_SERVER_REMOVED, Target.MCP_SERVER, name)


def _check_free(name: str, of_file: Collection[McpServer]) -> None:
    if any(server.name == name for server in of_file):
        raise Conflict(f"server {name!r} is configured in the file of this deployment and is changed there", name=name)


def _check_may(server: McpServer, may: McpAdmin) -> None:
    if may is McpAdmin.OFF:
        raise Forbidden("MCP servers are configured in a file here, not over the API (ONELINER_MCP_ADMIN)")
    if server.command and may is not McpAdmin.ALL:
        raise Forbidden("commands may not be configured over the API here (ONELINER_MCP_ADMIN); give a url")
    for field, values in (("env", server.env), ("headers", server.headers)):
        bare = [name for name, shown in without_literals(values).items() if shown is None]
        if bare:
            raise Invalid(
                f"{field} {bare[0]!r} must refer to a variable, such as ${{{VARIABLE_PREFIX}TOKEN}}: what is stored may "
                "be no secret",
                field=f"{field}.{bare[0]}",
            )
    others = sorted(name for name in variables_of(server) if not name.startswith(VARIABLE_PREFIX))
    if others:
        raise Invalid(
            f"the variable {others[0]} may not be referred to; use one whose name begins with {VARIABLE_PREFIX}",
            variable=others[0],
        )
