"""What OpenAPI says of the hot routes, made of the contracts by which they check."""

from typing import Any

from pydantic.json_schema import models_json_schema

from api_edge.llm import resume
from api_edge.llm.chat import PATH
from api_edge.relay.disconnect import NAME, OnDisconnect
from contracts.errors import ErrorCode
from contracts.wire.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionRequest

JsonObject = dict[str, Any]  # an OpenAPI document

REF = "#/components/schemas/{model}"
FAILURES = (
    ErrorCode.CANCELLED,
    ErrorCode.PROVIDER_RATE_LIMITED,
    ErrorCode.WORKER_LOST,
    ErrorCode.ATTEMPTS_EXHAUSTED,
    ErrorCode.PROVIDER_UNREACHABLE,
    ErrorCode.PROVIDER_ERROR,
    ErrorCode.PROVIDER_BAD_ANSWER,
    ErrorCode.PROVIDER_STREAM_CUT,
    ErrorCode.STREAM_LOST,
    ErrorCode.SERVER_DRAINING,
    ErrorCode.PROVIDER_TIMEOUT,
    ErrorCode.DEADLINE_EXCEEDED,
)
"""How a job can end, and what can become of its answer on the way."""
REFUSALS = (
    ErrorCode.MODEL_NOT_FOUND,
    ErrorCode.BUDGET_EXCEEDED,
    ErrorCode.OVERLOADED,
)
"""Why one is not begun, beside what can be wrong with any request."""
EXAMPLE = {
    "model": "smollm2-135m-instruct",
    "messages": [{"role": "user", "content": "Say hello."}],
    "max_tokens": 32,
    "stream": False,
}
COMPLETION_ID: JsonObject = {"type": "string", "examples": ["chatcmpl-01KB3M5Q8Z7V2T4X6Y8W0R1S2T"]}
STREAM_EXAMPLE = 'data: {"id":"chatcmpl-01J...","choices":[...],"x_seq":0}\n\ndata: [DONE]\n\n'
ON_DISCONNECT: JsonObject = {
    "name": NAME,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "enum": [value.value for value in OnDisconnect]},
}
_MODELS = (ChatCompletionRequest, ChatCompletion, ChatCompletionChunk)


def add_chat(document: JsonObject) -> JsonObject:
    """The document with chat completions in it: to ask for one, and to read one on."""
    _, schemas = models_json_schema([(model, "validation") for model in _MODELS], ref_template=REF)
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components.update(schemas["$defs"])
    document["paths"].setdefault(PATH, {}).update({"post": _operation()})
    document["paths"].setdefault(resume.PATH, {}).update({"get": _resuming()})
    return document


def _operation() -> JsonObject:
    return {
        "tags": ["chat"],
        "summary": "Complete a chat",
        "description": "With `stream`, an event stream of chunks that ends with `data: [DONE]`. A failure "
        "before the first token is a plain error; one after it is an error event.",
        "operationId": "create_chat_completion",
        "parameters": [on_disconnect("cancel, or detach where an Idempotency-Key is given")],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(ChatCompletionRequest), "example": EXAMPLE}},
        },
        "responses": _responses(),
        "x-codes": [*REFUSALS, *FAILURES],
    }


def _resuming() -> JsonObject:
    return {
        "tags": ["chat"],
        "summary": "Read a chat completion on",
        "description": "From any server, while it is made and for an hour after: a stream from any chunk on, "
        "without one missing or twice, or the whole answer of a completion that was not asked for as a "
        "stream, which is waited for.",
        "operationId": "resume_chat_completion",
        "parameters": [
            _parameter("completion_id", "path", COMPLETION_ID, "The `id` of its chunks"),
            _parameter("stream", "query", {"type": "boolean", "default": False}, "As it was asked for"),
            _parameter(
                resume.CURSOR,
                "query",
                {"type": "integer", "minimum": 0},
                "The `x_seq` of the last chunk that was read; without it the stream is given from its first",
            ),
            on_disconnect("detach: leaving a resumed stream stops nothing"),
        ],
        "responses": _responses(),
        "x-codes": FAILURES,
    }


def _responses() -> JsonObject:
    return {
        "200": {
            "description": "The completion, or its stream",
            "content": {
                "application/json": {"schema": _ref(ChatCompletion)},
                "text/event-stream": {
                    "schema": {"type": "string", "description": "Each `data:` is a ChatCompletionChunk"},
                    "example": STREAM_EXAMPLE,
                },
            },
        },
    }


def on_disconnect(usual: str) -> JsonObject:
    """The header that says what becomes of the work when the client goes away."""
    description = f"What becomes of the work when the client goes away. Without it: {usual}"
    return ON_DISCONNECT | {"description": description}


def _parameter(name: str, place: str, schema: JsonObject, description: str) -> JsonObject:
    return {
        "name": name,
        "in": place,
        "required": place == "path",
        "schema": schema,
        "description": description,
    }


def _ref(model: type) -> JsonObject:
    return {"$ref": REF.format(model=model.__name__)}
