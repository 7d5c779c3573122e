"""Every guarded request pays, but those that make a job: these pay in their own flow, with an estimate."""

from collections.abc import Collection

from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from api_edge.deps import Limits
from infra.limits.gate import Kind

READING = frozenset({"GET", "HEAD", "OPTIONS"})
RESPONSES_PATH = "/v1/responses"


class RateLimits:
    """Stands behind Identity: a request without a caller is of nobody's limit."""

    def __init__(self, app: ASGIApp, limits: Limits, jobs: Collection[tuple[str, str]]) -> None:
        """`jobs` are methods and paths, or templates of paths, of those that make jobs."""
        self._app = app
        self._limits = limits
        self._jobs = frozenset(jobs)
        self._templates = [(method, compile_path(path)[0]) for method, path in jobs if "{" in path]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError: 429, or 503 where limits cannot be checked and are closed."""
        if scope["type"] == "http":
            caller = scope["state"].get("caller")
            method, path = scope["method"], scope["path"]
            if caller is not None and not self._is_job(method, path):
                await self._limits.admit(scope, caller, kind_of(method, path))
        await self._app(scope, receive, send)

    def _is_job(self, method: str, path: str) -> bool:
        if (method, path) in self._jobs:
            return True
        return any(method == made and pattern.match(path) for made, pattern in self._templates)


def kind_of(method: str, path: str) -> Kind:
    """What a request is, by its canonical path."""
    if method in READING:
        return Kind.READS
    return Kind.RESPONSES if method == "POST" and path == RESPONSES_PATH else Kind.WRITES
