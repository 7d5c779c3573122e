"""Where a request comes from: the socket's other end, or whom a trusted proxy names."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

Networks = tuple[IPv4Network | IPv6Network, ...]
UNKNOWN = "unknown"
IPV6_SITE = 64
"""Bits of an IPv6 address that tell who it is: one client can have all addresses behind them."""


def networks(given: Iterable[str]) -> Networks:
    """Networks, as `10.0.0.0/8` or an address. Raises ValueError."""
    return tuple(ip_network(one, strict=False) for one in given)


@lru_cache(maxsize=4096)
def is_within(address: str, trusted: Networks) -> bool:
    """Whether an address is in one of the networks."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in network for network in trusted)


def address_of(scope: Scope, trusted: Networks) -> str:
    """The client's address. `X-Forwarded-For` counts only where every hop after it is trusted, and what a
    client wrote there itself stands left of what our own proxies added."""
    client = scope.get("client")
    address: str = client[0] if client else UNKNOWN
    if not trusted or not is_within(address, trusted):
        return address
    hops = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
    for hop in reversed([hop.strip() for hop in hops.decode("latin-1").split(",") if hop.strip()]):
        try:
            address = str(ip_address(hop))
        except ValueError:
            break
        if not is_within(address, trusted):
            break
    return address


@lru_cache(maxsize=4096)
def address_key(address: str) -> str:
    """Under what an address is counted: itself, or its IPv6 network."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return UNKNOWN
    if parsed.version == 4:  # noqa: PLR2004  the protocol's number
        return address
    mapped = parsed.ipv4_mapped
    return str(mapped) if mapped else str(ip_network((parsed, IPV6_SITE), strict=False))


class ClientAddress:
    """Notes it in `scope["state"]["address"]`."""

    def __init__(self, app: ASGIApp, trusted: Networks) -> None:
        self._app = app
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            scope["state"]["address"] = address_of(scope, self._trusted)
        await self._app(scope, receive, send)
