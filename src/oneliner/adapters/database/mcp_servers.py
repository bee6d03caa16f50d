"""MCP servers that were configured over the API, in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, select, text

from oneliner.adapters.database.encoding import from_json, to_json
from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import mcp_servers
from oneliner.domain.mcp_server import McpEntry, server_from_json, server_to_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.adapters.database.statement import Driver
    from oneliner.domain.mcp_server import McpServer

_NAMES = ("name", "config_json", "version", "updated_by", "updated_at")
_COLUMNS = tuple(mcp_servers.c[name] for name in _NAMES)
_ALL = Statement(select(*_COLUMNS).order_by(mcp_servers.c.name))
_GET = Statement(select(*_COLUMNS).where(mcp_servers.c.name == bindparam("key")))
_PUT = Statement(
    text(
        "INSERT INTO mcp_servers (name, config_json, version, updated_by, updated_at)"
        " VALUES (:name, :config_json, 1, :updated_by, :updated_at)"
        " ON CONFLICT (name) DO UPDATE SET config_json = excluded.config_json, version = mcp_servers.version + 1,"
        " updated_by = excluded.updated_by, updated_at = excluded.updated_at RETURNING version"
    )
)
_REMOVE = Statement(delete(mcp_servers).where(mcp_servers.c.name == bindparam("key")))


def _entry(row: Sequence[Any]) -> McpEntry:
    name, config, version, updated_by, updated_at = row
    return McpEntry(server_from_json(name, from_json(config)), version, updated_by, updated_at)


class SqlMcpServers:
    """The store of MCP servers; see ``app.ports.McpServerStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def all(self) -> list[McpEntry]:
        return [_entry(row) for row in _ALL.rows(self._driver)]

    def get(self, name: str) -> McpEntry | None:
        row = _GET.first(self._driver, key=name)
        return None if row is None else _entry(row)

    def put(self, server: McpServer, author: str) -> McpEntry:
        config = to_json(server_to_json(server))
        row = _PUT.first(self._driver, name=server.name, config_json=config, updated_by=author, updated_at=self._now_ms)
        return McpEntry(server, 1 if row is None else row[0], author, self._now_ms)

    def remove(self, name: str) -> bool:
        return _REMOVE.count(self._driver, key=name) > 0
