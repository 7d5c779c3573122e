"""What OpenAPI says of embeddings and legacy completions, made of the contracts by which they check."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api_edge.llm import completions, embeddings
from api_edge.llm.document import FAILURES, REF, REFUSALS, on_disconnect
from contracts.wire.completions import CompletionRequest, TextCompletion
from contracts.wire.embeddings import EmbeddingList, EmbeddingRequest

JsonObject = dict[str, Any]  # an OpenAPI document

STREAM_EXAMPLE = 'data: {"id":"cmpl-01J...","choices":[...],"x_seq":0}\n\ndata: [DONE]\n\n'
_MODELS: tuple[type[BaseModel], ...] = (CompletionRequest, TextCompletion, EmbeddingRequest, EmbeddingList)


def add_calls(document: JsonObject) -> JsonObject:
    """The document with both in it."""
    _, schemas = models_json_schema([(model, "validation") for model in _MODELS], ref_template=REF)
    document.setdefault("components", {}).setdefault("schemas", {}).update(schemas["$defs"])
    document["paths"][completions.PATH] = {"post": _completing()}
    document["paths"][embeddings.PATH] = {"post": _embedding()}
    return document


def _completing() -> JsonObject:
    about = (
        "The older form of a chat: text in, text out. With `stream`, an event stream as of chat completions."
    )
    stream = {"schema": {"type": "string", "description": "Each `data:` is a TextCompletion"}}
    return {
        "tags": ["chat"],
        "summary": "Complete a text",
        "description": about,
        "operationId": "create_completion",
        **_call(CompletionRequest),
    } | _answers(TextCompletion, {"text/event-stream": stream | {"example": STREAM_EXAMPLE}})


def _embedding() -> JsonObject:
    return {
        "tags": ["embeddings"],
        "summary": "Embed texts",
        "description": "Each text as a vector, in one answer and in their order.",
        "operationId": "create_embeddings",
        **_call(EmbeddingRequest),
    } | _answers(EmbeddingList, {})


def _call(asked: type[BaseModel]) -> JsonObject:
    schema = {"$ref": REF.format(model=asked.__name__)}
    example = asked.model_config.get("json_schema_extra")
    assert isinstance(example, dict)  # noqa: S101  each has one
    return {
        "parameters": [on_disconnect("cancel, or detach where an Idempotency-Key is given")],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": example["example"]}},
        },
        "x-codes": [*REFUSALS, *FAILURES],
    }


def _answers(answered: type[BaseModel], more: JsonObject) -> JsonObject:
    whole = {"schema": {"$ref": REF.format(model=answered.__name__)}}
    return {
        "responses": {"200": {"description": "The answer", "content": {"application/json": whole, **more}}}
    }
