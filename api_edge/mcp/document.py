"""What OpenAPI says of the MCP endpoint."""

from typing import Any

from api_edge.mcp.door import PATH
from contracts.errors import ErrorCode

JsonObject = dict[str, Any]  # an OpenAPI document

CODES = (ErrorCode.PERMISSION_DENIED, ErrorCode.WORKER_LOST, ErrorCode.SERVER_DRAINING)
ABOUT = (
    "JSON-RPC 2.0 and Streamable HTTP of the Model Context Protocol, versions 2024-11-05 to 2026-07-28: "
    "`initialize`, `ping`, `tools/list`, `tools/call`, notifications. With `text/event-stream` in Accept the "
    "answer is a stream with progress in it, which can be gone on with by GET; else it is JSON. A request "
    "without an `id` is answered, too. A tool's own failure is a result with `isError`."
)
EXAMPLE: JsonObject = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "google_search", "arguments": {"q": "AI news"}},
}
RPC: JsonObject = {
    "type": "object",
    "properties": {
        "jsonrpc": {"type": "string", "const": "2.0"},
        "id": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "method": {"type": "string", "minLength": 1},
        "params": {"type": "object"},
    },
    "required": ["jsonrpc", "method"],
}
ANSWER: JsonObject = {
    "type": "object",
    "description": "A JSON-RPC response: `result`, or `error` with `code` and `message`",
    "properties": {
        "jsonrpc": {"type": "string"},
        "id": {},
        "result": {"type": "object"},
        "error": {"type": "object"},
    },
    "required": ["jsonrpc", "id"],
}
STREAM: JsonObject = {"schema": {"type": "string", "description": "Each `data:` is a JSON-RPC message"}}
HEADERS: list[JsonObject] = [
    {
        "name": "Mcp-Session-Id",
        "in": "header",
        "required": False,
        "description": "The session, as `initialize` gave it. Any edge serves it; without one, each request "
        "stands for itself.",
        "schema": {"type": "string"},
    },
    {
        "name": "MCP-Protocol-Version",
        "in": "header",
        "required": False,
        "description": "The version of the protocol that was agreed on",
        "schema": {"type": "string", "examples": ["2025-11-25", "2026-07-28"]},
    },
]
ONE_SHAPE: JsonObject = {"$ref": "#/components/schemas/ErrorAnswer"}
ERROR: JsonObject = {
    "jsonrpc": "2.0",
    "id": None,
    "error": {"code": -32600, "message": 'jsonrpc must be "2.0"'},
}


def add_mcp(document: JsonObject) -> JsonObject:
    """The document with the endpoint in it."""
    document["paths"][PATH] = {"post": _posting(), "get": _getting(), "delete": _deleting()}
    return document


def _posting() -> JsonObject:
    body = {"application/json": {"schema": RPC, "example": EXAMPLE}}
    return {
        "tags": ["mcp"],
        "summary": "Speak MCP, or plain JSON-RPC",
        "description": ABOUT,
        "operationId": "post_mcp",
        "parameters": HEADERS,
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {
                "description": "The answer",
                "content": {"application/json": {"schema": ANSWER}, "text/event-stream": STREAM},
            },
            "202": {"description": "A notification was taken"},
            "400": _refusal("The body is no JSON-RPC message", ErrorCode.INVALID_VALUE),
            "404": _refusal("The session is over, or there is no such method", ErrorCode.NOT_FOUND),
        },
        "x-codes": list(CODES),
    }


def _getting() -> JsonObject:
    last = {
        "name": "Last-Event-ID",
        "in": "header",
        "required": True,
        "description": "The id of the last event that came",
        "schema": {"type": "string"},
    }
    return {
        "tags": ["mcp"],
        "summary": "Go on with the stream of a call",
        "description": "What came after an event, live or kept, on any edge.",
        "operationId": "get_mcp",
        "parameters": [*HEADERS, last],
        "responses": {
            "200": {"description": "The rest of the stream", "content": {"text/event-stream": STREAM}},
            "400": _refusal("There is no such event id", ErrorCode.INVALID_VALUE),
            "404": _refusal("The call is not kept any more, or the session is over", ErrorCode.NOT_FOUND),
        },
        "x-codes": [ErrorCode.METHOD_NOT_ALLOWED, ErrorCode.PERMISSION_DENIED],
    }


def _deleting() -> JsonObject:
    return {
        "tags": ["mcp"],
        "summary": "End a session",
        "description": "It is forgotten everywhere.",
        "operationId": "delete_mcp",
        "parameters": HEADERS,
        "responses": {
            "204": {"description": "It is over"},
            "404": _refusal("It was over already", ErrorCode.NOT_FOUND),
        },
        "x-codes": [ErrorCode.METHOD_NOT_ALLOWED, ErrorCode.PERMISSION_DENIED],
    }


def _refusal(description: str, code: ErrorCode) -> JsonObject:
    """A JSON-RPC error, as clients of the protocol expect it; what stands before it speaks as everywhere."""
    examples = {"json_rpc": {"value": ERROR}, code.value: {"$ref": f"#/components/examples/{code.value}"}}
    content = {"schema": {"anyOf": [ONE_SHAPE, ANSWER]}, "examples": examples}
    return {"description": description, "content": {"application/json": content}}
