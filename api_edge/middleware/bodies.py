"""The body limits of every route that a framework serves: read whole first, then handed on."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_edge.middleware.body import check_type, header, parse_json, read_body
from infra.settings import EdgeSettings

WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})
IGNORING = frozenset({"/auth/guest-login"})
"""Routes for which a body means nothing."""


class BoundedBodies:
    """Refuses what is too large, too slow, too deep, or not JSON though it says so."""

    def __init__(self, app: ASGIApp, settings: EdgeSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError."""
        if scope["type"] != "http" or scope["method"] not in WITH_BODY:
            await self._app(scope, receive, send)
            return
        settings = self._settings
        body = await read_body(scope, receive, limit=settings.max_body, seconds=settings.body_timeout)
        if body and scope["path"] not in IGNORING:
            check_type(scope)
            if b"json" in (header(scope, b"content-type") or b"").lower():
                parse_json(body, depth=settings.max_depth)
        await self._app(scope, once_more(body, receive), send)


def once_more(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read already, and then goes on."""
    given = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def again() -> Message:
        return next(given, None) or await receive()

    return again
