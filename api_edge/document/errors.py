"""Each error of the product as an example in OpenAPI, and how a status is described."""

from collections.abc import Iterable
from typing import Any

from contracts.errors import CATALOGUE, ApiError, ErrorCode

JsonObject = dict[str, Any]  # a part of an OpenAPI document

REQUEST_ID = "req_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"
SCHEMA: JsonObject = {"$ref": "#/components/schemas/ErrorAnswer"}
_C = ErrorCode
MESSAGES: dict[ErrorCode, tuple[str, str | None]] = {
    _C.INVALID_JSON: ("The body is not valid JSON: EOF while parsing an object at line 1 column 9", None),
    _C.INVALID_VALUE: ("limit must be a whole number from 1 to 100", "limit"),
    _C.INVALID_TYPE: ("messages[0].role: Input should be a valid string", "messages[0].role"),
    _C.MISSING_PARAMETER: ("model is required", "model"),
    _C.UNSUPPORTED_PARAMETER: ("best_of is not offered by this version", "best_of"),
    _C.TOO_DEEP: ("The body may be nested at most 64 levels deep", None),
    _C.BODY_TOO_LARGE: ("The body may hold at most 8388608 bytes", None),
    _C.UNSUPPORTED_MEDIA_TYPE: ("Content-Type must be application/json", None),
    _C.METHOD_NOT_ALLOWED: ("DELETE is not allowed on /v1/models", None),
    _C.IDEMPOTENCY_KEY_REUSED: (
        "This Idempotency-Key was used for another request; send a new key, or the same body again",
        "Idempotency-Key",
    ),
    _C.IDEMPOTENCY_KEY_IN_PROGRESS: (
        "The first request with this Idempotency-Key is still being worked on; ask again",
        "Idempotency-Key",
    ),
    _C.MISSING_CREDENTIALS: ("Send an access token or an API key in Authorization: Bearer", None),
    _C.INVALID_TOKEN: ("The access token is not valid or has expired", None),
    _C.INVALID_API_KEY: ("The API key is not known, has expired, or was revoked", None),
    _C.AMBIGUOUS_CREDENTIALS: ("Send one credential, in one header", None),
    _C.LOGIN_FAILED: ("The login could not be completed; begin again at /auth/login", None),
    _C.PERMISSION_DENIED: ("This needs the role admin", None),
    _C.CONFLICT: ("The name is taken", "username"),
    _C.URI_TOO_LONG: ("The request's target may hold at most 8192 bytes", None),
    _C.HEADERS_TOO_LARGE: ("The request's headers may hold at most 32768 bytes", None),
    _C.BUDGET_EXCEEDED: ("The budget of this month is used up", None),
    _C.NOT_FOUND: ("There is nothing of this name", None),
    _C.MEDIA_NOT_FOUND: ("There is no media 'jan_01kb3m5q8z7v2t4x6y8w0r1s2t'", "messages"),
    _C.ADDRESS_REFUSED: ("The address is in a network that is refused", "base_url"),
    _C.STORAGE_QUOTA_EXCEEDED: ("Your media would take more than 10,737,418,240 bytes; delete some", None),
    _C.RANGE_NOT_SATISFIABLE: ("The file has 48,213 bytes", "Range"),
    _C.MODEL_NOT_FOUND: ("The model 'gpt-9' does not exist; GET /v1/models lists those that do", "model"),
    _C.RATE_LIMITED: ("Too many requests; ask again in 6 seconds", None),
    _C.INTERNAL: ("The server failed; see its log", None),
    _C.PROVIDER_UNREACHABLE: ("The provider can't be reached", None),
    _C.PROVIDER_TIMEOUT: ("The provider did not answer in time", None),
    _C.PROVIDER_ERROR: ("The provider answered with status 500", None),
    _C.PROVIDER_BAD_ANSWER: ("The provider's answer is not what it should be", None),
    _C.PROVIDER_STREAM_CUT: ("The provider ended its stream too early", None),
    _C.PROVIDER_RATE_LIMITED: ("The provider limits this server's requests", None),
    _C.WORKER_LOST: ("The worker of this job was lost", None),
    _C.STREAM_LOST: ("The answer was lost on its way; ask again", None),
    _C.DEADLINE_EXCEEDED: ("The job did not end before its deadline", None),
    _C.ATTEMPTS_EXHAUSTED: ("The job failed as often as it may", None),
    _C.CANCELLED: ("The job was cancelled", None),
    _C.OVERLOADED: ("The server is busy; ask again in 5 seconds", None),
    _C.SERVER_DRAINING: ("The server is about to stop; ask again", None),
    _C.DEPENDENCY_DOWN: ("The database does not answer", None),
}
"""What each code may say, and the field that it may name."""
DESCRIPTIONS = {
    400: "The request is at fault; the error names the field and what is allowed",
    401: "No credential was sent, or it is not good",
    403: "The caller may not do this",
    404: "It does not exist, or is another tenant's",
    405: "The path does not take this method, or not so",
    409: "It is in conflict with what is there now",
    413: "The body is too large",
    414: "The request's target is too long",
    415: "The body is not JSON, or the file is none that is taken in",
    416: "The range begins behind the end of the file",
    422: "The Idempotency-Key was used for another request",
    429: "Too much was asked for; Retry-After says when to ask again",
    431: "The request's headers are too large",
    500: "The server failed",
    502: "The provider failed, and is not made up for",
    503: "The server is overloaded, or something that it needs is down; Retry-After says when to ask again",
    504: "It was not done in time",
}
"""Each status that the product answers a failure with."""
USUAL = {
    400: ErrorCode.INVALID_VALUE,
    401: ErrorCode.INVALID_TOKEN,
    403: ErrorCode.PERMISSION_DENIED,
    404: ErrorCode.NOT_FOUND,
    409: ErrorCode.CONFLICT,
    413: ErrorCode.BODY_TOO_LARGE,
    415: ErrorCode.UNSUPPORTED_MEDIA_TYPE,
    416: ErrorCode.RANGE_NOT_SATISFIABLE,
    422: ErrorCode.IDEMPOTENCY_KEY_REUSED,
    429: ErrorCode.RATE_LIMITED,
    500: ErrorCode.INTERNAL,
    502: ErrorCode.PROVIDER_ERROR,
    503: ErrorCode.DEPENDENCY_DOWN,
    504: ErrorCode.DEADLINE_EXCEEDED,
}
"""The code that a route means which says a status and no more."""


def error_examples() -> JsonObject:
    """The examples of all codes, for `components`."""
    return {code.value: {"value": _example(code)} for code in CATALOGUE}


def error_answer(codes: Iterable[ErrorCode], description: str | None, headers: JsonObject) -> JsonObject:
    """A response that is one of these errors, all of one status."""
    sorted_codes = sorted(set(codes))
    examples = {code.value: {"$ref": f"#/components/examples/{code.value}"} for code in sorted_codes}
    return {
        "description": description or DESCRIPTIONS[status_of(sorted_codes[0])],
        "headers": headers,
        "content": {"application/json": {"schema": SCHEMA, "examples": examples}},
    }


def status_of(code: ErrorCode) -> int:
    """The status of a code."""
    return CATALOGUE[code][1]


def _example(code: ErrorCode) -> JsonObject:
    message, param = MESSAGES[code]
    return ApiError(code, message, param=param).detail.public(REQUEST_ID)
