"""URLs that users gave: whether this server may ask them at all, before anything is resolved."""

from ipaddress import IPv4Address
from urllib.parse import SplitResult, urlsplit

from contracts.errors import ApiError, ErrorCode
from infra.outgoing.addresses import AddressPolicy

MOST = 2_048
"""Characters."""
SCHEMES = frozenset({"http", "https"})
_LOCAL = ("localhost",)
_LOCAL_ENDS = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
_FORBIDDEN = frozenset("\\<>\"'`{}|^")


def checked_url(url: str, policy: AddressPolicy, *, param: str) -> SplitResult:
    """The parts of a URL that may be asked. Its name is resolved later, by the connector, which checks again.

    Raises ApiError, which names the parameter and never the network.
    """
    parts = _split(url, param)
    host = _ascii(parts.hostname or "", param)
    if not host:
        raise refused("it has no host", param)
    if parts.netloc.rpartition("@")[2].startswith("["):
        if not policy.allows(host):
            raise refused("its address is in a network that is refused", param)
    elif _looks_numeric(host):
        if not _is_plain_ipv4(host) or not policy.allows(host):
            raise refused("its address is in a network that is refused", param)
    elif _is_local(host) and not policy.allows("127.0.0.1"):
        raise refused("its name is that of a private network", param)
    return parts


def refused(why: str, param: str) -> ApiError:
    """The error for an address that is not asked."""
    return ApiError(ErrorCode.ADDRESS_REFUSED, f"{param} cannot be used: {why}", param=param)


def _split(url: str, param: str) -> SplitResult:
    if len(url) > MOST or any(_is_forbidden(letter) for letter in url):
        raise refused(f"it must be a URL of at most {MOST} plain characters", param)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise refused("it is no URL", param) from error
    if parts.scheme not in SCHEMES or not url[len(parts.scheme) :].startswith("://"):
        raise refused("it must begin with http:// or https://", param)
    if parts.username is not None or parts.password is not None:
        raise refused("it must hold no user or password", param)
    if port == 0 or parts.fragment:
        raise refused("it must hold no fragment and a real port", param)
    return parts


def _is_forbidden(letter: str) -> bool:
    """Spaces, control characters, those that parsers disagree about, and halves of characters."""
    return letter <= " " or letter == "\x7f" or letter in _FORBIDDEN or "\ud800" <= letter <= "\udfff"


def _ascii(host: str, param: str) -> str:
    try:
        return host.encode("idna").decode().rstrip(".").lower()
    except UnicodeError as error:
        raise refused("its host is no name", param) from error


def _looks_numeric(host: str) -> bool:
    """Whether a resolver may read it as an IPv4 address: its last label is a number, in whatever base."""
    last = host.rpartition(".")[2]
    return last.isdigit() or last.startswith("0x")


def _is_plain_ipv4(host: str) -> bool:
    try:
        IPv4Address(host)
    except ValueError:
        return False
    return True


def _is_local(host: str) -> bool:
    return host in _LOCAL or host.endswith(_LOCAL_ENDS) or "." not in host
