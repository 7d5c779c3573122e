"""POST /v1/media and POST /v1/media/upload: a file comes in, to the disk and not to the memory, as a job.

Plain ASGI functions, as the calls to models are (decision 0006): a file is read as it comes.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel
from starlette.types import Receive, Scope, Send

from api_edge.deps import Asked, Edge
from api_edge.idempotency.key import key_of, keyed
from api_edge.media.ingest import Ingest, Offered
from api_edge.media.links import Links
from api_edge.media.receiving import Received, ReceiveLimits, Spool, receive_ask, receive_form
from api_edge.middleware.body import header
from api_edge.middleware.identity import caller_of
from api_edge.relay.running import Running
from api_edge.relay.tracing import ended
from api_edge.relay.watching import until_gone
from contracts.ids import media_id
from contracts.wire.media import MediaAccepted, MediaAsk
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.urls import checked_url
from infra.settings import MediaSettings
from infra.telemetry.names import Attribute
from infra.telemetry.spans import Span, SpanKind

ASK_PATH = "/v1/media"
UPLOAD_PATH = "/v1/media/upload"
PREFER = b"prefer"
RESPOND_ASYNC = "respond-async"

Reading = Callable[[Scope, Receive, Path], Awaitable[Offered]]
"""Reads a request's file into a file of ours, or its address. Raises ApiError naming what is wrong."""


class Uploads:
    """What reads the requests of both routes."""

    def __init__(self, settings: MediaSettings, depth: int) -> None:
        self._settings = settings
        self._limits = ReceiveLimits(most=settings.max_bytes, seconds=settings.receive_seconds)
        self._policy = AddressPolicy(settings.networks)
        self._depth = depth

    async def form(self, scope: Scope, receive: Receive, path: Path) -> Offered:
        """A multipart form with one file."""
        return _offered(path, await receive_form(scope, receive, path, self._limits))

    async def ask(self, scope: Scope, receive: Receive, path: Path) -> Offered:
        """A JSON body with a data URL, or the address of a remote file."""
        ask, received = await receive_ask(scope, receive, path, self._limits, depth=self._depth)
        return self._remote(ask) if received is None else _offered(path, received, ask.filename)

    def _remote(self, ask: MediaAsk) -> Offered:
        url = ask.source.url or ""
        checked_url(url, self._policy, param="source.url")
        return Offered(path=None, size=self._settings.max_bytes, filename=ask.filename, url=url)


class UploadCall:
    """One of both routes."""

    def __init__(
        self, edge: Edge, ingest: Ingest, links: Links, spool: Spool, path: str, read: Reading
    ) -> None:
        self._edge = edge
        self._ingest = ingest
        self._links = links
        self._spool = spool
        self._path = path
        self._read = read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError before the first byte."""
        span = self._span(scope)
        with ended(span):
            async with self._spool.file() as path:
                await self._serve(scope, receive, send, path, span)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, path: Path, span: Span) -> None:
        caller, asked_key = caller_of(scope), key_of(scope)
        is_async = _wants_no_wait(scope)
        offered = await self._read(scope, receive, path)
        if is_async:
            offered = replace(offered, keeps_id=True)
        asked = Asked(
            caller=caller,
            request_id=scope["state"]["request_id"],
            span=span,
            size=offered.size,
            keyed=None if asked_key is None else keyed(asked_key, scope, caller, _mark(offered)),
            is_detached=True,
        )
        async with self._ingest.submit(asked, offered) as running:
            scope["state"]["job_id"] = running.job_id
            scope["state"]["replayed"] = running.is_replay
            if is_async:
                await _send_accepted(running, send)
            else:
                await self._answer(caller.tenant, running, receive, send)

    async def _answer(self, tenant: str, running: Running, receive: Receive, send: Send) -> None:
        async with until_gone(running, receive):
            found = await self._ingest.taken(tenant, running)
        if found is not None:
            row, is_duplicate = found
            await _send_json(send, 200, self._links.media_of_row(row, deduped=is_duplicate))

    def _span(self, scope: Scope) -> Span:
        parent, state = (header(scope, name) for name in (b"traceparent", b"tracestate"))
        return self._edge.tracing.start(
            f"POST {self._path}",
            SpanKind.SERVER,
            None if parent is None else parent.decode("latin-1"),
            {
                Attribute.HTTP_METHOD: "POST",
                Attribute.HTTP_ROUTE: self._path,
                Attribute.REQUEST_ID: scope["state"]["request_id"],
            },
            None if state is None else state.decode("latin-1"),
        )


def _offered(path: Path, received: Received, filename: str | None = None) -> Offered:
    return Offered(
        path=path,
        size=received.size,
        mime=received.mime,
        filename=filename or received.filename,
        sha256=received.sha256,
    )


def _mark(offered: Offered) -> bytes:
    """What two requests with one key are compared by: not a form's text, whose boundary is made by chance."""
    parts = [offered.sha256, offered.mime, offered.filename, offered.url, offered.keeps_id]
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def _wants_no_wait(scope: Scope) -> bool:
    """Whether the client asks for an answer before the work is done (RFC 7240 section 4.1)."""
    told = [value.decode("latin-1") for name, value in scope["headers"] if name == PREFER]
    wishes = (wish.partition(";")[0].strip().lower() for one in told for wish in one.split(","))
    return RESPOND_ASYNC in wishes


async def _send_accepted(running: Running, send: Send) -> None:
    url = f"/v1/jobs/{running.job_id}"
    headers = [(b"location", url.encode()), (b"preference-applied", RESPOND_ASYNC.encode())]
    told = MediaAccepted(id=media_id(running.job_id), job_id=running.job_id, job_url=url)
    await _send_json(send, 202, told, headers)


async def _send_json(
    send: Send, status: int, told: BaseModel, more: Sequence[tuple[bytes, bytes]] = ()
) -> None:
    body = told.model_dump_json().encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
