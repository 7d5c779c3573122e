"""What the routes of tools are made of."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.types import ASGIApp

from api_edge.mcp.desk import ToolDesk
from api_edge.mcp.door import PATH, McpDoor
from api_edge.mcp.routes import metadata_router, tools_router
from infra.database import Database
from infra.tools.reading import KnownTools


@dataclass(frozen=True)
class McpParts:
    """What is open for them, beside what every route has."""

    door: McpDoor
    known: KnownTools
    issuers: tuple[str, ...] = ()
    """Who hands out tokens."""

    def routers(self, database: Database, base_url: str) -> list[APIRouter]:
        """The routes in plain JSON."""
        issuers = list(self.issuers) or [base_url]
        return [tools_router(ToolDesk(database), self.known), metadata_router(base_url, issuers)]

    def calls(self) -> dict[tuple[str, str], ASGIApp]:
        """The endpoint, by method and path; it reads its bodies itself."""
        return {(method, PATH): self.door for method in ("POST", "GET", "DELETE")}
