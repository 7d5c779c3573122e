"""HTTP by httptools, with the one error shape for what is not HTTP, too: uvicorn would answer plain text."""

from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from api_edge.errors import error_body
from contracts.errors import ApiError, ErrorCode
from contracts.ids import new_request_id


class EdgeProtocol(HttpToolsProtocol):
    """One connection of the edge."""

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
