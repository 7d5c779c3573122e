"""The routes of tools, for admins."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query

from api_edge.admin.acting import Acting
from api_edge.admin.tool_calls import AdminToolCalls
from api_edge.admin.tools import AdminTools
from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from contracts.wire.admin_tools import AdminCall, AdminTool, AdminToolPatch, TenantLimitAsk
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page
from infra.store.tool_calls import CallFilter

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "There is no such tool"}}
TEXT = r"^[^\x00]*$"
Name = Annotated[str, Path(max_length=128, pattern=TEXT, description="Its name", examples=["scrape"])]
TenantId = Annotated[
    str, Path(max_length=128, pattern=TEXT, description="Whose", examples=["01KB3M5Q8Z7V2T4X6Y8W0R1S2T"])
]
Tool = Annotated[str | None, Query(max_length=128, pattern=TEXT, description="Only of this tool")]
Tenant = Annotated[str | None, Query(max_length=128, pattern=TEXT, description="Only of this tenant")]
Status = Literal["running", "completed", "failed", "cancelled"]


def admin_tools_router(tools: AdminTools, calls: AdminToolCalls) -> APIRouter:
    """What is set for tools, and what was called."""
    router = APIRouter(prefix="/v1/admin", tags=["admin"])

    @router.get("/mcp-tools", summary="List tools, for admins")
    async def list_admin_tools(_: SignedIn, paging: Paging) -> Page[AdminTool]:
        """All, switched off or not, by their names."""
        return await tools.page(paging)

    @router.get("/mcp-tools/{name}", summary="Read a tool", responses=UNKNOWN)
    async def read_admin_tool(_: SignedIn, name: Name) -> AdminTool:
        """One of them."""
        return await tools.read(name)

    @router.patch("/mcp-tools/{name}", summary="Change a tool", responses=UNKNOWN)
    async def change_admin_tool(by: Acting, name: Name, body: AdminToolPatch) -> AdminTool:
        """Switch it on or off, describe it, filter it, limit it. What is left out stays."""
        return await tools.change(name, body, by)

    @router.put("/mcp-tools/{name}/tenants/{tenant}", summary="Limit a tool for a tenant", responses=UNKNOWN)
    async def limit_admin_tool(by: Acting, name: Name, tenant: TenantId, body: TenantLimitAsk) -> AdminTool:
        """What differs for this tenant: whether it may call it at all, and how often."""
        return await tools.limit(name, tenant, body, by)

    @router.delete(
        "/mcp-tools/{name}/tenants/{tenant}", summary="Limit a tool for a tenant no more", responses=UNKNOWN
    )
    async def unlimit_admin_tool(by: Acting, name: Name, tenant: TenantId) -> AdminTool:
        """Nothing differs for this tenant any more."""
        return await tools.unlimit(name, tenant, by)

    @router.get("/mcp-calls", summary="List calls of tools, of all tenants")
    async def list_admin_calls(
        _: SignedIn,
        paging: Paging,
        tool: Tool = None,
        tenant: Tenant = None,
        status: Annotated[Status | None, Query(description="Only those that stand so")] = None,
    ) -> Page[AdminCall]:
        """The newest first, with what was asked and what came of it."""
        return await calls.page(CallFilter(tenant=tenant, tool=tool, status=status), paging)

    return router
