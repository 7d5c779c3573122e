"""Which addresses a user may send this server to: public ones, and those of networks that an operator allows.

Addresses that embed others (mapped, translated, tunnelled) are refused whole: nobody needs them, and each is
a way around a list (RFC 6890 names the networks; the rest is in the IANA special-purpose registries).
"""

from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_SPECIAL = tuple(
    ip_network(text)
    for text in (
        *("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"),
        *("fec0::/10", "2001::/23", "2002::/16", "3fff::/20", "5f00::/16", "::/96", "::ffff:0:0/96"),
        *("64:ff9b::/96", "64:ff9b:1::/48"),
    )
)


class AddressPolicy:
    """What is allowed beside public addresses."""

    def __init__(self, networks: Iterable[str] = (), *, allows_all: bool = False) -> None:
        """Raises ValueError for what is no network."""
        self._networks: tuple[Network, ...] = tuple(ip_network(text) for text in networks)
        self._allows_all = allows_all

    def allows(self, text: str) -> bool:
        """Whether this address, as text, may be connected to. What is no address may not."""
        if self._allows_all:
            return True
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            return False
        return any(_is_in(address, network) for network in self._networks) or _is_public(address)

    def has_own(self, text: str) -> bool:
        """Whether this address, as text, lies in a network that the operator allows."""
        if self._allows_all:
            return True
        try:
            address = ip_address(text)
        except ValueError:
            return False
        return any(_is_in(address, network) for network in self._networks)

    def may_have_own(self, host: str) -> bool:
        """Whether this host is in such a network, or is a name that may yet turn out to lead there."""
        try:
            ip_address(host)
        except ValueError:
            return self._allows_all or bool(self._networks)
        return self.has_own(host)


def _is_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(_is_in(address, network) for network in _SPECIAL)


def _is_in(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
