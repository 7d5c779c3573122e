"""What OpenAPI says of the hot routes, made of the contracts by which they check; one tidy form for all."""

from typing import Any

from pydantic.json_schema import models_json_schema

from api_edge.llm import resume
from api_edge.llm.chat import PATH
from api_edge.relay.disconnect import NAME, OnDisconnect
from contracts.wire.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionRequest
from contracts.wire.errors import ErrorAnswer

JsonObject = dict[str, Any]  # an OpenAPI document

REF = "#/components/schemas/{model}"
ERRORS: dict[int | str, JsonObject] = {
    "4XX": {"model": ErrorAnswer, "description": "The request is at fault; the error says how"},
    "5XX": {"model": ErrorAnswer, "description": "The server, a provider or a dependency is at fault"},
}
EXAMPLE = {
    "model": "smollm2-135m-instruct",
    "messages": [{"role": "user", "content": "Say hello."}],
    "max_tokens": 32,
    "stream": False,
}
STREAM_EXAMPLE = 'data: {"id":"chatcmpl-01J...","choices":[...],"x_seq":0}\n\ndata: [DONE]\n\n'
ON_DISCONNECT: JsonObject = {
    "name": NAME,
    "in": "header",
    "required": False,
    "schema": {"type": "string", "enum": [value.value for value in OnDisconnect]},
}
_MODELS = (ChatCompletionRequest, ChatCompletion, ChatCompletionChunk, ErrorAnswer)


def add_chat(document: JsonObject) -> JsonObject:
    """The document with chat completions in it: to ask for one, and to read one on."""
    _, schemas = models_json_schema([(model, "validation") for model in _MODELS], ref_template=REF)
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components.update(schemas["$defs"])
    document["paths"][PATH] = {"post": _operation()}
    document["paths"][resume.PATH] = {"get": _resuming()}
    return document


def tidy(document: JsonObject) -> JsonObject:
    """Without what FastAPI says of its own errors (ours are 400), and in a stable order."""
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    document["paths"] = dict(sorted(document["paths"].items()))
    document["components"]["schemas"] = dict(sorted(document["components"]["schemas"].items()))
    return document


def _operation() -> JsonObject:
    return {
        "tags": ["chat"],
        "summary": "Complete a chat",
        "description": "With `stream`, an event stream of chunks that ends with `data: [DONE]`. A failure "
        "before the first token is a plain error; one after it is an error event.",
        "operationId": "create_chat_completion",
        "security": [{"bearer": []}],
        "parameters": [_on_disconnect("cancel, or detach where an Idempotency-Key is given")],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(ChatCompletionRequest), "example": EXAMPLE}},
        },
        "responses": _responses(),
    }


def _resuming() -> JsonObject:
    return {
        "tags": ["chat"],
        "summary": "Read a chat completion on",
        "description": "From any server, while it is made and for an hour after: a stream from any chunk on, "
        "without one missing or twice, or the whole answer of a completion that was not asked for as a "
        "stream, which is waited for.",
        "operationId": "resume_chat_completion",
        "security": [{"bearer": []}],
        "parameters": [
            _parameter("completion_id", "path", {"type": "string"}, "The `id` of its chunks"),
            _parameter("stream", "query", {"type": "boolean", "default": False}, "As it was asked for"),
            _parameter(
                resume.CURSOR,
                "query",
                {"type": "integer", "minimum": 0},
                "The `x_seq` of the last chunk that was read; without it the stream is given from its first",
            ),
            _on_disconnect("detach: leaving a resumed stream stops nothing"),
        ],
        "responses": _responses(),
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
        **{
            str(status): {
                "description": error["description"],
                "content": {"application/json": {"schema": _ref(ErrorAnswer)}},
            }
            for status, error in ERRORS.items()
        },
    }


def _on_disconnect(usual: str) -> JsonObject:
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
