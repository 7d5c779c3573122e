"""Tools in plain JSON: what there is, and what was called."""

from typing import Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue

from contracts.base import WireShape
from contracts.tools.spec import ToolSpec

TOOL_EXAMPLE: dict[str, JsonValue] = {
    "name": "scrape",
    "object": "mcp_tool",
    "title": "Read a web page",
    "description": "Fetch a public web page.",
    "server": None,
    "inputSchema": {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]},
    "outputSchema": None,
    "annotations": {
        "readOnlyHint": True,
        "destructiveHint": False,
        "idempotentHint": True,
        "openWorldHint": True,
    },
}
CALL_EXAMPLE: dict[str, JsonValue] = {
    "id": "01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "object": "mcp_call",
    "tool": "scrape",
    "status": "completed",
    "attempt": 1,
    "arguments": {"url": "https://example.com"},
    "result": {"content": [{"type": "text", "text": "..."}], "structured": None, "is_error": False},
    "error": None,
    "response_id": None,
    "call_id": None,
    "started_at": "2026-11-22T12:00:00Z",
    "ended_at": "2026-11-22T12:00:01Z",
    "duration_ms": 1_000,
}


class Annotations(WireShape):
    """What a tool says of itself, as the Model Context Protocol has it. Hints, not promises."""

    readOnlyHint: bool  # noqa: N815
    destructiveHint: bool  # noqa: N815
    idempotentHint: bool  # noqa: N815
    openWorldHint: bool  # noqa: N815


class McpTool(WireShape):
    """A tool that can be called by `tools/call`."""

    model_config = ConfigDict(json_schema_extra={"example": TOOL_EXAMPLE})

    name: str
    object: Literal["mcp_tool"] = "mcp_tool"
    title: str | None
    description: str
    server: str | None = Field(None, description="Whose it is; null: it comes with the product")
    inputSchema: dict[str, Any] = Field(description="JSON Schema of its arguments")  # noqa: N815
    outputSchema: dict[str, Any] | None = Field(None, description="JSON Schema of its result")  # noqa: N815
    annotations: Annotations


class McpCall(WireShape):
    """A call of a tool, as it is recorded."""

    model_config = ConfigDict(json_schema_extra={"example": CALL_EXAMPLE})

    id: str = Field(description="That of its job, too: GET /v1/jobs/{id}")
    object: Literal["mcp_call"] = "mcp_call"
    tool: str
    status: Literal["running", "completed", "failed", "cancelled"]
    attempt: int
    arguments: dict[str, Any] | None = Field(description="Null where they are too large to be kept")
    result: dict[str, Any] | None = Field(description="Null where there is none, or it was too large")
    error: str | None
    response_id: str | None = Field(description="The response whose model called it")
    call_id: str | None = Field(description="As that model named the call")
    started_at: AwareDatetime
    ended_at: AwareDatetime | None
    duration_ms: int | None


class ResourceMetadata(WireShape):
    """Who hands out tokens for the MCP endpoint (RFC 9728)."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "resource": "http://127.0.0.1:8000/v1/mcp",
                "authorization_servers": ["http://127.0.0.1:8000"],
                "bearer_methods_supported": ["header"],
                "resource_name": "Jan Server",
            }
        }
    )

    resource: str
    authorization_servers: list[str]
    bearer_methods_supported: list[str] = Field(default_factory=lambda: ["header"])
    resource_name: str


def annotations_of(spec: ToolSpec) -> Annotations:
    """A tool's hints."""
    return Annotations(
        readOnlyHint=spec.is_read_only,
        destructiveHint=spec.is_destructive,
        idempotentHint=spec.is_idempotent,
        openWorldHint=spec.is_open_world,
    )
