"""A small edge on a real port: the operators' routes, a login, and one route that needs a token or a key."""

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from api_edge.ops.router import ops_router
from contracts.errors import ApiError, ErrorCode
from infra.telemetry.readiness import Check

TOKEN = "the-right-one"  # noqa: S105  of a toy
KEY = "sk_live_the_right_one"
_BEARER = HTTPBearer(scheme_name="bearer", auto_error=False)
_API_KEY = APIKeyHeader(name="X-API-Key", scheme_name="api_key", auto_error=False)


class Greeting(BaseModel):
    """What the toy route takes and answers; with a union, which OpenAPI 3.1 writes unlike 3.0."""

    text: str | None = "Hi"


def small_app(checks: Sequence[Check], registry: CollectorRegistry | None) -> FastAPI:
    """The application."""
    app = FastAPI(title="Small edge", version="1.2.3", docs_url=None, redoc_url=None)
    app.include_router(ops_router(checks, "1.2.3", registry))

    @app.exception_handler(ApiError)
    async def answer(_: Request, error: ApiError) -> JSONResponse:
        return JSONResponse(error.detail.public(None), error.detail.status)

    guest: dict[str, str | int] = {"username": "guest-1", "access_token": TOKEN, "expires_in": 300}
    logins = iter([guest])

    @app.post("/auth/guest-login", include_in_schema=False)
    async def log_in() -> dict[str, str | int]:
        known = next(logins, None)
        if known is None:
            raise ApiError(ErrorCode.RATE_LIMITED, "Too many guests; ask again later")
        return known

    @app.post("/v1/greetings", tags=["Toy"], operation_id="greet")
    async def greet(
        greeting: Greeting,
        token: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
        key: Annotated[str | None, Depends(_API_KEY)],
    ) -> Greeting:
        if key != KEY and (token is None or token.credentials != TOKEN):
            raise ApiError(ErrorCode.INVALID_TOKEN, "Another token, please")
        return greeting

    return app


@asynccontextmanager
async def serving(app: FastAPI) -> AsyncIterator[str]:
    """Serve it; yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listening]))
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            server.should_exit = True
