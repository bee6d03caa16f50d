"""Requests that go to public addresses alone, for servers that an administrator named.

The name is looked up once for each request, every address it has is checked, and the request goes to the address that
was checked: an answer that changes between the look and the connection changes nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import httpx2


class PublicTransport(httpx2.AsyncBaseTransport):
    """Sends requests to public addresses; refuses all others. Used as any transport of an HTTP client."""

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer. Raises ConnectError: the name has no address, or one that is not public."""
        host = request.url.host
        address = await _public_address(host, request.url.port or (443 if request.url.scheme == "https" else 80))
        # The header with the name, and the name that the certificate is checked for, stay what they were.
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=address)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


async def _public_address(host: str, port: int) -> str:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise httpx2.ConnectError(f"{host} has no address") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise httpx2.ConnectError(f"{host} is not at a public address")
    return addresses[0]


def is_public(address: str) -> bool:
    """Whether *address*, an IP address as text, is one of the public internet."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        within = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if within is not None:
            return is_public(str(within))
        if parsed in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)))
    return parsed.is_global and not parsed.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
