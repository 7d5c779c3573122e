"""HTTP to one server: to checked addresses alone, to its own origin alone, and up to a size.

Every connection resolves the name once, checks what it found and connects to that. Nothing of the environment
(proxies, netrc) counts.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any

import httpcore2
import httpx2
from typing_extensions import override

from infra.outgoing.connecting import RefusedAddress, Targets
from workers.tool.remote.watching import RemoteTrouble, Watch

CANCELLED = b'"notifications/cancelled"'
"""What stands in the message that cancels a call."""


class CheckedNetwork(httpcore2.AsyncNetworkBackend):
    """Connects to what its targets allow."""

    def __init__(self, targets: Targets, watch: Watch) -> None:
        self._targets = targets
        self._watch = watch
        self._plain = httpcore2.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,  # httpcore's own type
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to one of the name's addresses. Raises httpcore2.ConnectError."""
        addresses = await self._resolved(host, port)
        failure: Exception = httpcore2.ConnectError("no address")
        for address in addresses:
            try:
                return await self._plain.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
        self._watch.tell("it cannot be reached")
        raise failure

    @override
    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.AsyncNetworkStream:
        """There is none. Raises httpcore2.ConnectError."""
        raise httpcore2.ConnectError("not asked")

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _resolved(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = [str(address[0]) for *_, address in found]
            for address in addresses:
                self._targets.check(address, port)
        except RefusedAddress as error:
            self._watch.tell(str(error))
            raise httpcore2.ConnectError("refused") from error
        except (OSError, UnicodeError) as error:
            self._watch.tell("its name is not known")
            raise httpcore2.ConnectError("no such name") from error
        return addresses


class _Counted(httpx2.AsyncByteStream):
    """A body up to a size."""

    def __init__(self, inner: httpx2.AsyncByteStream, watch: Watch) -> None:
        self._inner = inner
        self._watch = watch

    @override
    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._inner:
            size += len(piece)
            if size > self._watch.most:
                self._watch.too_much()
                raise httpx2.ReadError("too large")
            yield piece

    @override
    async def aclose(self) -> None:
        await self._inner.aclose()


class OwnTransport(httpx2.AsyncHTTPTransport):
    """Requests of one conversation."""

    def __init__(self, url: str, targets: Targets, watch: Watch, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=context, network_backend=CheckedNetwork(targets, watch)
        )
        self._origin = _origin(httpx2.URL(url))
        self._watch = watch

    @override
    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it, with our headers, to where they belong. Raises httpx2's errors, RemoteTrouble."""
        if _origin(request.url) != self._origin:
            self._watch.tell("it leads to another server")
            raise RemoteTrouble("it leads to another server")
        request.headers["Accept-Encoding"] = "identity"  # what is compressed could not be counted here
        response = await super().handle_async_request(request)
        if isinstance(request.stream, httpx2.ByteStream) and CANCELLED in request.content:
            self._watch.has_cancelled.set()
        if response.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
            self._watch.tell("its answer is compressed in a way that was not asked for")
            await response.aclose()
            raise RemoteTrouble("compressed")
        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = _Counted(response.stream, self._watch)
        return response


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port
