"""Every guarded request pays, but those that make a job: these pay in their own flow, with an estimate."""

from collections.abc import Collection

from starlette.types import ASGIApp, Receive, Scope, Send

from api_edge.deps import Limits
from infra.limits.gate import Kind

READING = frozenset({"GET", "HEAD", "OPTIONS"})
RESPONSES_PATH = "/v1/responses"


class RateLimits:
    """Stands behind Identity: a request without a caller is of nobody's limit."""

    def __init__(self, app: ASGIApp, limits: Limits, jobs: Collection[tuple[str, str]]) -> None:
        self._app = app
        self._limits = limits
        self._jobs = frozenset(jobs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError: 429, or 503 where limits cannot be checked and are closed."""
        if scope["type"] == "http":
            caller = scope["state"].get("caller")
            method, path = scope["method"], scope["path"]
            if caller is not None and (method, path) not in self._jobs:
                await self._limits.admit(scope, caller, kind_of(method, path))
        await self._app(scope, receive, send)


def kind_of(method: str, path: str) -> Kind:
    """What a request is, by its canonical path."""
    if method in READING:
        return Kind.READS
    return Kind.RESPONSES if method == "POST" and path == RESPONSES_PATH else Kind.WRITES
