"""One pass over FastAPI's document: every operation gets what the rules say of it."""

from collections.abc import Iterator
from http import HTTPMethod
from typing import Any

from pydantic.json_schema import models_json_schema

from api_edge.document.errors import USUAL, error_answer, error_examples
from api_edge.document.headers import HEADERS, PARAMETERS, header_refs
from api_edge.document.rules import CODES, Operation
from api_edge.middleware.envelope import JSON, MEDIA_TYPE
from contracts.wire.errors import ErrorAnswer
from contracts.wire.jobs import Meta

JsonObject = dict[str, Any]  # an OpenAPI document

SCHEMA = "#/components/schemas/"
SECURITY: JsonObject = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token, as /auth/guest-login gives one, or an API key `sk_live_...`",
    },
    "api_key": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "An API key `sk_live_...`",
    },
}
TAGS = {
    "auth": "Who you are: guests, logins, sessions, API keys",
    "users": "What you see and set of your own",
    "chat": "Chat completions, as OpenAI has them",
    "responses": "Models that call tools, as OpenAI's Responses API has them",
    "models": "What can be asked for",
    "conversations": "Conversations: their items, branches and shares, as OpenAI has them and more",
    "projects": "Conversations under one instruction",
    "embeddings": "Texts as vectors",
    "media": "Images: sent, stored once, linked to and used in chats",
    "mcp": "Tools, by the Model Context Protocol and in plain JSON",
    "webhooks": "Being told when something ends (standardwebhooks.com)",
    "jobs": "Where your work stands, and how to stop it",
    "admin": "For the role admin",
    "operations": "For probes and operators",
}
"""Every tag, in the order in which the page shows them."""
METHODS = frozenset(method.lower() for method in HTTPMethod)
_FRAMEWORKS_OWN = ("HTTPValidationError", "ValidationError")
_FIRST_ERROR = 400


def describe(document: JsonObject) -> JsonObject:
    """The document with security, errors, headers and examples in it, in a stable order."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in _FRAMEWORKS_OWN:
        schemas.pop(name, None)
    _, own = models_json_schema(
        [(ErrorAnswer, "serialization"), (Meta, "serialization")], ref_template=SCHEMA + "{model}"
    )
    schemas |= own["$defs"]
    for operation in operations(document):
        _describe(operation, schemas)
    components["schemas"] = dict(sorted(schemas.items()))
    components["securitySchemes"] = SECURITY
    components["headers"] = HEADERS
    components["examples"] = error_examples()
    document["paths"] = dict(sorted(document["paths"].items()))
    document["tags"] = [{"name": name, "description": about} for name, about in TAGS.items()]
    return document


def operations(document: JsonObject) -> Iterator[Operation]:
    """Each method of each path."""
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            if method in METHODS:
                yield Operation(path, method, said)


def _describe(operation: Operation, schemas: JsonObject) -> None:
    said = operation.said
    said["security"] = operation.security()
    said["parameters"] = [*said.get("parameters", ()), *(PARAMETERS[name] for name in operation.parameters())]
    _show_example(said.get("requestBody", {}), schemas)
    responses = said["responses"] = {
        status: answer for status, answer in said["responses"].items() if not _is_frameworks_own(answer)
    }
    for status, answer in responses.items():
        answer["headers"] = answer.get("headers", {}) | header_refs(*operation.headers(int(status)))
        if int(status) < _FIRST_ERROR:
            _show_example(answer, schemas)
            _offer_envelope(answer)
    _add_errors(operation, responses)
    said["responses"] = dict(sorted(responses.items()))
    said.pop(CODES, None)


def _add_errors(operation: Operation, responses: JsonObject) -> None:
    """What the route says itself comes first: its own words, or another shape."""
    found = operation.codes()
    declared = [int(status) for status, answer in responses.items() if _is_error(answer)]
    for status in {*found, *declared}:
        given = responses.get(str(status))
        if given is None or _is_error(given):
            description = None if given is None else given["description"]
            headers = header_refs(*operation.headers(status))
            codes = found.get(status) or [USUAL[status]]
            responses[str(status)] = error_answer(codes, description, headers)


def _offer_envelope(answer: JsonObject) -> None:
    """Beside plain JSON, what is answered to who asks for the envelope."""
    content = answer.get("content", {})
    if JSON not in content:
        return
    schema = content[JSON].get("schema", {})
    if not str(schema.get("$ref", "")).startswith(SCHEMA + "Enveloped"):
        properties = {"data": schema, "meta": {"$ref": SCHEMA + "Meta"}}
        schema = {"type": "object", "required": ["data", "meta"], "properties": properties}
    content[MEDIA_TYPE] = {"schema": schema}


def _show_example(holder: JsonObject, schemas: JsonObject) -> None:
    """Give a JSON body the example that its model has."""
    content = holder.get("content", {}).get(JSON)
    if content is None or "example" in content or "examples" in content:
        return
    found = _example_of(content.get("schema", {}), schemas)
    if found is not None:
        content["example"] = found


def _example_of(schema: JsonObject, schemas: JsonObject) -> object:
    """A schema's own example, or that of the first alternative which has one."""
    name = str(schema.get("$ref", "")).removeprefix(SCHEMA)
    named = schemas.get(name, schema)
    given = [named["example"]] if "example" in named else named.get("examples", [])
    alternatives = [_example_of(one, schemas) for one in named.get("anyOf", ())]
    return next((one for one in [*given, *alternatives] if one is not None), None)


def _is_error(answer: JsonObject) -> bool:
    schema = answer.get("content", {}).get(JSON, {}).get("schema", {})
    return bool(schema == {"$ref": SCHEMA + ErrorAnswer.__name__})


def _is_frameworks_own(answer: JsonObject) -> bool:
    schema = answer.get("content", {}).get(JSON, {}).get("schema", {})
    return bool(schema == {"$ref": SCHEMA + _FRAMEWORKS_OWN[0]})
