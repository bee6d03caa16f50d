"""The socket that a server listens on, bound before anything else is started: whoever cannot have it, makes nothing."""

from __future__ import annotations

import errno
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Generator

_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - what to show for it, not a choice


@contextmanager
def listening(host: str, port: int) -> Generator[socket.socket]:
    """A bound socket, closed at the end. Raises Invalid: there is no such address, or the port is not to be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise Invalid(f"--host {host!r} is no address of this machine: {error.strerror}", setting="host") from error
    with socket.socket(family, kind, protocol) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except OSError as error:
            raise Invalid(_why_not_bound(error, host, port), setting="port") from error
        yield listener


def address_of(listener: socket.socket) -> str:
    """The base URL under which this machine reaches *listener*."""
    bound, port = listener.getsockname()[:2]
    host = _ANY.get(str(bound), str(bound))
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _why_not_bound(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} on {host} is taken; choose another with --port, or --port 0 for a free one"
        case errno.EACCES:
            return f"port {port} needs rights this process does not have; choose one above 1023 with --port"
        case errno.EADDRNOTAVAIL:
            return f"--host {host!r} is no address of this machine"
        case _:
            return f"cannot listen on {host} port {port}: {error.strerror}"
