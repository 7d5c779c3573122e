"""The one error shape, and every code that the product itself gives.

ApiError is raised below a route or a handler; the edge answers with it, a worker sends it as a frame:

    {"error": {"type", "code", "message", "param", "request_id"}}
"""

from enum import StrEnum
from typing import Self

from contracts.base import Message


class ErrorType(StrEnum):
    """The `type` of an error; each belongs to a family of HTTP statuses."""

    INVALID_REQUEST = "invalid_request_error"
    AUTH = "auth_error"
    PERMISSION = "permission_error"
    NOT_FOUND = "not_found_error"
    RATE_LIMIT = "rate_limit_error"
    INTERNAL = "internal_error"


class ErrorCode(StrEnum):
    """The `code` of an error of the product's own. Providers' codes pass through beside these."""

    INVALID_JSON = "invalid_json"
    INVALID_VALUE = "invalid_value"
    INVALID_TYPE = "invalid_type"
    MISSING_PARAMETER = "missing_required_parameter"
    UNSUPPORTED_PARAMETER = "unsupported_parameter"
    TOO_DEEP = "json_too_deep"
    BODY_TOO_LARGE = "body_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    IDEMPOTENCY_KEY_IN_PROGRESS = "idempotency_key_in_progress"
    MISSING_CREDENTIALS = "missing_credentials"
    INVALID_TOKEN = "invalid_token"  # noqa: S105  a code, not a token
    INVALID_API_KEY = "invalid_api_key"
    AMBIGUOUS_CREDENTIALS = "ambiguous_credentials"
    LOGIN_FAILED = "login_failed"
    PERMISSION_DENIED = "permission_denied"
    CONFLICT = "conflict"
    URI_TOO_LONG = "uri_too_long"
    HEADERS_TOO_LARGE = "headers_too_large"
    BUDGET_EXCEEDED = "insufficient_quota"
    NOT_FOUND = "not_found"
    MODEL_NOT_FOUND = "model_not_found"
    MEDIA_NOT_FOUND = "media_not_found"
    ADDRESS_REFUSED = "address_refused"
    STORAGE_QUOTA_EXCEEDED = "storage_quota_exceeded"
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable"
    RATE_LIMITED = "rate_limit_exceeded"
    INTERNAL = "internal_error"
    PROVIDER_UNREACHABLE = "provider_unreachable"
    PROVIDER_TIMEOUT = "provider_timeout"
    PROVIDER_ERROR = "provider_error"
    PROVIDER_BAD_ANSWER = "provider_bad_answer"
    PROVIDER_STREAM_CUT = "provider_stream_cut"
    PROVIDER_RATE_LIMITED = "provider_rate_limited"
    WORKER_LOST = "worker_lost"
    STREAM_LOST = "stream_lost"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    CANCELLED = "cancelled"
    OVERLOADED = "overloaded"
    SERVER_DRAINING = "server_draining"
    DEPENDENCY_DOWN = "dependency_down"


_T, _C = ErrorType, ErrorCode
CATALOGUE: dict[ErrorCode, tuple[ErrorType, int]] = {
    _C.INVALID_JSON: (_T.INVALID_REQUEST, 400),
    _C.INVALID_VALUE: (_T.INVALID_REQUEST, 400),
    _C.INVALID_TYPE: (_T.INVALID_REQUEST, 400),
    _C.MISSING_PARAMETER: (_T.INVALID_REQUEST, 400),
    _C.UNSUPPORTED_PARAMETER: (_T.INVALID_REQUEST, 400),
    _C.TOO_DEEP: (_T.INVALID_REQUEST, 400),
    _C.BODY_TOO_LARGE: (_T.INVALID_REQUEST, 413),
    _C.UNSUPPORTED_MEDIA_TYPE: (_T.INVALID_REQUEST, 415),
    _C.METHOD_NOT_ALLOWED: (_T.INVALID_REQUEST, 405),
    _C.IDEMPOTENCY_KEY_REUSED: (_T.INVALID_REQUEST, 422),
    _C.IDEMPOTENCY_KEY_IN_PROGRESS: (_T.INVALID_REQUEST, 409),
    _C.MISSING_CREDENTIALS: (_T.AUTH, 401),
    _C.INVALID_TOKEN: (_T.AUTH, 401),
    _C.INVALID_API_KEY: (_T.AUTH, 401),
    _C.AMBIGUOUS_CREDENTIALS: (_T.AUTH, 401),
    _C.LOGIN_FAILED: (_T.INVALID_REQUEST, 400),
    _C.PERMISSION_DENIED: (_T.PERMISSION, 403),
    _C.CONFLICT: (_T.INVALID_REQUEST, 409),
    _C.URI_TOO_LONG: (_T.INVALID_REQUEST, 414),
    _C.HEADERS_TOO_LARGE: (_T.INVALID_REQUEST, 431),
    _C.BUDGET_EXCEEDED: (_T.RATE_LIMIT, 429),
    _C.NOT_FOUND: (_T.NOT_FOUND, 404),
    _C.MODEL_NOT_FOUND: (_T.NOT_FOUND, 404),
    _C.MEDIA_NOT_FOUND: (_T.NOT_FOUND, 404),
    _C.ADDRESS_REFUSED: (_T.INVALID_REQUEST, 400),
    _C.STORAGE_QUOTA_EXCEEDED: (_T.INVALID_REQUEST, 413),
    _C.RANGE_NOT_SATISFIABLE: (_T.INVALID_REQUEST, 416),
    _C.RATE_LIMITED: (_T.RATE_LIMIT, 429),
    _C.INTERNAL: (_T.INTERNAL, 500),
    _C.PROVIDER_UNREACHABLE: (_T.INTERNAL, 502),
    _C.PROVIDER_TIMEOUT: (_T.INTERNAL, 504),
    _C.PROVIDER_ERROR: (_T.INTERNAL, 502),
    _C.PROVIDER_BAD_ANSWER: (_T.INTERNAL, 502),
    _C.PROVIDER_STREAM_CUT: (_T.INTERNAL, 502),
    _C.PROVIDER_RATE_LIMITED: (_T.RATE_LIMIT, 429),
    _C.WORKER_LOST: (_T.INTERNAL, 500),
    _C.STREAM_LOST: (_T.INTERNAL, 503),
    _C.DEADLINE_EXCEEDED: (_T.INTERNAL, 504),
    _C.ATTEMPTS_EXHAUSTED: (_T.INTERNAL, 500),
    _C.CANCELLED: (_T.INVALID_REQUEST, 409),
    _C.OVERLOADED: (_T.INTERNAL, 503),
    _C.SERVER_DRAINING: (_T.INTERNAL, 503),
    _C.DEPENDENCY_DOWN: (_T.INTERNAL, 503),
}


class ErrorDetail(Message):
    """An error as it travels in frames and events: the public fields, and how HTTP would say it."""

    type: ErrorType
    code: str | None
    message: str
    param: str | None = None
    status: int
    retry_after: float | None = None
    """Seconds after which a retry may succeed, at most 120."""

    def public(self, request_id: str | None) -> dict[str, object]:
        """The body that a client sees, with all five keys."""
        return {
            "error": {
                "type": self.type.value,
                "code": self.code,
                "message": self.message,
                "param": self.param,
                "request_id": request_id,
            }
        }


class ApiError(Exception):
    """A failure with a code from the catalogue and one sentence for the caller."""

    def __init__(
        self, code: ErrorCode, message: str, *, param: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        kind, status = CATALOGUE[code]
        self.detail = ErrorDetail(
            type=kind, code=code.value, message=message, param=param, status=status, retry_after=retry_after
        )

    @classmethod
    def of(cls, detail: ErrorDetail) -> Self:
        """The exception for an error that already has its public form, such as one read from a frame."""
        error = cls.__new__(cls)
        Exception.__init__(error, detail.message)
        error.detail = detail
        return error
