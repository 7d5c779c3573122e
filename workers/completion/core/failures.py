"""What a provider says of its own failure, as the error that our caller gets.

    400, 404, 413, 422   the request's fault     the provider's message, code, param and status (422 as 400)
    501                  it does not do that     the same, as 400
    429                  too many requests       provider_rate_limited, with its Retry-After
    401, 402, 403        our key or our credit   provider_error, without the reason, which is ours to know
    everything else      the provider's fault    provider_error, with its message

A provider's words are kept, but for keys, organisations and private addresses. Which of them may pass,
`passing` tells.
"""

import re
from http import HTTPStatus

from contracts.errors import ApiError, ErrorCode, ErrorDetail, ErrorType
from workers.completion.core.jsontext import JsonObject, read_object
from workers.completion.core.passing import RETRYABLE, USED_UP, may_pass

MAX_RETRY_AFTER = 120.0
"""Seconds; the official SDKs do not wait longer."""
MAX_MESSAGE = 2_000
MAX_NAME = 200
REDACTED = "[redacted]"

_ASKERS_FAULT = {400: 400, 404: 404, 413: 413, 422: 400, 501: 400}
_FAILURES = range(400, 600)
_OUR_ACCOUNT = frozenset({401, 402, 403})
_STATUS_OF_NAME = {
    "authentication_error": 401,
    "autherror": 401,
    "authenticationerror": 401,
    "invalid_api_key": 401,
    "insufficient_quota": 429,
    "permission_error": 403,
    "permissiondeniederror": 403,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "ratelimiterror": 429,
    "not_found_error": 404,
    "notfounderror": 404,
    "model_not_found": 404,
    "invalid_request_error": 400,
    "badrequesterror": 400,
    "context_length_exceeded": 400,
    "exceed_context_size_error": 400,
    "unprocessableentityerror": 400,
    "request_too_large": 413,
    "billing_error": 402,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_PRIVATE = re.compile(
    r"""
    \bBearer\s+[^\s"',;:]+
    | \b(?:sk|pk|gsk|xai|hf|org|proj)[-_](?=[\w*.-]*[\d*])[\w*.-]{8,}
    | (?:\b[a-z][a-z0-9+.-]*://)?
      (?: \blocalhost\b | \[::1\]
        | \b(?:127|10)(?:\.\d{1,3}){3}\b
        | \b(?:192\.168|169\.254|172\.(?:1[6-9]|2\d|3[01]))(?:\.\d{1,3}){2}\b
        | \b[a-z0-9][a-z0-9.-]*\.(?:internal|local|lan|svc|cluster)\b
        | (?<=://)[a-z0-9-]+(?=[:/\s]|$)
      )
      (?: :\d{1,5} )? (?: /(?:[^\s"'<>)]*[^\s"'<>).,;:])? )?
    """,
    re.VERBOSE | re.IGNORECASE,
)


def refusal(status: int, body: bytes, *, wait: float | None = None) -> ApiError:
    """The error behind an answer whose status is not 200. `body` may be anything, `wait` is in seconds."""
    said = _said_by(body)
    return _classed(_refused(status, said, wait), status, said, wait)


def told_error(error: object) -> ApiError:
    """The error that a provider told inside an answer that had begun well: the value of its `error`."""
    said = error if isinstance(error, dict) else {"message": error}
    status = _status_of(said)
    return _classed(_told(status, said), status, said, None)


def read_said(data: bytes) -> JsonObject:
    """The object that a provider sent. Raises ApiError when it is an error, or no JSON object."""
    try:
        said = read_object(data)
    except ValueError as error:
        raise bad_answer("The provider sent what is not a JSON object.") from error
    if said.get("error"):
        raise told_error(said["error"])
    if said.get("object") == "error":
        raise told_error(said)
    return said


def bad_answer(message: str) -> ApiError:
    """The error for an answer that is not what the wire promises."""
    return ApiError(ErrorCode.PROVIDER_BAD_ANSWER, message)


def scrubbed(text: str, secrets: tuple[str, ...] = ()) -> str:
    """A provider's words without keys, organisations and private addresses, nor the secrets given."""
    for secret in secrets:
        text = text.replace(secret, REDACTED)
    return _PRIVATE.sub(REDACTED, text)


def _classed(error: ApiError, status: int, said: JsonObject, wait: float | None) -> ApiError:
    passes = status in RETRYABLE and USED_UP not in (said.get("code"), said.get("type"))
    return may_pass(error, wait) if passes else error


def _refused(status: int, said: JsonObject, wait: float | None) -> ApiError:
    message = _message_of(said)
    told = None if wait is None else min(wait, MAX_RETRY_AFTER)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _limited(message, told)
    if message and _is_askers_fault(status, said):
        return _askers_fault(_ASKERS_FAULT[status], message, said)
    if status in _OUR_ACCOUNT:
        return _our_account(status)
    reason = f": {message}" if message else "."
    sentence = f"The provider answered with status {status}{reason}"
    return ApiError(ErrorCode.PROVIDER_ERROR, sentence, retry_after=told)


def _told(status: int, said: JsonObject) -> ApiError:
    message = _message_of(said)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _limited(message, None)
    if status in _OUR_ACCOUNT:
        return _our_account(status)
    if message and _is_askers_fault(status, said):
        return _askers_fault(_ASKERS_FAULT[status], message, said)
    failure = ApiError(
        ErrorCode.PROVIDER_ERROR, message or "The provider reported an error without a reason."
    )
    code = _name_of(said, "code")
    return ApiError.of(failure.detail.model_copy(update={"code": code})) if code else failure


def _said_by(body: bytes) -> JsonObject:
    """What a body says of an error, in OpenAI's shape, as one text, or flat as vLLM and FastAPI do."""
    try:
        answer = read_object(body)
    except ValueError:
        return {}
    error = answer.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str):
        return {"message": error}
    return answer if "message" in answer else {"message": answer.get("detail")}


def _message_of(said: JsonObject) -> str | None:
    message = said.get("message")
    if not message:
        return None
    text = message if isinstance(message, str) else str(message)
    return scrubbed(text[:MAX_MESSAGE])


def _name_of(said: JsonObject, field: str) -> str | None:
    """A code or a param that is a name; some providers put the HTTP status into `code`."""
    value = said.get(field)
    if not isinstance(value, str) or value.isdigit():
        return None
    return scrubbed(value[:MAX_NAME]) or None


def _status_of(said: JsonObject) -> int:
    """The HTTP status that an error names by number, by code or by type; 502 when by none."""
    for field in ("status", "status_code", "code"):
        value = said.get(field)
        number = int(value) if isinstance(value, str) and value.isdecimal() else value
        if isinstance(number, int) and number in _FAILURES:
            return number
    for field in ("code", "type"):
        status = _STATUS_OF_NAME.get(str(said.get(field)).lower())
        if status:
            return status
    return 502


def _is_askers_fault(status: int, said: JsonObject) -> bool:
    """Whether the request is at fault. A bare 404 is a wrong path, so our own configuration's."""
    return status in _ASKERS_FAULT and (
        status != HTTPStatus.NOT_FOUND or bool(said.get("type") or said.get("code"))
    )


def _askers_fault(status: int, message: str, said: JsonObject) -> ApiError:
    kind = ErrorType.NOT_FOUND if status == HTTPStatus.NOT_FOUND else ErrorType.INVALID_REQUEST
    code, param = _name_of(said, "code"), _name_of(said, "param")
    return ApiError.of(ErrorDetail(type=kind, code=code, message=message, param=param, status=status))


def _limited(message: str | None, wait: float | None) -> ApiError:
    sentence = message or "The provider is limiting its requests."
    return ApiError(ErrorCode.PROVIDER_RATE_LIMITED, sentence, retry_after=wait)


def _our_account(status: int) -> ApiError:
    sentence = f"The provider refused this server's own credentials or account (status {status})."
    return ApiError(ErrorCode.PROVIDER_ERROR, sentence)
