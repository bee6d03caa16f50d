"""Requests that go to public addresses alone, for servers that an administrator named.

The name is looked up once for each request, every address it has is checked, and the request goes to the address that
was checked: an answer that changes between the look and the connection changes nothing. Which addresses are public is
decided where it is for all tools, in ``domain.address``; a server may be at any port.
"""

from __future__ import annotations

import asyncio
import socket

import httpx2

from oneliner.domain.address import AddressRefused, AddressRules, check_address, check_target

ANY_PORT = AddressRules(ports=None)


class PublicTransport(httpx2.AsyncBaseTransport):
    """Sends requests to public addresses; refuses all others. Used as any transport of an HTTP client."""

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer. Raises ConnectError: the name has no address, or one that is not public."""
        url = request.url
        try:
            check_target(url.scheme, url.host)
            address = await _checked_address(url.host, url.port or (443 if url.scheme == "https" else 80))
        except AddressRefused as error:
            raise httpx2.ConnectError(error.message) from error
        # The header with the name, and the name that the certificate is checked for, stay what they were.
        request.extensions = {**request.extensions, "sni_hostname": url.host}
        request.url = url.copy_with(host=address)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


async def _checked_address(host: str, port: int) -> str:
    """The first address of *host*. Raises AddressRefused: one of them is not public; ConnectError: it has none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpx2.ConnectError(f"{host} has no address") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses:
        raise httpx2.ConnectError(f"{host} has no address")
    for address in addresses:
        check_address(address, port, ANY_PORT)
    return addresses[0]
