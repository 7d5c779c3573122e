"""Which addresses are results, and on whose hosts they are."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

LONGEST = 2_048
"""Characters of an address; longer ones are cut by too many of those who are given it."""
_UNSAFE = re.compile(r"[\s\\\x00-\x1f\x7f]")
"""What readers of addresses understand differently: some take `\\` as `/`, and with it another host."""


def host_of(url: str) -> str | None:
    """The host of an address of the web, as it stands in DNS; None: it is no such address."""
    if len(url) > LONGEST or _UNSAFE.search(url):
        return None
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not host:
        return None
    return plain_host(host)


def plain_host(host: str) -> str | None:
    """In lower case, without a last dot, and in ASCII; None where it cannot be."""
    host = host.rstrip(".").lower()
    if host.isascii():
        return host or None
    try:
        return host.encode("idna").decode()
    except UnicodeError:
        return None


def is_among(host: str, allowed: Iterable[str]) -> bool:
    """Whether a host is one of them, or below one of them; any is, where none is named."""
    names = [plain_host(name) for name in allowed]
    return not names or any(host == name or host.endswith(f".{name}") for name in names if name)
