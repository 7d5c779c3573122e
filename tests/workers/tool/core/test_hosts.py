"""Which addresses are results, and on whose hosts they are."""

import pytest

from workers.tool.core.hosts import host_of, is_among


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.org/a?b=c#d", "example.org"),
        ("http://WWW.Example.ORG.:8080/", "www.example.org"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://allowed.example@evil.example/", "evil.example"),
        ("http://[::1]/", "::1"),
    ],
)
def test_an_address_of_the_web_has_a_host(url: str, host: str) -> None:
    assert host_of(url) == host


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://example.org/",
        "javascript:alert(1)",
        "data:text/html,hi",
        "//example.org/",
        "/search?q=1",
        "https://",
        "https://evil.example\\@allowed.example/",
        "https://allowed.example/ \nhttps://evil.example/",
        "https://example.org:port/",
        "http://[::1/",
        "https://example.org/" + "a" * 2_048,
        f"https://{'ü' * 300}.example/",
    ],
)
def test_anything_else_is_no_result(url: str) -> None:
    assert host_of(url) is None


@pytest.mark.parametrize(
    ("host", "is_allowed"),
    [
        ("example.org", True),
        ("docs.example.org", True),
        ("badexample.org", False),
        ("example.org.evil.example", False),
        ("org", False),
    ],
)
def test_a_host_is_allowed_with_those_below_it(host: str, *, is_allowed: bool) -> None:
    assert is_among(host, ["Example.org"]) is is_allowed


def test_any_host_is_allowed_where_none_is_named() -> None:
    assert is_among("example.org", [])
