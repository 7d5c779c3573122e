"""What OpenAPI says of the Idempotency-Key: on every POST that has a caller."""

from typing import Any

from api_edge.idempotency.key import NAME
from infra.store.idempotency import KEY_LENGTH

JsonObject = dict[str, Any]  # an OpenAPI document

PARAMETER: JsonObject = {
    "name": NAME,
    "in": "header",
    "required": False,
    "description": "The same key with the same body is the same request: it is done once, and answered again "
    "with `Idempotency-Replayed: true`; a job that still runs is followed from its first frame. With another "
    "body: 422. A key is good for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH, "pattern": "^[ -~]+$"},
}


def add_keys(document: JsonObject) -> JsonObject:
    """The document with the header in it."""
    for path in document["paths"].values():
        operation = path.get("post")
        if operation is not None and operation.get("security"):
            operation["parameters"] = [*operation.get("parameters", ()), PARAMETER]
    return document
