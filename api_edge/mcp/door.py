"""POST, GET and DELETE /v1/mcp: the endpoint of MCP clients, and of plain JSON-RPC.

    POST ─▶ checked (origin, body, message) ─▶ session ─▶ the SDK: a stream or JSON, as the client accepts
    GET with Last-Event-ID ─▶ the stream of a call, gone on with (`resumption`)
    DELETE ─▶ the session is forgotten

No edge keeps anything of a client: the SDK runs without sessions, ours stand in Redis, and the streams of
calls in their jobs' logs. Two of the SDK's managers serve the same server, since one can only stream and the
other only answer in JSON.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import DEFAULT_NEGOTIATED_VERSION
from starlette.types import Receive, Scope, Send

from api_edge.deps import Asked, Edge
from api_edge.errors import shown
from api_edge.idempotency.key import key_of, keyed
from api_edge.mcp.calls import ToolCalls
from api_edge.mcp.messages import SESSION_NOT_FOUND, Rpc, RpcError, read_rpc
from api_edge.mcp.passage import SESSION, Answer, Body, Passage
from api_edge.mcp.resumption import ResumedCalls
from api_edge.mcp.server import mcp_server
from api_edge.middleware.body import check_type, header, read_body
from api_edge.middleware.identity import caller_of
from api_edge.relay.disconnect import OnDisconnect, on_disconnect
from api_edge.relay.tracing import ended
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from infra.settings import KIB, McpSettings, ToolSettings
from infra.telemetry.names import Attribute
from infra.telemetry.spans import Span, SpanKind
from infra.tools.reading import KnownTools
from infra.tools.sessions import Sessions

PATH = "/v1/mcp"
VERSION = b"mcp-protocol-version"
LAST_EVENT = b"last-event-id"
HANDSHAKES = frozenset({"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"})
"""Versions that begin with `initialize`; in later ones each request stands for itself."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
ROOM = 64 * KIB
"""Bytes of a message beside the arguments in it."""
BOTH = b"application/json, text/event-stream"
JSON = b"application/json"
RPC_HEADERS = [(b"content-type", JSON)]


@dataclass(frozen=True)
class DoorMeans:
    """What the endpoint works with."""

    edge: Edge
    known: KnownTools
    sessions: Sessions
    tools: ToolSettings
    mcp: McpSettings
    base_url: str
    """Under which clients reach the edge."""


class McpDoor:
    """The endpoint. Opened by `open_door`."""

    def __init__(self, means: DoorMeans) -> None:
        self._means = means
        self._calls = ToolCalls(means.edge, means.sessions, means.tools)
        longest = means.edge.settings.job_timeout + means.tools.queue_seconds
        self._resumed = ResumedCalls(means.edge, longest=longest)
        server = mcp_server(means.known, self._calls)
        self._most = means.tools.max_arguments + ROOM
        self.streaming = self._manager(server, is_json=False)
        self.plain = self._manager(server, is_json=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError before the first byte."""
        scope["route_path"] = PATH
        self._check_origin(scope)
        try:
            match scope["method"]:
                case "POST":
                    await self._post(scope, receive, send)
                case "DELETE":
                    await self._delete(scope, send)
                case _:
                    await self._get(scope, receive, send)
        except RpcError as error:
            await _answer(send, error.status, error.body)

    async def _post(self, scope: Scope, receive: Receive, send: Send) -> None:
        means, caller = self._means, caller_of(scope)
        settings = means.edge.settings
        check_type(scope)
        raw = await read_body(scope, receive, limit=self._most, seconds=settings.body_timeout)
        rpc = read_rpc(raw, depth=settings.max_depth)
        session = await self._session(scope, caller)
        if rpc.method == "notifications/cancelled" and session is not None:
            await self._cancel(caller, session, rpc)
            await _answer(send, 202, b"")
            return
        span = self._span(scope, rpc)
        with ended(span):
            passage = self._passage(scope, raw, rpc, session, span)
            new_session = None
            if rpc.method == "initialize" and not passage.is_modern:
                new_session = await means.sessions.begin(caller)
            await self._hand_over(scope, receive, Answer(passage, send, new_session), passage)

    async def _hand_over(self, scope: Scope, receive: Receive, answer: Answer, passage: Passage) -> None:
        """Let the SDK serve it."""
        wants_stream = _wants_stream(scope) and not passage.rpc.is_unnamed
        manager = self.streaming if wants_stream else self.plain
        scope["state"]["passage"] = passage
        given = [
            (name, value) for name, value in scope["headers"] if name not in {b"accept", b"content-type"}
        ]
        inner = {**scope, "headers": [*given, (b"content-type", JSON), (b"accept", BOTH)]}
        body = Body(passage)
        beside = [asyncio.create_task(body.watch(receive)), asyncio.create_task(answer.begin_stream())]
        try:
            await manager.handle_request(inner, body.receive, answer.send)
        finally:
            for task in beside:
                task.cancel()
            await self._calls.leave(passage)
        if passage.refusal is not None and not answer.has_begun:
            raise passage.refusal

    async def _get(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = caller_of(scope)
        event_id = header(scope, LAST_EVENT)
        if event_id is None:
            raise ApiError(
                ErrorCode.METHOD_NOT_ALLOWED,
                "There is no stream of the server's own here: GET goes on with the stream of a call, by its "
                "Last-Event-ID",
            )
        await self._session(scope, caller)
        await self._resumed.send(caller, event_id.decode("latin-1"), receive, send)

    async def _delete(self, scope: Scope, send: Send) -> None:
        caller = caller_of(scope)
        session = await self._session(scope, caller)
        if session is None:
            raise ApiError(ErrorCode.METHOD_NOT_ALLOWED, "Name the session to be ended in Mcp-Session-Id")
        await self._means.sessions.end(caller, session)
        await _answer(send, 204, b"")

    async def _cancel(self, caller: Caller, session: str, rpc: Rpc) -> None:
        request_id = rpc.params.get("requestId")
        if isinstance(request_id, str | int):
            await self._calls.cancel(caller, session, request_id)

    async def _session(self, scope: Scope, caller: Caller) -> str | None:
        """The session that a request names. Raises RpcError, 404, where it is over; ApiError."""
        named = header(scope, SESSION)
        if named is None or _is_modern(scope):
            return None
        session = named.decode("latin-1")
        if not await self._means.sessions.is_known(caller, session):
            raise RpcError(SESSION_NOT_FOUND, "Session not found", status=404)
        return session

    def _passage(self, scope: Scope, raw: bytes, rpc: Rpc, session: str | None, span: Span) -> Passage:
        caller, is_modern = caller_of(scope), _is_modern(scope)
        key = key_of(scope) if rpc.is_call else None
        leaving = on_disconnect(scope)
        may_return = session is not None or key is not None
        meta = rpc.params.get("_meta")
        token = meta.get("progressToken") if isinstance(meta, dict) else None
        asked = Asked(
            caller=caller,
            request_id=scope["state"]["request_id"],
            span=span,
            size=len(raw),
            keyed=None if key is None else keyed(key, scope, caller, raw),
            is_detached=leaving is OnDisconnect.DETACH
            or (leaving is None and may_return and not is_modern and _wants_stream(scope)),
        )
        version = (header(scope, VERSION) or DEFAULT_NEGOTIATED_VERSION.encode()).decode("latin-1")
        passage = Passage(rpc, asked, session, version, is_modern, scope["state"])
        if isinstance(token, str | int):
            passage.token = token
        if not rpc.is_call:
            passage.accepted.set()
        return passage

    def _span(self, scope: Scope, rpc: Rpc) -> Span:
        parent, state = (header(scope, name) for name in (b"traceparent", b"tracestate"))
        about = {
            Attribute.HTTP_METHOD: "POST",
            Attribute.HTTP_ROUTE: PATH,
            Attribute.REQUEST_ID: scope["state"]["request_id"],
        }
        return self._means.edge.tracing.start(
            f"POST {PATH} {shown(rpc.method or 'answer')}", SpanKind.SERVER,
            None if parent is None else parent.decode("latin-1"), about,
            None if state is None else state.decode("latin-1"),
        )  # fmt: skip

    def _check_origin(self, scope: Scope) -> None:
        """A page of another site speaks as its visitor (DNS rebinding). Raises ApiError, 403."""
        origin = header(scope, b"origin")
        if origin is not None and not is_own(origin.decode("latin-1"), self._means.base_url, self._origins()):
            raise ApiError(ErrorCode.PERMISSION_DENIED, "This Origin may not speak to the MCP endpoint")

    def _origins(self) -> Sequence[str]:
        return [*self._means.mcp.origins, *self._means.edge.settings.cors_origins]

    def _manager(self, server: Server[object], *, is_json: bool) -> StreamableHTTPSessionManager:
        return StreamableHTTPSessionManager(
            server, json_response=is_json, stateless=True, max_request_body_size=self._most
        )


@asynccontextmanager
async def open_door(means: DoorMeans) -> AsyncIterator[McpDoor]:
    """The endpoint, for as long as the block runs."""
    door = McpDoor(means)
    async with door.streaming.run(), door.plain.run():
        yield door


def is_own(origin: str, base_url: str, allowed: Sequence[str]) -> bool:
    """Whether a page of this origin may speak to us: our own, an allowed one, or, where we are served on this
    machine only, one that is, too."""
    own, theirs = urlsplit(base_url), urlsplit(origin)
    if origin in allowed or (theirs.scheme, theirs.netloc) == (own.scheme, own.netloc):
        return True
    return own.hostname in LOOPBACK and theirs.hostname in LOOPBACK


def _is_modern(scope: Scope) -> bool:
    version = header(scope, VERSION)
    return version is not None and version.decode("latin-1") not in HANDSHAKES


def _wants_stream(scope: Scope) -> bool:
    accept = (header(scope, b"accept") or b"").lower()
    return b"text/event-stream" in accept


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [*(RPC_HEADERS if body else []), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
