"""The headers that requests may carry and answers do, as OpenAPI's components."""

from typing import Any

from api_edge.idempotency.key import NAME as IDEMPOTENCY_KEY
from api_edge.limits.headers import NAMES as LIMITS
from infra.store.idempotency import KEY_LENGTH

JsonObject = dict[str, Any]  # a part of an OpenAPI document

REQUEST_ID = "X-Request-Id"
TRACEPARENT = "traceparent"
AUTH_METHOD = "X-Auth-Method"
PROCESSING = "openai-processing-ms"
RETRY_AFTER = "Retry-After"
AUTHENTICATE = "WWW-Authenticate"
SHOULD_RETRY = "x-should-retry"
REPLAYED = "Idempotency-Replayed"
JOB_ID = "X-Job-Id"
_ID_PATTERN = "^[A-Za-z0-9._:-]{1,128}$"


def _parameter(name: str, description: str, schema: JsonObject) -> JsonObject:
    return {"name": name, "in": "header", "required": False, "description": description, "schema": schema}


def _header(description: str, kind: str = "string", *, required: bool = False, **more: object) -> JsonObject:
    return {"description": description, "required": required, "schema": {"type": kind, **more}}


def _limit(name: str) -> JsonObject:
    what = "tokens" if name.endswith("-tokens") else "requests, in chat completions"
    if "-limit" in name.removeprefix("x-ratelimit"):
        return _header(f"Where limits are on: so many {what}, a minute", "integer", examples=[60])
    if "-remaining" in name:
        return _header(f"Where limits are on: the {what}, that are left", "integer", examples=[59])
    if name.endswith("reset"):
        about = "Where limits are on: seconds until all requests are there again"
        return _header(about, "integer", examples=[1])
    return _header(f"Where limits are on: when all {what.partition(',')[0]} are there again", examples=["1s"])


PARAMETERS: JsonObject = {
    IDEMPOTENCY_KEY: _parameter(
        IDEMPOTENCY_KEY,
        "The same key with the same body is the same request: it is done once, and answered again with "
        "`Idempotency-Replayed: true`; a job that still runs is followed from its first frame. With another "
        "body: 422. A key is good for 24 hours.",
        {"type": "string", "minLength": 1, "maxLength": KEY_LENGTH, "pattern": "^[ -~]+$"},
    ),
    REQUEST_ID: _parameter(
        REQUEST_ID,
        "The name of this request, which the answer and its errors carry; one is made where none is given "
        "or it is no name.",
        {"type": "string", "pattern": _ID_PATTERN},
    ),
    TRACEPARENT: _parameter(
        TRACEPARENT,
        "The trace that this request belongs to (W3C Trace Context).",
        {"type": "string", "pattern": "^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
    ),
}
"""What a request may carry."""
HEADERS: JsonObject = {
    REQUEST_ID: _header("The name of this request", required=True, pattern=_ID_PATTERN),
    PROCESSING: _header("Milliseconds until the answer began", "integer"),
    AUTH_METHOD: _header("How the caller was known", enum=["jwt", "api_key"]),
    RETRY_AFTER: _header("Seconds to wait before asking again, at most 120", "integer", maximum=120),
    AUTHENTICATE: _header('`Bearer realm="jan"`, with `error="invalid_token"` where one was sent (RFC 6750)'),
    SHOULD_RETRY: _header("`false` where asking the same again cannot help", enum=["false"]),
    REPLAYED: _header("`true` where the request was done before, and this is its answer", enum=["true"]),
    JOB_ID: _header("The job that was made: GET /v1/jobs/{id} tells where it stands"),
    **{name: _limit(name) for name in LIMITS},
}
"""What an answer carries."""


def header_refs(*names: str) -> JsonObject:
    """These headers of an answer."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
