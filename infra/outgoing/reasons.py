"""Why a remote file did not come, without an address and without a word of what the other server said."""

import ssl

import aiohttp

from infra.outgoing.connecting import RefusedAddress

BAD_CERTIFICATE = "its certificate is not valid"
UNREACHABLE = "its server cannot be reached"
CLOSED = "it closed the connection"
REASONS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, UNREACHABLE),
    (aiohttp.ClientConnectorDNSError, "its name is not known"),
    (aiohttp.ClientConnectorCertificateError, BAD_CERTIFICATE),
    (ssl.SSLCertVerificationError, BAD_CERTIFICATE),
    (aiohttp.ClientSSLError, "it does not speak TLS as it should"),
    (aiohttp.ClientConnectorError, UNREACHABLE),
    (aiohttp.ClientPayloadError, "its body is cut or broken"),
    (aiohttp.ServerDisconnectedError, CLOSED),
    (aiohttp.ClientOSError, CLOSED),
    (aiohttp.ClientError, "it does not speak HTTP as it should"),
    (OSError, UNREACHABLE),
)
"""The first that fits."""


def reason_of(error: Exception, total: float, silence: float) -> str:
    """What went wrong, for a sentence that begins with the parameter. The limits are in seconds."""
    if isinstance(error, aiohttp.SocketTimeoutError):
        return f"it sent nothing for {silence:g} seconds"
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ClientError):
        return f"it did not answer within {total:g} seconds"
    return next(reason for kind, reason in REASONS if isinstance(error, kind))


def refusal_in(error: BaseException) -> RefusedAddress | None:
    """Our own refusal to connect, where it stands somewhere in a chain of causes."""
    found: BaseException | None = error
    while found is not None and not isinstance(found, RefusedAddress):
        found = found.__cause__ or found.__context__
    return found
