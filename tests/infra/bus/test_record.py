"""Headers survive the way through text."""

from infra.bus.record import decode_headers, encode_headers


def test_headers_that_are_not_utf8_survive() -> None:
    raw = [("plain", b"yes"), ("binary", b"\xff\x00\xfe"), ("none", None)]

    text = decode_headers(raw)

    assert encode_headers(text) == [("plain", b"yes"), ("binary", b"\xff\x00\xfe"), ("none", b"")]
