"""The routes about tools in plain JSON, and where MCP clients learn who hands out tokens."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query

from api_edge.mcp.desk import ToolDesk
from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page
from contracts.wire.mcp import McpCall, McpTool, ResourceMetadata
from infra.store.tool_calls import CallFilter
from infra.tools.reading import KnownTools

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "The caller made no such call"}}
METADATA_PATH = "/.well-known/oauth-protected-resource"
Status = Literal["running", "completed", "failed", "cancelled"]
CallId = Annotated[str, Path(max_length=64, description="Its id", examples=["01KB3M5Q8Z7V2T4X6Y8W0R1S2T"])]
ToolName = Annotated[
    str | None, Query(max_length=128, pattern=r"^[^\x00]*$", description="Only of this tool")
]
ResponseId = Annotated[
    str | None, Query(max_length=64, pattern=r"^[^\x00]*$", description="Only those of this response")
]


def tools_router(desk: ToolDesk, known: KnownTools) -> APIRouter:
    """What there is to call, and what was called."""
    router = APIRouter(prefix="/v1/mcp", tags=["mcp"])

    @router.get("/tools", summary="List tools")
    async def list_tools(caller: SignedIn) -> Page[McpTool]:
        """All that the caller can call now, as `tools/list` tells them to MCP clients."""
        return desk.tools(known.current, caller)

    @router.get("/calls", summary="List calls of tools")
    async def list_tool_calls(
        caller: SignedIn,
        paging: Paging,
        tool: ToolName = None,
        status: Annotated[Status | None, Query(description="Only those that stand so")] = None,
        response_id: ResponseId = None,
    ) -> Page[McpCall]:
        """The caller's, the newest first, with what was asked and what came of it."""
        wanted = CallFilter(tool=tool, status=status, response_id=response_id)
        return await desk.calls(caller, wanted, paging)

    @router.get("/calls/{tool_call_id}", summary="Read a call of a tool", responses=UNKNOWN)
    async def read_tool_call(caller: SignedIn, tool_call_id: CallId) -> McpCall:
        """One of them."""
        return await desk.call(caller, tool_call_id)

    return router


def metadata_router(base_url: str, issuers: list[str]) -> APIRouter:
    """Who hands out tokens for the MCP endpoint: RFC 9728, section 3."""
    router = APIRouter(tags=["auth"])
    told = ResourceMetadata(
        resource=f"{base_url}/v1/mcp", authorization_servers=issuers, resource_name="Jan Server"
    )

    @router.get(METADATA_PATH, summary="OAuth protected resource")
    @router.get(f"{METADATA_PATH}/v1/mcp", summary="OAuth protected resource of the MCP endpoint")
    @router.get(f"{METADATA_PATH}/mcp", summary="OAuth protected resource, by the endpoint's other name")
    async def protected_resource() -> ResourceMetadata:
        """For MCP clients, which are led here by the challenge of a 401."""
        return told

    return router
