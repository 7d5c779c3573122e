"""HTTP by httptools, with the one error shape for what is not HTTP, too: uvicorn would answer plain text.

And with a limit on how long a client may take nothing of what it is sent: uvicorn would wait for it for ever,
and closing the connection would wait as well, since what was written is to be sent first.
"""

import asyncio

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api_edge.errors import error_body
from contracts.errors import ApiError, ErrorCode
from contracts.ids import new_request_id


def edge_protocol(send_timeout: float) -> type[HttpToolsProtocol]:
    """The protocol, of connections that are dropped when a client takes nothing for so many seconds."""
    return type("EdgeProtocol", (EdgeProtocol,), {"send_timeout": send_timeout})


class EdgeProtocol(HttpToolsProtocol):
    """One connection of the edge."""

    send_timeout: float
    _stuck: asyncio.TimerHandle | None = None

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
    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._stuck = self.loop.call_later(self.send_timeout, self._look, waiting)

    def _unwatch(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _look(self, waited: int) -> None:
        if self.transport.get_write_buffer_size() < waited:
            self._watch()
        else:
            self.transport.abort()

    @override
    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed, a method that nobody knows included, and close."""
        request_id = new_request_id()
        body = error_body(
            ApiError(ErrorCode.INVALID_VALUE, "The request is not valid HTTP").detail, request_id
        )
        head = [
            "HTTP/1.1 400 Bad Request",
            "content-type: application/json",
            f"content-length: {len(body)}",
            f"x-request-id: {request_id}",
            "connection: close",
        ]
        self.transport.write("\r\n".join([*head, "", ""]).encode() + body)
        self.transport.close()
