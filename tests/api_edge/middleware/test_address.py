"""Who a request comes from, whatever its client writes."""

from collections.abc import MutableMapping
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from api_edge.middleware.address import ClientAddress, address_key, address_of, networks

TRUSTED = networks(["10.0.0.0/8", "192.168.1.1", "fd00::/8"])


def scope(client: str | None, *forwarded: str) -> Scope:
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    return {"type": "http", "client": (client, 1) if client else None, "headers": headers, "state": {}}


@pytest.mark.parametrize(
    ("client", "forwarded", "address"),
    [
        ("203.0.113.9", (), "203.0.113.9"),
        ("203.0.113.9", ("198.51.100.1",), "203.0.113.9"),
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("1.2.3.4, 198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("1.2.3.4", "198.51.100.1, 10.0.0.7"), "198.51.100.1"),
        ("10.0.0.1", ("10.9.9.9, 10.0.0.7",), "10.9.9.9"),
        ("10.0.0.1", ("198.51.100.1, junk",), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1, junk, 10.0.0.7",), "10.0.0.7"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("10.0.0.1", ("\xff\xfe",), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("fd00::1", ("2001:db8::1",), "2001:db8::1"),
        (None, ("198.51.100.1",), "unknown"),
    ],
)
def test_the_rightmost_hop_that_no_proxy_of_ours_is_counts(
    client: str | None, forwarded: tuple[str, ...], address: str
) -> None:
    assert address_of(scope(client, *forwarded), TRUSTED) == address


def test_nobody_is_trusted_by_default() -> None:
    assert address_of(scope("127.0.0.1", "198.51.100.1"), ()) == "127.0.0.1"


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "unknown"),
    ],
)
def test_an_ipv6_client_is_counted_by_its_network(address: str, key: str) -> None:
    assert address_key(address) == key


def test_a_network_that_is_none_is_told() -> None:
    with pytest.raises(ValueError, match="not appear to be"):
        networks(["10.0.0.0/8", "everybody"])


async def test_the_address_is_noted_for_whoever_asks() -> None:
    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        assert scope["state"]["address"] == "203.0.113.9"

    async def receive() -> MutableMapping[str, Any]:  # ASGI's own type
        raise AssertionError

    async def send(_: MutableMapping[str, Any]) -> None:  # as above
        raise AssertionError

    await ClientAddress(app, TRUSTED)(scope("203.0.113.9"), receive, send)
