"""What can be said of an operation by its path, its method and its body: who may ask, what can go wrong."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from api_edge.document.errors import status_of
from api_edge.document.headers import (
    AUTH_METHOD,
    AUTHENTICATE,
    JOB_ID,
    PROCESSING,
    REPLAYED,
    REQUEST_ID,
    RETRY_AFTER,
    SHOULD_RETRY,
    TRACEPARENT,
)
from api_edge.idempotency.answers import WITH_SECRETS
from api_edge.idempotency.key import NAME as IDEMPOTENCY_KEY
from api_edge.limits.headers import NAMES as LIMITS
from api_edge.middleware.guests import PUBLIC
from api_edge.middleware.identity import ADMIN, is_public
from contracts.errors import ErrorCode

JsonObject = dict[str, Any]  # a part of an OpenAPI document

CODES = "x-codes"
"""In a route's `openapi_extra`: codes that the rules cannot know of. It is not in the document."""
BY_ITSELF = frozenset({"/healthz", "/readyz", "/metrics", "/v1/version"})
"""Answered by the process alone."""
WITH_OR_WITHOUT = frozenset({"/auth/login", "/auth/logout"})
"""Public, and a credential that is sent counts."""
READING = frozenset({"get", "head", "options"})
CREDENTIALS: list[dict[str, list[str]]] = [{"bearer": []}, {"api_key": []}]
_C = ErrorCode
_ALWAYS = (_C.INVALID_VALUE, _C.URI_TOO_LONG, _C.HEADERS_TOO_LARGE, _C.INTERNAL)
_OF_CREDENTIALS = (_C.MISSING_CREDENTIALS, _C.INVALID_TOKEN, _C.INVALID_API_KEY, _C.AMBIGUOUS_CREDENTIALS)
_OF_BODIES = (
    *(_C.INVALID_JSON, _C.INVALID_TYPE, _C.MISSING_PARAMETER, _C.TOO_DEEP),
    *(_C.BODY_TOO_LARGE, _C.UNSUPPORTED_MEDIA_TYPE),
)
_OF_KEYS = (
    *(_C.IDEMPOTENCY_KEY_IN_PROGRESS, _C.IDEMPOTENCY_KEY_REUSED),
    *(_C.NOT_FOUND, _C.DEADLINE_EXCEEDED),
)


@dataclass(frozen=True)
class Operation:
    """One method of one path, as the document has it."""

    path: str
    method: str
    said: JsonObject

    @property
    def is_guarded(self) -> bool:
        """Whether it needs a caller."""
        return not is_public(self.path)

    @property
    def is_keyed(self) -> bool:
        """Whether an Idempotency-Key counts."""
        return self.is_guarded and self.method == "post" and not self.path.startswith(WITH_SECRETS)

    @property
    def is_limited(self) -> bool:
        """Whether there may be too much of it."""
        return self.is_guarded or self.path.startswith((*WITH_SECRETS, PUBLIC))

    @property
    def makes_jobs(self) -> bool:
        """Whether its answer comes from a worker."""
        return ErrorCode.WORKER_LOST in self.said.get(CODES, ())

    def security(self) -> list[dict[str, list[str]]]:
        """Which credentials it takes; none where it is public."""
        if self.is_guarded:
            return CREDENTIALS
        return [{}, *CREDENTIALS] if self.path in WITH_OR_WITHOUT else []

    def codes(self) -> dict[int, list[ErrorCode]]:
        """The errors that it can answer with, by their status."""
        found: dict[int, list[ErrorCode]] = defaultdict(list)
        for code in self._codes():
            found[status_of(code)].append(code)
        return found

    def parameters(self) -> Iterator[str]:
        """The headers that any such request may carry."""
        if self.is_keyed:
            yield IDEMPOTENCY_KEY
        yield from (REQUEST_ID, TRACEPARENT)

    def headers(self, status: int) -> Iterator[str]:
        """The headers that an answer of this status carries."""
        yield from (REQUEST_ID, PROCESSING)
        if self.is_guarded and status != HTTPStatus.UNAUTHORIZED:
            yield AUTH_METHOD
        if self.is_guarded and (status < HTTPStatus.BAD_REQUEST or status == HTTPStatus.TOO_MANY_REQUESTS):
            yield from LIMITS
        if status < HTTPStatus.BAD_REQUEST:
            yield from (REPLAYED,) if self.is_keyed else ()
            yield from (JOB_ID,) if self.makes_jobs else ()
        yield from _OF_STATUS.get(status, ())

    def _codes(self) -> Iterator[ErrorCode]:
        yield from _ALWAYS
        if self.is_guarded:
            yield from _OF_CREDENTIALS
        if self.path.startswith(ADMIN):
            yield ErrorCode.PERMISSION_DENIED
        if "{" in self.path:
            yield ErrorCode.NOT_FOUND
        if self.method not in READING or "requestBody" in self.said:
            yield from _OF_BODIES
        if self.is_keyed:
            yield from _OF_KEYS
        if self.is_limited:
            yield ErrorCode.RATE_LIMITED
        if self.path not in BY_ITSELF:
            yield ErrorCode.DEPENDENCY_DOWN
        yield from map(ErrorCode, self.said.get(CODES, ()))  # a framework passes texts


_OF_STATUS: dict[int, tuple[str, ...]] = {
    401: (AUTHENTICATE,),
    409: (RETRY_AFTER, SHOULD_RETRY),
    422: (SHOULD_RETRY,),
    429: (RETRY_AFTER, SHOULD_RETRY),
    503: (RETRY_AFTER,),
}
