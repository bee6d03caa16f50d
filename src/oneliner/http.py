"""HTTP for tools: ``async with http.session(context) as session`` is an aiohttp session that can be led nowhere else than
to the public internet and to the networks that the deployment names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.adapters.tools.outbound import guarded_session
from oneliner.domain.address import AddressRefused, parse_network

if TYPE_CHECKING:
    from aiohttp import ClientSession

    from oneliner.app.tools import CallContext

__all__ = ["AddressRefused", "session"]


def session(context: CallContext) -> ClientSession:
    """A session for the call that *context* is of, to be closed by its user. Its requests raise AddressRefused, before
    anything is sent, where an address or a redirect leads to what may not be reached.
    """
    return guarded_session(parse_network(network) for network in context.networks)
