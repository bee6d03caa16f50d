"""HTTP for tools, to addresses that are allowed: checked where the connection is made, so that nothing comes in between.

A name is looked up once, and the socket to the address it gave is refused or opened: a second answer of the name server
has nobody to give it to. Every hop of a redirect comes the same way. Proxies of the environment are not used, because
they would look names up themselves.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import aiohttp

from oneliner.app.tools import ToolFailed
from oneliner.domain.address import AddressRefused, AddressRules, check_address, check_target
from oneliner.domain.tool_rules import fits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse
    from aiohttp.abc import AbstractResolver

    from oneliner.domain.address import Network

TIMEOUT_SECONDS = 20.0
MAX_REDIRECTS = 5


def guarded_session(
    networks: Iterable[Network] = (), *, hosts: Iterable[str] = ("*",), resolver: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    """A session that connects to *hosts* (names, in which ``*`` stands for any characters) on the public internet, on
    ports 80 and 443, and to *networks* beyond it.

    To be closed by its user (``async with``). Its requests raise AddressRefused, before anything is sent, wherever an
    address or a redirect leads elsewhere. *resolver* is aiohttp's, in place of the system's.
    """
    names = tuple(hosts)
    rules = AddressRules(tuple(networks))

    async def check(request: ClientRequest, handler: ClientHandlerType) -> ClientResponse:
        url = request.url
        check_target(url.scheme, url.host)
        if not any(fits(name, (url.host or "").rstrip(".").lower()) for name in names):
            raise AddressRefused(f"host {url.host!r} is not one that this deployment fetches from")
        return await handler(request)

    def open_socket(info: tuple[Any, Any, Any, Any, Any]) -> socket.socket:
        family, kind, protocol, _, address = info
        check_address(str(address[0]), int(address[1]), rules)
        return socket.socket(family, kind, protocol)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(socket_factory=open_socket, resolver=resolver, use_dns_cache=False),
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        middlewares=(check,),
        trust_env=False,
    )


async def fetch_text(session: aiohttp.ClientSession, url: str, max_bytes: int) -> tuple[str, str]:
    """Where *url* led to, and the text that was there. Raises ToolFailed: refused, not to be had, or larger."""
    try:
        async with session.get(url, max_redirects=MAX_REDIRECTS) as response:
            body = await response.content.read(max_bytes + 1)
            while len(body) <= max_bytes and not response.content.at_eof():
                body += await response.content.read(max_bytes + 1 - len(body))
            if response.status >= 400:  # noqa: PLR2004 - where HTTP's errors begin
                raise ToolFailed(f"{url!r} answered {response.status}")
            if len(body) > max_bytes:
                raise ToolFailed(f"what is at {url!r} is larger than {max_bytes} bytes")
            return str(response.url), body.decode(response.get_encoding(), errors="replace")
    except AddressRefused as error:
        raise ToolFailed(f"not fetched: {error.message}") from error
    except (aiohttp.ClientError, TimeoutError, ValueError, LookupError) as error:
        raise ToolFailed(f"{url!r} could not be fetched ({type(error).__name__})") from error
