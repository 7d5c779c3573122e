"""Routes that call a model: check the request, make it a job, hand back what comes."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive, Scope, Send

from api_edge.deps import Asked, Edge
from api_edge.errors import shown
from api_edge.idempotency.key import key_of, keyed
from api_edge.middleware.body import header, read_json
from api_edge.middleware.identity import caller_of
from api_edge.relay.answer import send_stream, send_whole
from api_edge.relay.disconnect import OnDisconnect, on_disconnect
from api_edge.relay.running import Running
from api_edge.relay.submit import submit_completion
from api_edge.relay.tracing import ended
from contracts.envelope import Caller, Lane
from contracts.errors import ApiError, ErrorCode
from contracts.jobs import CompletionJob, Endpoint
from contracts.media import MARK, media_ids
from infra.limits.gate import Expected, Kind
from infra.telemetry.names import Attribute
from infra.telemetry.spans import SpanKind

JsonObject = dict[str, Any]  # the provider's contract, open by nature


@dataclass(frozen=True)
class Wanted:
    """A request that may become a job."""

    job: CompletionJob
    lane: Lane
    expected: Expected


Check = Callable[[Scope, Caller, JsonObject, int], Awaitable[Wanted]]
"""Makes a job of a body of so many bytes. Raises ApiError naming the field that is wrong."""


class ModelCall:
    """A hot route, as a plain ASGI function (decision 0006). Cold ones, too, serve their calls by it."""

    def __init__(self, edge: Edge, path: str, check: Check) -> None:
        """The path is its template, as metrics and traces name it."""
        self._edge = edge
        self._path = path
        self._check = check

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError before the first byte."""
        edge, caller = self._edge, caller_of(scope)
        try:
            leaving, key = on_disconnect(scope), key_of(scope)
            body, raw = await read_call(edge, scope, receive)
            wanted = await self._check(scope, caller, body, len(raw))
            await check_model(edge, wanted.job.model, wanted.job.endpoint)
            if MARK.encode() in raw:
                await self._check_media(scope, caller, wanted.job)
        except ApiError:
            await edge.limits.admit(scope, caller, Kind.COMPLETIONS)  # it costs a request all the same
            raise
        asked = asked_by(edge, scope, self._path, raw, key, leaving)
        with ended(asked.span):
            await self._submit(asked, wanted, scope, receive, send)

    async def _check_media(self, scope: Scope, caller: Caller, job: CompletionJob) -> None:
        """What was sent to the store and is used here for the first time is taken in now."""
        named = media_ids((job.body or {}).get("messages"))
        if named:
            await self._edge.media.check(caller, scope["state"]["request_id"], named, "messages")

    async def _submit(self, asked: Asked, wanted: Wanted, scope: Scope, receive: Receive, send: Send) -> None:
        edge, job = self._edge, wanted.job
        seconds = edge.settings.job_timeout
        await edge.limits.admit_job(scope, asked.caller, asked.job_id, wanted.expected, seconds)
        async with submit_completion(edge, asked, job=job, lane=wanted.lane) as running:
            scope["state"]["job_id"] = running.job_id
            scope["state"]["replayed"] = running.is_replay
            await self._answer(asked, running, receive, send, is_stream=job.stream)

    async def _answer(
        self, asked: Asked, running: Running, receive: Receive, send: Send, *, is_stream: bool
    ) -> None:
        edge = self._edge
        try:
            if is_stream:
                has_stayed = await send_stream(edge, running, asked.request_id, receive, send)
            else:
                has_stayed = await send_whole(edge, running, receive, send)
        except ApiError as error:
            if error.detail.code == ErrorCode.SERVER_DRAINING:  # its client knows no name to resume it by
                await self._leave(asked, running)
            raise
        if not has_stayed:
            await self._leave(asked, running)

    async def _leave(self, asked: Asked, running: Running) -> None:
        if not asked.is_detached:  # what nobody waits for is not made any further
            await self._edge.stops.stop(running.job_id, asked.caller.tenant)


async def read_call(edge: Edge, scope: Scope, receive: Receive) -> tuple[JsonObject, bytes]:
    """The body of a call, as JSON and as it came. Raises ApiError."""
    settings = edge.settings
    return await read_json(
        scope,
        receive,
        limit=settings.max_body,
        seconds=settings.body_timeout,
        depth=settings.max_depth,
    )


async def check_model(edge: Edge, model: str, endpoint: Endpoint) -> None:
    """Raise ApiError for a model that nobody offers, or not for this."""
    if not await edge.models.knows(model):
        message = f"The model {shown(model)!r} does not exist; GET /v1/models lists those that do"
        raise ApiError(ErrorCode.MODEL_NOT_FOUND, message, param="model")
    if not edge.models.can(model, endpoint):
        message = f"The model {shown(model)!r} cannot be asked for {endpoint}"
        raise ApiError(ErrorCode.INVALID_VALUE, message, param="model")


def asked_by(
    edge: Edge, scope: Scope, path: str, raw: bytes, key: str | None, leaving: OnDisconnect | None
) -> Asked:
    """What is known of a POST beside its body, with its span begun."""
    caller, request_id = caller_of(scope), scope["state"]["request_id"]
    parent, state = (_text(header(scope, name)) for name in (b"traceparent", b"tracestate"))
    about = {
        Attribute.HTTP_METHOD: "POST",
        Attribute.HTTP_ROUTE: path,
        Attribute.REQUEST_ID: request_id,
    }
    return Asked(
        caller=caller,
        request_id=request_id,
        span=edge.tracing.start(f"POST {path}", SpanKind.SERVER, parent, about, state),
        size=len(raw),
        keyed=None if key is None else keyed(key, scope, caller, raw),
        is_detached=leaving is OnDisconnect.DETACH or (leaving is None and key is not None),
        is_patient=leaving is OnDisconnect.DETACH,
    )


def _text(value: bytes | None) -> str | None:
    return value.decode("latin-1") if value is not None else None
