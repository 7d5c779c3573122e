"""POST /v1/chat/completions: check the request, make it a job, hand back what comes."""

from typing import Any

from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from api_edge.deps import Asked, Edge
from api_edge.errors import invalid_request, shown
from api_edge.idempotency.key import key_of, keyed
from api_edge.middleware.body import header, read_json
from api_edge.middleware.identity import caller_of
from api_edge.relay.answer import send_stream, send_whole
from api_edge.relay.disconnect import OnDisconnect, on_disconnect
from api_edge.relay.running import Running
from api_edge.relay.submit import submit_completion
from contracts.errors import ApiError, ErrorCode
from contracts.jobs import CompletionJob
from contracts.wire.chat import ChatCompletionRequest
from infra.limits.gate import Kind
from infra.telemetry.names import Attribute
from infra.telemetry.spans import SpanKind

PATH = "/v1/chat/completions"


class ChatCompletions:
    """The hot route, as a plain ASGI function (decision 0006)."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. Raises ApiError before the first byte."""
        edge = self._edge
        caller = caller_of(scope)
        try:
            key, leaving = key_of(scope), on_disconnect(scope)
            body, raw, wanted = await self._read(scope, receive)
        except ApiError:
            await edge.limits.admit(scope, caller, Kind.COMPLETIONS)  # it costs a request all the same
            raise
        request_id = scope["state"]["request_id"]
        parent, state = (_text(header(scope, name)) for name in (b"traceparent", b"tracestate"))
        about = {Attribute.HTTP_METHOD: "POST", Attribute.HTTP_ROUTE: PATH, Attribute.REQUEST_ID: request_id}
        span = edge.tracing.start(f"POST {PATH}", SpanKind.SERVER, parent, about, state)
        asked = Asked(
            caller=caller,
            request_id=request_id,
            span=span,
            size=len(raw),
            keyed=None if key is None else keyed(key, scope, caller, raw),
            is_detached=leaving is OnDisconnect.DETACH or (leaving is None and key is not None),
            is_patient=leaving is OnDisconnect.DETACH,
        )
        failure: str | None = ErrorCode.INTERNAL
        try:
            await edge.limits.admit_chat(
                scope, caller, asked.job_id, wanted, len(raw), edge.settings.job_timeout
            )
            job = CompletionJob(model=wanted.model, stream=bool(wanted.stream), body=body)
            async with submit_completion(edge, asked, job=job, lane=wanted.lane()) as running:
                scope["state"]["job_id"] = running.job_id
                scope["state"]["replayed"] = running.is_replay
                await self._answer(asked, running, receive, send, is_stream=job.stream)
            failure = None
        except ApiError as error:
            failure = error.detail.code
            raise
        finally:
            span.end(failure)

    async def _read(
        self, scope: Scope, receive: Receive
    ) -> tuple[dict[str, Any], bytes, ChatCompletionRequest]:
        """The body, as JSON, as it came, and checked."""
        settings = self._edge.settings
        body, raw = await read_json(
            scope,
            receive,
            limit=settings.max_body,
            seconds=settings.body_timeout,
            depth=settings.max_depth,
        )
        wanted = check(body)
        if not await self._edge.models.knows(wanted.model):
            message = f"The model {shown(wanted.model)!r} does not exist; GET /v1/models lists those that do"
            raise ApiError(ErrorCode.MODEL_NOT_FOUND, message, param="model")
        return body, raw, wanted

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


def check(body: dict[str, Any]) -> ChatCompletionRequest:
    """The request, with the types of its known fields checked. Raises ApiError naming the field."""
    try:
        wanted = ChatCompletionRequest.model_validate(body, strict=True)
    except ValidationError as error:
        raise invalid_request(error, body) from error
    if body.get("conversation") is not None:
        message = "conversation is not offered by this version; send the messages themselves"
        raise ApiError(ErrorCode.UNSUPPORTED_PARAMETER, message, param="conversation")
    return wanted


def _text(value: bytes | None) -> str | None:
    return value.decode("latin-1") if value is not None else None
