"""Which addresses the server's own code may connect to on behalf of an agent: the public internet, and what the
deployment names.

A model can be talked into naming any address, and the server stands where the network trusts it. So everything that is
not public is refused (loopback, private and link-local networks, the metadata services of clouds), in whatever way it
is written, also wrapped in an IPv6 address.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from oneliner.domain.errors import OneLinerError

Network: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address

_SCHEMES = frozenset({"http", "https"})
_PORTS = frozenset({80, 443})
#: Public by their numbers, and yet the way to something that is not: metadata services and relays.
_NOT_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(n) for n in ("168.63.129.16/32", "192.88.99.0/24", "fec0::/10", "64:ff9b:1::/48")
)
_EMBEDS_LAST = tuple(ip_network(n) for n in ("64:ff9b::/96", "::/96"))
_LAST_32 = 0xFFFF_FFFF


class AddressRefused(OneLinerError):
    """The address is not one that may be connected to; nothing was sent."""

    code = "address_refused"


@dataclass(frozen=True, slots=True)
class AddressRules:
    """*networks* may be reached although they are not public, on any port; everything else on *ports* alone, or on any
    for None.
    """

    networks: tuple[Network, ...] = ()
    ports: frozenset[int] | None = _PORTS


def parse_network(text: str) -> Network:
    """``10.1.0.0/16`` or one address. Raises ValueError."""
    return ip_network(text.strip())


def check_target(scheme: str, host: str | None) -> None:
    """What can be said of an address before it is looked up. Raises AddressRefused."""
    if scheme not in _SCHEMES:
        raise AddressRefused(f"only http and https are fetched, not {scheme!r}")
    if not host:
        raise AddressRefused("the address has no host")
    if _looks_like_a_number(host):
        raise AddressRefused(f"{host!r} is a number in a form that only hides what it stands for")


def check_address(address: str, port: int, rules: AddressRules) -> None:
    """Judges the very address that is about to be connected to. Raises AddressRefused."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        raise AddressRefused(f"{address!r} is no address") from None
    reached = [found, *_embedded(found)]
    if any(one.version == network.version and one in network for one in reached for network in rules.networks):
        return
    if not all(_is_public(one) for one in reached):
        raise AddressRefused(f"{address} is not on the public internet, and this deployment does not allow it")
    if rules.ports is not None and port not in rules.ports:
        raise AddressRefused(f"port {port} is not fetched from; allowed: {_listed(rules.ports)}")


def _listed(ports: frozenset[int]) -> str:
    return ", ".join(str(p) for p in sorted(ports))


def _looks_like_a_number(host: str) -> bool:
    """Whether *host* would be read as an IPv4 address by some and is not written like one: 127.1, 0x7f.1, 2130706433."""
    if ":" in host:
        return False
    last = host.rstrip(".").rpartition(".")[2]
    if not last.isascii():
        return True
    if not (last.isdigit() or last.lower().startswith("0x")):
        return False
    try:
        return str(ip_address(host)) != host
    except ValueError:
        return True


def _embedded(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 one leads to."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if any(address in network for network in _EMBEDS_LAST):
        found.append(IPv4Address(int(address) & _LAST_32))
    return [one for one in found if one is not None]


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        # What counts is the address inside, which is judged as well.
        return True
    if not address.is_global or address.is_multicast or address.is_unspecified:
        return False
    return not any(address.version == network.version and address in network for network in _NOT_PUBLIC)
