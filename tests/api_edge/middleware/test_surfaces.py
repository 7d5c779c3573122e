"""Aliases lead to the canonical path, and a surface's port serves that surface only."""

import json

import pytest
from starlette.types import Message, Receive, Scope, Send

from api_edge.middleware.surfaces import Surface, Surfaces, canonical, surface_of


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("/v1/models", "/v1/models"),
        ("/llm/v1/chat/completions", "/v1/chat/completions"),
        ("/llm/auth/guest-login", "/auth/guest-login"),
        ("/responses/v1/responses", "/v1/responses"),
        ("/media/v1/media", "/v1/media"),
        ("/mcp", "/v1/mcp"),
        ("/llmx/v1", "/llmx/v1"),
        ("/llm", "/llm"),
    ],
)
def test_an_alias_leads_to_its_path(path: str, own: str) -> None:
    assert canonical(path) == own


@pytest.mark.parametrize(
    ("path", "surface"),
    [
        ("/v1/chat/completions", Surface.LLM),
        ("/v1/responses/resp_1", Surface.RESPONSES),
        ("/v1/responsesx", Surface.LLM),
        ("/v1/media", Surface.MEDIA),
        ("/v1/mcp/tools", Surface.MCP),
        ("/healthz", None),
        ("/v1/version", None),
        ("/v1/jobs/01J", None),
        ("/v1/jobs/01J/cancel", None),
        ("/auth/guest-login", None),
        ("/openapi.json", None),
    ],
)
def test_a_path_belongs_to_one_surface_or_to_all(path: str, surface: Surface | None) -> None:
    assert surface_of(path) == surface


async def asked(path: str, port: int) -> tuple[str, int]:
    """The path that reached the application, or the status that was answered before it."""
    reached, status, bodies = "", 0, b""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal reached
        reached = scope["path"]

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        nonlocal status, bodies
        status = message.get("status", status)
        bodies += message.get("body", b"")

    scope = {"type": "http", "method": "GET", "path": path, "server": ("127.0.0.1", port), "state": {}}
    await Surfaces(application, {8091: Surface.MCP})(scope, receive, send)
    if bodies:
        assert json.loads(bodies)["error"]["code"] == "not_found"
    return reached, status


async def test_the_gateway_serves_every_surface() -> None:
    assert await asked("/llm/v1/models", 8000) == ("/v1/models", 0)


async def test_a_surface_port_refuses_the_others() -> None:
    assert await asked("/v1/models", 8091) == ("", 404)


async def test_a_surface_port_serves_its_own_and_what_all_share() -> None:
    assert await asked("/mcp", 8091) == ("/v1/mcp", 0)
    assert await asked("/readyz", 8091) == ("/readyz", 0)
