"""Which path belongs to which surface, and the older names under which clients know them."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from starlette.types import ASGIApp, Receive, Scope, Send

from api_edge.errors import send_error, shown
from contracts.errors import ApiError, ErrorCode


class Surface(StrEnum):
    """One of the four public APIs."""

    LLM = "llm"
    RESPONSES = "responses"
    MEDIA = "media"
    MCP = "mcp"


_OWN_PREFIXES = (
    ("/v1/responses", Surface.RESPONSES),
    ("/v1/media", Surface.MEDIA),
    ("/v1/mcp", Surface.MCP),
)
_ALIASES = (
    ("/llm/", "/"),
    ("/responses/v1/", "/v1/"),
    ("/media/v1/", "/v1/"),
)
_SHARED = ("/v1/version", "/v1/jobs/", "/v1/webhook", "/auth/")


def canonical(path: str) -> str:
    """The path under which a route is registered, for a path or its alias."""
    if path == "/mcp":
        return "/v1/mcp"
    for alias, own in _ALIASES:
        if path.startswith(alias):
            return own + path[len(alias) :]
    return path


def surface_of(path: str) -> Surface | None:
    """The surface that a canonical path belongs to; None for what every surface serves."""
    if not path.startswith("/v1/") or path.startswith(_SHARED):
        return None
    for prefix, surface in _OWN_PREFIXES:
        if path == prefix or path.startswith(prefix + "/"):
            return surface
    return Surface.LLM


def served_surfaces(names: Collection[str]) -> frozenset[Surface]:
    """The surfaces that a gateway port serves: `all`, or those named."""
    return frozenset(Surface) if "all" in names else frozenset(Surface(name) for name in names)


class Surfaces:
    """Rewrites aliases; keeps a surface's own port to that surface, and the gateway to what it serves."""

    def __init__(
        self, app: ASGIApp, ports: Mapping[int, Surface], served: Collection[Surface] = frozenset(Surface)
    ) -> None:
        self._app = app
        self._ports = ports
        self._served = frozenset(served)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = canonical(scope["path"])
        if path != scope["path"]:
            scope["path"], scope["raw_path"] = path, path.encode()
        server = scope.get("server")
        only = self._ports.get(server[1]) if server else None
        surface = surface_of(path)
        if surface is not None and surface not in (self._served if only is None else (only,)):
            where = "on this gateway" if only is None else f"on the {only} port"
            detail = ApiError(ErrorCode.NOT_FOUND, f"Unknown path {where}: {shown(path)}").detail
            await send_error(send, detail, scope["state"].get("request_id"))
            return
        await self._app(scope, receive, send)
