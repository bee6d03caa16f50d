"""The server, as the commands speak to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneliner.client.connection import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping


class Api(Connection):
    """One server, spoken to with one token."""

    async def get(self, path: str, **query: object) -> Any:
        """The JSON at *path*; what is empty in *query* is left out. Raises Refused, Unreachable."""
        return await self.ask("GET", path, query={name: value for name, value in query.items() if value != ""})

    async def post(self, path: str, body: Mapping[str, object]) -> Any:
        """The JSON answer to *body*. Raises Refused, Unreachable."""
        return await self.ask("POST", path, body=body)

    async def patch(self, path: str, body: Mapping[str, object]) -> Any:
        """The JSON answer to *body*. Raises Refused, Unreachable."""
        return await self.ask("PATCH", path, body=body)

    async def delete(self, path: str) -> None:
        """Have what is at *path* deleted. Raises Refused, Unreachable."""
        await self.ask("DELETE", path)

    def events(self, run_id: str, after: int = 0) -> AsyncGenerator[Mapping[str, Any]]:
        """The events of a run after *after* and the text between them, until the run has ended and all is told.

        Events come once each and in order, whatever happens to the connection. Raises Refused, Unreachable.
        """
        return self.frames(f"/v1/agent/runs/{run_id}/events", after=after)
