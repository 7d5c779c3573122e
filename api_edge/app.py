"""The edge, put together: hot routes as plain ASGI, FastAPI for the rest, conventions around both."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

from fastapi import Depends, FastAPI
from prometheus_client import CollectorRegistry
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from typing_extensions import override

from api_edge.admin.routes import AdminParts, admin_routers
from api_edge.auth.parts import IdentityParts
from api_edge.auth.routes import identity_routers
from api_edge.conversations.routes import conversation_routers
from api_edge.conversations.turns import EDIT, REGENERATE, TurnCalls, answering_again
from api_edge.conversations.turns_desk import TurnDesk
from api_edge.conversations.turns_routes import add_turns, turn_router
from api_edge.deps import Edge, NoLimits
from api_edge.document.whole import describe
from api_edge.errors import install_error_handlers, send_error
from api_edge.idempotency.answers import IdempotentAnswers
from api_edge.jobs.desk import JobDesk
from api_edge.jobs.routes import jobs_router
from api_edge.limits.headers import NAMES as LIMIT_HEADERS
from api_edge.limits.middleware import RateLimits
from api_edge.llm import chat, completions, embeddings, resume
from api_edge.llm.catalogs import catalogs_router
from api_edge.llm.document import add_chat
from api_edge.llm.document_calls import add_calls
from api_edge.llm.models import models_router
from api_edge.llm.stored import StoredCompletions
from api_edge.llm.stored_routes import stored_router
from api_edge.mcp.discovery import Discovery
from api_edge.mcp.document import add_mcp
from api_edge.mcp.parts import McpParts
from api_edge.media.document import add_uploads
from api_edge.media.parts import MediaParts
from api_edge.media.uploads import ASK_PATH
from api_edge.middleware.address import ClientAddress, networks
from api_edge.middleware.bodies import BoundedBodies
from api_edge.middleware.conventions import Conventions, Refusals
from api_edge.middleware.envelope import Envelopes
from api_edge.middleware.identity import Identity, signed_in
from api_edge.middleware.surfaces import Surface, Surfaces, served_surfaces
from api_edge.ops.router import ops_router
from api_edge.projects.projects import Projects
from api_edge.projects.routes import project_router
from api_edge.responses.create import PATH as RESPONSES
from api_edge.responses.document import add_responses
from api_edge.responses.parts import ResponseParts
from api_edge.shares.routes import share_router
from api_edge.shares.shares import Shares
from api_edge.users.quota import quota_router
from api_edge.users.routes import users_router
from api_edge.webhooks.parts import WebhookParts
from contracts.errors import ApiError, ErrorCode
from infra.database import Database
from infra.registry.reading import Registered
from infra.telemetry.metrics import EdgeMetrics
from infra.telemetry.readiness import Check

TITLE = "Jan Server"
ABOUT = "An OpenAI-compatible LLM platform: log in as a guest, then use any OpenAI SDK with this base URL."
EXPOSED_HEADERS = [
    "x-request-id",
    "x-auth-method",
    "openai-processing-ms",
    "retry-after",
    "idempotency-replayed",
    "x-job-id",
    "openai-poll-after-ms",
    *LIMIT_HEADERS,
]


@dataclass(frozen=True)
class Parts:
    """What the cold routes are made of."""

    database: Database
    models: Registered
    identity: IdentityParts
    admin: AdminParts
    media: MediaParts
    mcp: McpParts
    responses: ResponseParts
    webhooks: WebhookParts
    checks: Sequence[Check]
    registry: CollectorRegistry | None
    """Served at /metrics, where it has no port of its own."""
    door: Callable[[ASGIApp], ASGIApp] = lambda app: app
    """What stands before the door: limits by address."""
    base_url: str = "http://127.0.0.1:8000"
    """Under which clients reach the edge."""
    is_https: bool = False
    """Whether clients reach the edge by https."""


class Api(FastAPI):
    """FastAPI, whose document also tells of the hot routes."""

    @override
    def openapi(self) -> dict[str, Any]:  # an OpenAPI document
        """The document of every route."""
        if self.openapi_schema is None:
            document = super().openapi()
            for add in (add_chat, add_turns, add_calls, add_uploads, add_mcp, add_responses):
                document = add(document)
            self.openapi_schema = describe(document)
        return self.openapi_schema


class HotRoutes:
    """Serves the hot paths without a framework, and leaves the rest to the application behind."""

    def __init__(
        self,
        routes: Mapping[tuple[str, str], ASGIApp],
        rest: ASGIApp,
        shared: Collection[tuple[str, str]] = (),
    ) -> None:
        """`shared`: what the application behind serves on these paths."""
        self._routes = {**dict.fromkeys(shared, rest), **routes}
        self._paths = frozenset(path for _, path in routes)
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"] in self._paths:
            scope["route_path"] = scope["path"]
            route = self._routes.get((scope["method"], scope["path"]))
            if route is None:
                await self._refuse(scope, send)
                return
            await route(scope, receive, send)
            return
        await self._rest(scope, receive, send)

    async def _refuse(self, scope: Scope, send: Send) -> None:
        """Tell which methods the path has (RFC 9110 section 15.5.6)."""
        message = f"{scope['method']} is not allowed on {scope['path']}"
        detail = ApiError(ErrorCode.METHOD_NOT_ALLOWED, message).detail
        allowed = ", ".join(sorted(method for method, path in self._routes if path == scope["path"]))
        more = [(b"allow", allowed.encode())]
        await send_error(send, detail, scope["state"].get("request_id"), more)


def build_api(parts: Parts, edge: Edge) -> Api:
    """The cold routes, and the document of all."""
    api = Api(
        title=TITLE, description=ABOUT, version=version("jan-server"), docs_url=None, redoc_url=None,
        redirect_slashes=False,  # the path that the door judged is the path that is routed
    )  # fmt: skip
    install_error_handlers(api)
    for router in identity_routers(parts.identity):
        api.include_router(router)
    api.include_router(users_router(parts.identity.profiles))
    api.include_router(
        catalogs_router(parts.models, parts.database), dependencies=[Depends(signed_in)]
    )  # before the ids, which hold slashes
    api.include_router(models_router(parts.models), dependencies=[Depends(signed_in)])
    api.include_router(jobs_router(JobDesk(edge)))
    api.include_router(quota_router(edge))
    api.include_router(turn_router(TurnDesk(parts.database)))
    for router in conversation_routers(parts.database):
        api.include_router(router)
    for router in admin_routers(parts.admin):
        api.include_router(router)
    stored = StoredCompletions(parts.database)
    api.include_router(stored_router(stored))
    api.include_router(project_router(Projects(parts.database)))
    api.include_router(share_router(Shares(parts.database, parts.base_url, parts.media.links)))
    api.include_router(parts.media.router(edge, parts.database))
    for router in parts.mcp.routers(parts.database, parts.base_url):
        api.include_router(router)
    api.include_router(parts.responses.router(edge, parts.database))
    for router in parts.webhooks.routers(edge, parts.database):
        api.include_router(router)
    again = answering_again(edge, TurnDesk(parts.database))
    api.router.routes.append(Route(REGENERATE, again, methods=["POST"]))
    api.router.routes.append(Route(resume.PATH, resume.ResumedCompletion(edge, stored), methods=["GET"]))
    api.include_router(ops_router(parts.checks, version("jan-server"), parts.registry))
    return api


def hot_routes(edge: Edge) -> dict[tuple[str, str], ASGIApp]:
    """What is served without a framework, by method and path."""
    return {
        ("POST", chat.PATH): chat.chat_completions(edge),
        ("POST", completions.PATH): completions.completions(edge),
        ("POST", embeddings.PATH): embeddings.embeddings(edge),
    }


def build_app(edge: Edge, parts: Parts, metrics: EdgeMetrics, ports: Mapping[int, Surface]) -> ASGIApp:
    """The whole application."""
    settings = edge.settings
    edge = replace(edge, media=parts.media.desk(edge, parts.database))
    cold: ASGIApp = BoundedBodies(
        IdempotentAnswers(build_api(parts, edge), parts.database, settings), settings
    )
    cold = TurnCalls(cold, edge, TurnDesk(parts.database))
    uploads = parts.media.calls(edge, parts.database)
    jobs = hot_routes(edge) | parts.responses.calls(edge, parts.database)
    shared = [("GET", chat.PATH), ("GET", ASK_PATH), ("GET", RESPONSES)]
    app: ASGIApp = Envelopes(HotRoutes(jobs | uploads | parts.mcp.calls(), cold, shared))
    if not isinstance(edge.limits, NoLimits):
        app = RateLimits(app, edge.limits, [*jobs, ("POST", EDIT), ("POST", REGENERATE)])
    app = Identity(app, parts.identity.credentials.authenticate)
    app = Discovery(app, parts.base_url)
    app = parts.door(app)
    app = ClientAddress(app, networks(settings.trusted_proxies))
    app = Surfaces(app, ports, served_surfaces(settings.surfaces))
    if settings.cors_origins:
        app = CORSMiddleware(
            Refusals(app, metrics),
            allow_origins=settings.cors_origins,
            allow_credentials="*" not in settings.cors_origins,  # for the cookies of a login
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=EXPOSED_HEADERS,
        )
    return Conventions(app, metrics, route_of, is_https=parts.is_https)


def route_of(scope: Scope) -> str:
    """The path's template, for metrics; `unknown` for a path that nobody serves."""
    hot: str | None = scope.get("route_path")
    cold: str = getattr(scope.get("route"), "path", "unknown")
    return hot or cold
