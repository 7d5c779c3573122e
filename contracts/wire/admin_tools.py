"""Tools, as admins see and change them."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue, StringConstraints

from contracts.base import WireShape
from contracts.wire.mcp import CALL_EXAMPLE, TOOL_EXAMPLE, Annotations, McpCall

TEXT = r"^[^\x00]*$"
MOST_A_MINUTE = 1_000_000
ADMIN_TOOL_EXAMPLE: dict[str, JsonValue] = {
    **TOOL_EXAMPLE,
    "object": "admin_mcp_tool",
    "is_active": True,
    "off_reason": None,
    "own_description": "Fetch a public web page.",
    "category": None,
    "metadata": {},
    "disallowed_keywords": [],
    "calls_per_minute": None,
    "timeout_seconds": None,
    "tenants": [],
    "updated_at": "2026-11-22T12:00:00Z",
}

Pattern = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=TEXT)]


class TenantLimit(WireShape):
    """What differs for one tenant."""

    tenant: str
    is_allowed: bool
    calls_per_minute: int | None


class AdminTool(WireShape):
    """A tool, with what was set for it."""

    model_config = ConfigDict(json_schema_extra={"example": ADMIN_TOOL_EXAMPLE})

    name: str
    object: Literal["admin_mcp_tool"] = "admin_mcp_tool"
    title: str | None
    description: str = Field(description="As it is told to callers")
    own_description: str = Field(description="Its owner's")
    server: str | None
    is_active: bool
    off_reason: str | None = Field(description="Why no worker can do it now; null: one can")
    category: str | None
    metadata: dict[str, Any]
    disallowed_keywords: list[str]
    calls_per_minute: int | None = Field(description="Of one tenant; null: without limit")
    timeout_seconds: float | None = Field(description="Of one call; null: as of all tools")
    tenants: list[TenantLimit] = Field(description="Tenants for whom something differs")
    inputSchema: dict[str, Any]  # noqa: N815
    outputSchema: dict[str, Any] | None  # noqa: N815
    annotations: Annotations
    updated_at: AwareDatetime | None = Field(description="Null where nothing was ever set or told of it")


class AdminToolPatch(WireShape):
    """What is to be changed; what is left out stays, null is the default."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"is_active": False}})

    is_active: bool = True
    description: Annotated[str, StringConstraints(max_length=8_192, pattern=TEXT)] | None = None
    category: Annotated[str, StringConstraints(max_length=64, pattern=TEXT)] | None = None
    metadata: dict[str, JsonValue] | None = Field(None, max_length=64)
    disallowed_keywords: list[Pattern] | None = Field(
        None,
        max_length=100,
        description="RE2 patterns: no argument may hold one, no part of a result with one is told",
    )
    calls_per_minute: int | None = Field(None, ge=0, le=MOST_A_MINUTE)
    timeout_seconds: float | None = Field(None, gt=0, le=600)


class TenantLimitAsk(WireShape):
    """What shall differ for one tenant."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"is_allowed": True, "calls_per_minute": 5}}
    )

    is_allowed: bool = True
    calls_per_minute: int | None = Field(None, ge=0, le=MOST_A_MINUTE)


class AdminCall(McpCall):
    """A call of a tool, and who made it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **CALL_EXAMPLE,
                "tenant": "01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
                "user_id": "01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
            }
        }
    )

    tenant: str
    user_id: str
