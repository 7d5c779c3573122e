"""What OpenAPI says of the routes of responses that no framework serves."""

from typing import Any, get_args

from pydantic.json_schema import models_json_schema

from api_edge.llm.document import FAILURES, REF, REFUSALS, on_disconnect
from api_edge.responses.counting import PATH as COUNTED
from api_edge.responses.create import PATH
from api_edge.responses.resume import PATH as ONE
from api_edge.responses.stream import CURSOR
from contracts.errors import ErrorCode
from contracts.wire.response_tools import (
    CodeTool,
    FileSearchTool,
    FunctionTool,
    McpServerTool,
    WebSearchTool,
)
from contracts.wire.responses import EXAMPLE_ID, CreateResponse, Included, InputTokens, ResponseShape

EXAMPLE = {
    "model": "smollm2-135m-instruct",
    "input": "Say hello.",
    "max_output_tokens": 32,
    "stream": False,
}
COUNTED_EXAMPLE = {"model": EXAMPLE["model"], "input": EXAMPLE["input"]}
STREAM_EXAMPLE = (
    'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{...}}\n\n'
    'event: response.completed\ndata: {"type":"response.completed","sequence_number":9,"response":{...}}\n\n'
)
TOOLS = (FunctionTool, WebSearchTool, FileSearchTool, CodeTool, McpServerTool)
RESPONSE_ID: dict[str, Any] = {"type": "string", "examples": [EXAMPLE_ID]}

JsonObject = dict[str, Any]  # an OpenAPI document


def add_responses(document: JsonObject) -> JsonObject:
    """The document with responses in it: to ask for one, to count its input, and to read one."""
    models = (CreateResponse, ResponseShape, InputTokens, *TOOLS)
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=REF)
    components = document.setdefault("components", {}).setdefault("schemas", {})
    components.update(schemas["$defs"])
    tools = components[CreateResponse.__name__]["properties"]["tools"]
    tools["anyOf"][0]["items"] = {"anyOf": [_ref(tool) for tool in TOOLS]}
    document["paths"].setdefault(PATH, {}).update({"post": _creating()})
    document["paths"].setdefault(COUNTED, {}).update({"post": _counting()})
    document["paths"].setdefault(ONE, {}).update({"get": _reading()})
    return document


def _creating() -> JsonObject:
    return {
        "tags": ["responses"],
        "summary": "Create a response",
        "description": "The model answers, and calls tools as often as it needs to: ours are called here, "
        "and calls of your functions are handed back. With `stream`, an event stream that ends with "
        "`response.completed`, `.failed`, `.incomplete` or `.cancelled`. With `background`, the answer comes "
        "at once, and the response is read later.",
        "operationId": "create_response",
        "parameters": [
            on_disconnect("cancel, or detach in the background and where an Idempotency-Key is given")
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(CreateResponse), "example": EXAMPLE}},
        },
        "responses": _answers(),
        "x-codes": [*REFUSALS, *FAILURES, ErrorCode.UNSUPPORTED_PARAMETER, ErrorCode.MEDIA_NOT_FOUND],
    }


def _counting() -> JsonObject:
    return {
        "tags": ["responses"],
        "summary": "Count a response's input",
        "description": "The tokens with which the first turn of such a response would ask its model: the "
        "history, the instructions and the tools included. Counted by the model's own template and "
        "tokenizer where its provider offers them, else estimated; media are estimated. Nothing is made.",
        "operationId": "count_input_tokens",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(CreateResponse), "example": COUNTED_EXAMPLE}},
        },
        "responses": {
            "200": {
                "description": "The number",
                "content": {"application/json": {"schema": _ref(InputTokens)}},
            }
        },
        "x-codes": [*REFUSALS, *FAILURES, ErrorCode.UNSUPPORTED_PARAMETER, ErrorCode.MEDIA_NOT_FOUND],
    }


def _reading() -> JsonObject:
    return {
        "tags": ["responses"],
        "summary": "Read a response",
        "description": "As it is now; while it has not ended, `openai-poll-after-ms` says when to ask again. "
        "With `stream`, its events, from any server, while it is made and for an hour after; it must have "
        "been asked for as a stream.",
        "operationId": "get_response",
        "parameters": [
            _parameter("response_id", "path", RESPONSE_ID, "Its id"),
            _parameter("stream", "query", {"type": "boolean", "default": False}, "Its events are wanted"),
            _parameter(
                CURSOR,
                "query",
                {"type": "integer", "minimum": 0},
                "The `sequence_number` of the last event that was read; without it, all events are given",
            ),
            _parameter(
                "include",
                "query",
                {"type": "array", "items": {"type": "string", "enum": list(get_args(Included))}},
                "What is shown of items only if asked for",
            ),
            on_disconnect("detach: leaving a resumed stream stops nothing"),
        ],
        "responses": _answers(),
        "x-codes": [ErrorCode.STREAM_LOST, ErrorCode.SERVER_DRAINING, ErrorCode.DEADLINE_EXCEEDED],
    }


def _answers() -> JsonObject:
    return {
        "200": {
            "description": "The response, or its events",
            "content": {
                "application/json": {"schema": _ref(ResponseShape)},
                "text/event-stream": {
                    "schema": {"type": "string", "description": "Each `data:` is one event, with its type"},
                    "example": STREAM_EXAMPLE,
                },
            },
        },
    }


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
