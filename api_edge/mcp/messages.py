"""What a POST to the MCP endpoint holds: one JSON-RPC message, checked before the SDK sees it.

The SDK judges methods and their parameters. Here stands what it leaves open or answers in a library's words:
bodies that are no message at all, and requests without an id from clients that speak plain JSON-RPC
(jsonrpc.org/specification): whoever calls a tool without naming the request wants the answer all the same.
"""

from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from api_edge.middleware.body import parse_json
from contracts.errors import ApiError, ErrorCode

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
INVALID_PARAMS = -32602
SESSION_NOT_FOUND = -32001
NOTIFICATION = "notifications/"
PLAIN_ID = "jan-unnamed"
"""The id that an unnamed request gets on its way through the SDK; its answer goes out with `null`."""

RequestId = str | int
Json = Any  # any JSON


class RpcError(Exception):
    """A JSON-RPC error that is answered with an HTTP status of its own."""

    def __init__(self, code: int, message: str, *, status: int = 400, request_id: RequestId | None = None):
        super().__init__(message)
        self.code = code
        self.status = status
        self.request_id = request_id

    @property
    def body(self) -> bytes:
        """As it is sent."""
        error = {"code": self.code, "message": str(self)}
        return to_json({"jsonrpc": "2.0", "id": self.request_id, "error": error})


@dataclass(frozen=True)
class Rpc:
    """One message."""

    method: str | None
    """None for an answer to something that a server asked."""
    request_id: RequestId | None
    params: dict[str, Json]
    raw: bytes
    """As the SDK reads it."""
    is_unnamed: bool = False
    """Whether it is a request whose client gave it no id."""

    @property
    def is_call(self) -> bool:
        """Whether a tool is called."""
        return self.method == "tools/call"


def read_rpc(raw: bytes, *, depth: int) -> Rpc:
    """The message in a body. Raises RpcError telling what is wrong with it."""
    value = _parsed(raw, depth)
    if isinstance(value, list):
        raise RpcError(INVALID_REQUEST, "Batches are not served: send one message at a time")
    if not isinstance(value, dict):
        raise RpcError(INVALID_REQUEST, "The body must be a JSON-RPC object")
    if value.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, 'jsonrpc must be "2.0"')
    request_id = _id(value)
    if "method" not in value and ("result" in value or "error" in value):
        return Rpc(None, request_id, {}, raw)
    method = value.get("method")
    if not isinstance(method, str) or not method:
        raise RpcError(INVALID_REQUEST, "method must be a string", request_id=request_id)
    params = value.get("params", {})
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, "params must be an object", request_id=request_id)
    if "id" in value or method.startswith(NOTIFICATION):
        return Rpc(method, request_id, params, raw)
    return Rpc(method, None, params, to_json({**value, "id": PLAIN_ID}), is_unnamed=True)


def _parsed(raw: bytes, depth: int) -> Json:
    try:
        return parse_json(raw, depth=depth)
    except ApiError as error:
        is_syntax = error.detail.code == ErrorCode.INVALID_JSON
        raise RpcError(PARSE_ERROR if is_syntax else INVALID_REQUEST, str(error)) from error


def _id(value: dict[str, Json]) -> RequestId | None:
    if "id" not in value:
        return None
    request_id = value["id"]
    if isinstance(request_id, bool) or not isinstance(request_id, str | int):
        raise RpcError(INVALID_REQUEST, "id must be a string or an integer")
    return request_id
