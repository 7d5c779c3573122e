"""Headers survive the way through text."""

from contracts.headers import Header
from infra.bus.record import decode_headers, encode_headers


def test_headers_that_are_not_utf8_survive() -> None:
    raw = [("plain", b"yes"), ("binary", b"\xff\x00\xfe"), ("none", None)]

    text = decode_headers(raw)

    assert encode_headers(text) == [("plain", b"yes"), ("binary", b"\xff\x00\xfe"), ("none", b"")]


def test_names_of_headers_may_be_members_of_an_enum() -> None:
    ((name, value),) = encode_headers({Header.TRIES: "2"})

    assert (type(name), name, value) == (str, "x-tries", b"2")
