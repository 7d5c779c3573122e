"""HTTP by httptools, with the one error shape for what is not HTTP, too: uvicorn would answer plain text.

And with limits that uvicorn lacks: on the time and the size of a request's head, on what may stand in it
twice, on connections, and on how long a client may take nothing of what it is sent: uvicorn would wait for it
for ever, and closing the connection would wait as well, since what was written is to be sent first.
"""

import asyncio
from collections import Counter
from typing import Protocol

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from api_edge.errors import error_body
from api_edge.middleware.address import Networks, is_within
from api_edge.middleware.upgrades import PlainProtocol
from contracts.errors import ApiError, ErrorCode
from contracts.ids import new_request_id
from infra.settings import EdgeSettings

REASONS = {400: "Bad Request", 414: "URI Too Long", 431: "Request Header Fields Too Large"}


class ConnectionStats(Protocol):
    """What is told of connections."""

    def opened(self) -> None: ...
    def closed(self) -> None: ...
    def refused(self, limit: str) -> None: ...


class Connections:
    """How many there are, in all and of each address."""

    def __init__(self, settings: EdgeSettings, trusted: Networks, stats: ConnectionStats) -> None:
        self._most = settings.max_connections
        self._most_of_one = settings.max_connections_per_address
        self._trusted = trusted
        self._counts: Counter[str] = Counter()
        self._stats = stats

    def __len__(self) -> int:
        return self._counts.total()

    def enter(self, address: str) -> bool:
        """Count a connection in, if there is room for it. A trusted proxy's are counted in all only."""
        if len(self) >= self._most:
            self._stats.refused("all")
            return False
        if self._counts[address] >= self._most_of_one and not is_within(address, self._trusted):
            self._stats.refused("address")
            return False
        self._counts[address] += 1
        self._stats.opened()
        return True

    def leave(self, address: str) -> None:
        """Count it out."""
        self._stats.closed()
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]


class Refused(Exception):
    """A request's head is not taken; why is kept with the connection."""


def edge_protocol(settings: EdgeSettings, connections: Connections) -> type[PlainProtocol]:
    """The protocol of connections with these limits."""
    return type("BoundProtocol", (EdgeProtocol,), {"settings": settings, "counted": connections})


class EdgeProtocol(PlainProtocol):
    """One connection of the edge."""

    settings: EdgeSettings
    counted: Connections
    _address: str | None = None
    """Set while it is counted."""
    _stuck: asyncio.TimerHandle | None = None
    _late: asyncio.TimerHandle | None = None
    """Runs while a head is due."""
    _is_in_head = True
    _head_bytes = 0
    """Of the head that is coming."""
    _refusal: ApiError | None = None

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn does
        """A client is there: its first head is due."""
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if not self.counted.enter(address):
            transport.abort()
            return
        self._address = address
        self._await_head()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        if self._address is not None:
            self.counted.leave(self._address)
            self._address = None
        self._head_is_there()
        self._unwatch()
        super().connection_lost(exc)

    @override
    def data_received(self, data: bytes) -> None:
        """Some bytes, which may be of a head, of a body, or of several requests."""
        self._head_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._is_in_head and self._head_bytes > self.settings.max_head:
            self._refuse_head()
        elif self._late is None and not self._is_serving():
            self._await_head()

    @override
    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._is_in_head = True

    @override
    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        super().on_url(url)
        if len(self.url) > self.settings.max_target:
            most = self.settings.max_target
            self._refuse(ErrorCode.URI_TOO_LONG, f"The request's target may have at most {most} bytes")

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        super().on_header(name, value)
        if len(self.headers) > self.settings.max_headers:
            most = self.settings.max_headers
            self._refuse(ErrorCode.HEADERS_TOO_LARGE, f"A request may have at most {most} header lines")

    @override
    def on_headers_complete(self) -> None:
        """The head is whole: judge it, and serve the request."""
        self._head_is_there()
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self.settings.max_head:
            most = self.settings.max_head
            self._refuse(ErrorCode.HEADERS_TOO_LARGE, f"The headers may have at most {most} bytes together")
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            self._refuse(ErrorCode.INVALID_VALUE, "Send the Host header once")  # RFC 9112, 3.2
        if self.parser.get_method() == b"CONNECT":
            self._refuse(ErrorCode.INVALID_VALUE, "This server is no proxy")
        super().on_headers_complete()

    @override
    def on_message_complete(self) -> None:
        """The body is whole: what comes now is another head."""
        super().on_message_complete()
        self._is_in_head, self._head_bytes = True, 0

    @override
    def pause_writing(self) -> None:
        """More waits to be sent than should: see whether it gets less."""
        super().pause_writing()
        self._watch()

    @override
    def resume_writing(self) -> None:
        """The client has caught up, or is gone."""
        super().resume_writing()
        self._unwatch()

    @override
    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed, a method that nobody knows included, and close."""
        if self._is_serving() and self.cycle.response_started:  # a status amid another answer would be a lie
            self.transport.abort()
            return
        refusal = self._refusal or ApiError(ErrorCode.INVALID_VALUE, "The request is not valid HTTP")
        request_id = new_request_id()
        body = error_body(refusal.detail, request_id)
        status = refusal.detail.status
        head = [
            f"HTTP/1.1 {status} {REASONS[status]}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            f"x-request-id: {request_id}",
            "connection: close",
        ]
        self.transport.write("\r\n".join([*head, "", ""]).encode() + body)
        self.transport.close()

    def _is_serving(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's annotation knows no None
        return cycle is not None and not cycle.response_complete

    def _refuse(self, code: ErrorCode, message: str) -> None:
        """End the parsing; uvicorn then asks for the answer to a bad request."""
        self._refusal = ApiError(code, message)
        raise Refused

    def _refuse_head(self) -> None:
        most = self.settings.max_head
        self._refusal = ApiError(ErrorCode.HEADERS_TOO_LARGE, f"The headers may have at most {most} bytes")
        self.send_400_response("")

    def _await_head(self) -> None:
        self._late = self.loop.call_later(self.settings.head_timeout, self._close_late)

    def _head_is_there(self) -> None:
        self._is_in_head = False
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _close_late(self) -> None:
        self._late = None
        if not self._is_serving():
            self.transport.abort()

    def _watch(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._stuck = self.loop.call_later(self.settings.send_timeout, self._look, waiting)

    def _unwatch(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _look(self, waited: int) -> None:
        if self.transport.get_write_buffer_size() < waited:
            self._watch()
        else:
            self.transport.abort()
