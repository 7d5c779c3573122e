"""Which failures somebody else may mend, and which tell of an ill endpoint."""

import json

import pytest

from contracts.errors import ApiError, ErrorCode
from workers.completion.core import (
    NotAsked,
    bad_answer,
    goes_elsewhere,
    is_illness,
    is_limit,
    may_pass,
    refusal,
    told_error,
)

WRONG = json.dumps({"error": {"message": "no", "type": "invalid_request_error", "code": "bad"}}).encode()
NO_MODEL = json.dumps(
    {"error": {"message": "no", "type": "not_found_error", "code": "model_not_found"}}
).encode()
QUOTA = json.dumps({"error": {"message": "pay", "type": "insufficient_quota"}}).encode()
CUT = may_pass(ApiError(ErrorCode.PROVIDER_STREAM_CUT, "cut"))

ASKERS = [
    refusal(400, WRONG),
    refusal(413, WRONG),
    refusal(422, WRONG),
    told_error({"message": "too long", "code": "context_length_exceeded"}),
    ApiError(ErrorCode.CANCELLED, "cancelled"),
    ApiError(ErrorCode.DEADLINE_EXCEEDED, "late"),
    ApiError(ErrorCode.DEPENDENCY_DOWN, "ours"),
]
ILL = [
    *(refusal(status, b"") for status in (401, 402, 403, 404, 408, 500, 502, 503, 504, 529)),
    told_error({"message": "fell over"}),
    bad_answer("html"),
    CUT,
    ApiError(ErrorCode.PROVIDER_UNREACHABLE, "gone"),
    ApiError(ErrorCode.PROVIDER_TIMEOUT, "silent"),
]
LIMITS = [refusal(429, b"", wait=3.0), refusal(429, QUOTA), told_error({"message": "slow down", "code": 429})]
NOT_THERE = [refusal(404, NO_MODEL)]
REFUSED_TO_GO_ON = [ApiError(ErrorCode.WORKER_LOST, "lost")]


def named(errors: list[ApiError]) -> list[tuple[str | None, int]]:
    return [(error.detail.code, error.detail.status) for error in errors]


@pytest.mark.parametrize("error", ASKERS, ids=str)
def test_what_is_nobodys_fault_but_ours_or_the_askers_goes_nowhere(error: ApiError) -> None:
    assert (goes_elsewhere(error), is_illness(error), is_limit(error)) == (False, False, False)


def test_what_an_endpoint_fails_at_goes_elsewhere_and_tells_of_its_illness() -> None:
    assert named([error for error in ILL if not (goes_elsewhere(error) and is_illness(error))]) == []


def test_limits_go_elsewhere_and_are_no_illness() -> None:
    assert [(goes_elsewhere(one), is_illness(one), is_limit(one)) for one in LIMITS] == [
        (True, False, True)
    ] * len(LIMITS)


@pytest.mark.parametrize("error", [*NOT_THERE, *REFUSED_TO_GO_ON], ids=str)
def test_who_lacks_a_model_or_cannot_go_on_is_well(error: ApiError) -> None:
    assert (goes_elsewhere(error), is_illness(error), is_limit(error)) == (True, False, False)


@pytest.mark.parametrize(
    ("code", "goes"),
    [
        (ErrorCode.BODY_TOO_LARGE, True),
        (ErrorCode.MEDIA_NOT_FOUND, False),
        (ErrorCode.DEPENDENCY_DOWN, False),
    ],
)
def test_who_was_not_asked_is_well(code: ErrorCode, goes: bool) -> None:  # noqa: FBT001  a parameter of cases
    error = NotAsked(code, "ours")

    assert (goes_elsewhere(error), is_illness(error), is_limit(error)) == (goes, False, False)
