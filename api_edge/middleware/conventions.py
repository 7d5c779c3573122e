"""The outermost layer: a request id, the answer's common headers, and no failure without the error shape."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_edge.errors import error_body, send_error
from api_edge.middleware.body import ClientGone, header
from contracts.errors import ApiError, ErrorCode, ErrorDetail
from contracts.ids import is_request_id, new_request_id

CLIENT_CLOSED = 499
"""The status of a request whose client went away, in logs and metrics only (nginx's number)."""
Headers = list[tuple[bytes, bytes]]
SECURITY_HEADERS: Headers = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
POLICY = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
NO_STORE = (b"cache-control", b"no-store")
STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
"""Where clients reach the edge by https (RFC 6797)."""

log = logging.getLogger(__name__)


class RequestStats(Protocol):
    """What is told of each request when it is over."""

    def answered(self, route: str, method: str, status: int, seconds: float) -> None: ...
    def error(self, code: str) -> None: ...


class Exchange:
    """One request's answer as it goes out: what was sent, and the headers that all answers carry."""

    __slots__ = ("_always", "_scope", "_send", "_started", "request_id", "status")

    def __init__(self, scope: Scope, send: Send, request_id: str, always: Headers) -> None:
        self._always = always
        self._scope = scope
        self._send = send
        self._started = time.perf_counter()
        self.request_id = request_id
        self.status = 0

    @property
    def seconds(self) -> float:
        """How long the request has been here."""
        return time.perf_counter() - self._started

    async def send(self, message: Message) -> None:
        """Pass a message on; the first one gets the common headers."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message.setdefault("headers", [])
            message["headers"] = [*headers, *self._common(), *self._unless(headers)]
        await self._send(message)

    def _unless(self, given: Headers) -> Headers:
        """What an answer carries that says nothing else itself."""
        names = {name.lower() for name, _ in given}
        headers = [] if b"content-security-policy" in names else [POLICY]
        if self._scope["state"].get("caller") is not None and b"cache-control" not in names:
            headers.append(NO_STORE)  # an answer to somebody is nobody else's
        return headers

    def _common(self) -> list[tuple[bytes, bytes]]:
        headers = [
            (b"x-request-id", self.request_id.encode()),
            (b"openai-processing-ms", b"%d" % (self.seconds * 1000)),
            *self._always,
        ]
        caller = self._scope["state"].get("caller")
        if caller is not None:
            headers.append((b"x-auth-method", caller.auth_method.encode()))
        job_id = self._scope["state"].get("job_id")
        if job_id is not None:
            headers.append((b"x-job-id", job_id.encode()))
        if self._scope["state"].get("replayed"):
            headers.append((b"idempotency-replayed", b"true"))
        headers += self._scope["state"].get("limits", ())
        return headers


class Conventions:
    """Wraps the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        stats: RequestStats,
        route_of: Callable[[Scope], str],
        *,
        is_https: bool = False,
    ) -> None:
        self._app = app
        self._stats = stats
        self._route_of = route_of
        self._always = [*SECURITY_HEADERS, STRICT_TRANSPORT] if is_https else SECURITY_HEADERS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = (header(scope, b"x-request-id") or b"").decode("latin-1")
        request_id = given if is_request_id(given) else new_request_id()
        exchange = Exchange(scope, send, request_id, self._always)
        scope.setdefault("state", {})["request_id"] = exchange.request_id
        try:
            await self._app(scope, receive, exchange.send)
        except ApiError as error:
            await self._fail(exchange, error.detail)
        except ClientGone:
            exchange.status = CLIENT_CLOSED
        except asyncio.CancelledError:
            exchange.status = exchange.status or CLIENT_CLOSED
            raise
        except Exception:  # the edge's one boundary: a bug becomes a truthful 500, and is told in the log
            log.exception("request_failed", extra={"request_id": exchange.request_id, "path": scope["path"]})
            await self._fail(exchange, ApiError(ErrorCode.INTERNAL, "The server failed; see its log").detail)
        finally:
            self._stats.answered(self._route_of(scope), scope["method"], exchange.status, exchange.seconds)

    async def _fail(self, exchange: Exchange, detail: ErrorDetail) -> None:
        self._stats.error(detail.code or "unnamed")
        if exchange.status == 0:
            await send_error(exchange.send, detail, exchange.request_id)
            return
        body = b"data: " + error_body(detail, exchange.request_id) + b"\n\n"
        await exchange.send({"type": "http.response.body", "body": body})


class Refusals:
    """Inside CORS: a refusal is an answer that a browser's page may read, too."""

    def __init__(self, app: ASGIApp, stats: RequestStats) -> None:
        self._app = app
        self._stats = stats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. What fails after the first byte is left to Conventions."""
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except ApiError as error:
            if has_begun:
                raise
            self._stats.error(error.detail.code or "unnamed")
            await send_error(send, error.detail, scope["state"].get("request_id"))
