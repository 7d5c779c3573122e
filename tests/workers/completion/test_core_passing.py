"""Which failures may pass."""

import pytest

from contracts.errors import ApiError, ErrorCode
from workers.completion.core import MayPass, bad_answer, may_pass, refusal, reworded, told_error


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 504, 529])
def test_a_status_that_may_pass_passes_with_the_wait_that_was_asked_for(status: int) -> None:
    error = refusal(status, b"", wait=300.0)

    assert isinstance(error, MayPass)
    assert error.after == 300.0
    assert error.detail.retry_after == 120.0


@pytest.mark.parametrize("status", [301, 400, 401, 402, 403, 404, 405, 413, 418, 422, 501, 505])
def test_every_other_status_stays(status: int) -> None:
    assert not isinstance(refusal(status, b'{"error":{"message":"no","type":"x"}}'), MayPass)


@pytest.mark.parametrize("field", ["code", "type"])
def test_an_account_that_is_used_up_stays_so(field: str) -> None:
    body = (
        b'{"error":{"message":"You exceeded your current quota","%b":"insufficient_quota"}}' % field.encode()
    )

    assert not isinstance(refusal(429, body), MayPass)


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ({"message": "the model fell over", "type": "server_error"}, True),
        ({"message": "slow down", "type": "rate_limit_error"}, True),
        ({"message": "overloaded", "code": 529}, True),
        ({"message": "too long", "code": "context_length_exceeded"}, False),
        ({"message": "no key", "code": 401}, False),
        ({"message": "pay first", "type": "insufficient_quota"}, False),
        ("it broke", True),
    ],
)
def test_an_error_told_inside_an_answer_passes_by_what_it_names(said: object, *, passes: bool) -> None:
    assert isinstance(told_error(said), MayPass) == passes


def test_an_answer_that_is_none_does_not_pass() -> None:
    assert not isinstance(bad_answer("no JSON"), MayPass)


def test_other_words_change_nothing_else() -> None:
    passing = may_pass(ApiError(ErrorCode.PROVIDER_ERROR, "at 10.0.0.1"), 3.0)
    staying = ApiError(ErrorCode.PROVIDER_BAD_ANSWER, "at 10.0.0.1")

    other, still = reworded(passing, "away"), reworded(staying, "away")

    assert isinstance(other, MayPass)
    assert (other.after, other.detail.message, other.detail.code) == (3.0, "away", "provider_error")
    assert not isinstance(still, MayPass)
