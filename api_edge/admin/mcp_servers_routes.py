"""The routes of other people's MCP servers, for admins."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from api_edge.admin.acting import Acting
from api_edge.admin.mcp_servers import AdminMcpServers
from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from contracts.errors import ErrorCode
from contracts.wire.admin_mcp_servers import McpServer, McpServerAsk, McpServerDeleted, McpServerPatch
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "There is no such server"}}
REFUSED = {"x-codes": [ErrorCode.ADDRESS_REFUSED, ErrorCode.CONFLICT, ErrorCode.PERMISSION_DENIED]}
OF_FILE = {"x-codes": [ErrorCode.CONFLICT]}
Name = Annotated[
    str, Path(max_length=64, pattern=r"^[^\x00]*$", description="Its name", examples=["tickets"])
]


def admin_mcp_servers_router(servers: AdminMcpServers) -> APIRouter:
    """Where other tools come from."""
    router = APIRouter(prefix="/v1/admin/mcp-servers", tags=["admin"])

    @router.get("", summary="List MCP servers")
    async def list_mcp_servers(_: SignedIn, paging: Paging) -> Page[McpServer]:
        """All, by their names."""
        return await servers.page(paging)

    @router.post("", summary="Add an MCP server", status_code=201, openapi_extra=REFUSED)
    async def create_mcp_server(by: Acting, body: McpServerAsk) -> McpServer:
        """Its tools are read at once and every minute, and are called `<name>_<tool>` here. What it is sent
        along is kept sealed, and sent to nobody else; tokens of callers never are."""
        return await servers.create(body, by)

    @router.get("/{name}", summary="Read an MCP server", responses=UNKNOWN)
    async def read_mcp_server(_: SignedIn, name: Name) -> McpServer:
        """How it is, and which tools it has."""
        return await servers.read(name)

    @router.patch("/{name}", summary="Change an MCP server", responses=UNKNOWN, openapi_extra=REFUSED)
    async def change_mcp_server(by: Acting, name: Name, body: McpServerPatch) -> McpServer:
        """What is left out stays."""
        return await servers.change(name, body, by)

    @router.post("/{name}/sync", summary="Read an MCP server's tools now", responses=UNKNOWN)
    async def sync_mcp_server(by: Acting, name: Name) -> McpServer:
        """A worker does it; how that went is told by the server itself."""
        return await servers.sync(name, by)

    @router.delete("/{name}", summary="Forget an MCP server", responses=UNKNOWN, openapi_extra=OF_FILE)
    async def delete_mcp_server(by: Acting, name: Name) -> McpServerDeleted:
        """Its tools go with it."""
        await servers.delete(name, by)
        return McpServerDeleted(name=name)

    return router
