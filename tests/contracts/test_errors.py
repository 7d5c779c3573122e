"""Every code has its type and status, and every error its five public keys."""

import pytest

from contracts.errors import CATALOGUE, ApiError, ErrorCode, ErrorDetail, ErrorType

STATUSES = {
    ErrorType.INVALID_REQUEST: {400, 405, 409, 413, 414, 415, 416, 422, 431},
    ErrorType.AUTH: {401},
    ErrorType.PERMISSION: {403},
    ErrorType.NOT_FOUND: {404},
    ErrorType.RATE_LIMIT: {429},
    ErrorType.INTERNAL: {500, 502, 503, 504},
}


@pytest.mark.parametrize("code", ErrorCode)
def test_a_code_has_a_status_of_its_types_family(code: ErrorCode) -> None:
    kind, status = CATALOGUE[code]

    assert status in STATUSES[kind]


def test_only_a_reused_idempotency_key_answers_422() -> None:
    assert [code for code, (_, status) in CATALOGUE.items() if status == 422] == [
        ErrorCode.IDEMPOTENCY_KEY_REUSED
    ]


def test_an_error_says_how_http_would_say_it() -> None:
    error = ApiError(ErrorCode.RATE_LIMITED, "Slower, please", param="model", retry_after=2.5)

    assert str(error) == "Slower, please"
    assert error.detail == ErrorDetail(
        type=ErrorType.RATE_LIMIT,
        code="rate_limit_exceeded",
        message="Slower, please",
        param="model",
        status=429,
        retry_after=2.5,
    )


def test_the_public_body_has_all_five_keys_and_no_other() -> None:
    body = ApiError(ErrorCode.NOT_FOUND, "No such thing").detail.public(None)

    assert body == {
        "error": {
            "type": "not_found_error",
            "code": "not_found",
            "message": "No such thing",
            "param": None,
            "request_id": None,
        }
    }


def test_an_error_that_travelled_as_a_frame_is_raised_as_it_was() -> None:
    sent = ApiError(ErrorCode.PROVIDER_TIMEOUT, "No first token within 120 s").detail
    read = ErrorDetail.model_validate_json(sent.model_dump_json())

    error = ApiError.of(read)

    assert error.detail == sent
    assert str(error) == "No first token within 120 s"


def test_a_code_of_a_providers_own_passes_through() -> None:
    text = '{"type":"invalid_request_error","code":"content_filter","message":"No","status":400}'

    assert ErrorDetail.model_validate_json(text).code == "content_filter"
