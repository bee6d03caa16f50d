"""The HTTP connections to every endpoint: one pool for the process, made on the loop that first needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarl import URL

_KEEPALIVE_SECONDS = 15.0  # shorter than any server's, so that a request seldom meets a connection just being closed
_CONNECT_SECONDS = 20.0


class Connections:
    """Owns the ClientSession. ``environment`` may name proxies, as every HTTP client understands them."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._proxies = {
            name.lower().removesuffix("_proxy"): value
            for name, value in environment.items()
            if name.lower().endswith("_proxy") and value
        }

    @property
    def session(self) -> aiohttp.ClientSession:
        """The session, to be asked for on the running loop only."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                # No limit of ours: how many calls run at once is the executor's to say, and a call that waits for a
                # connection would look like a silent provider.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS),
            )
        return self._session

    def proxy_for(self, url: URL) -> str | None:
        """The proxy that the environment wants for *url*."""
        host = (url.host or "").lower()
        for entry in self._proxies.get("no", "").lower().split(","):
            domain = entry.strip().lstrip("*.")
            if entry.strip() == "*" or (domain and (host == domain or host.endswith("." + domain))):
                return None
        return self._proxies.get(url.scheme) or self._proxies.get("all")

    async def close(self) -> None:
        """Close every connection, also those in use."""
        if self._session is not None:
            await self._session.close()
            self._session = None
