"""What a provider says of its own failure, told to our caller."""

import json

import pytest

from contracts.errors import ErrorType
from workers.completion.core import refusal, scrubbed, told_error

SAID = {
    "message": "bad temperature",
    "type": "invalid_request_error",
    "param": "temperature",
    "code": "range",
}
OPENAI = json.dumps({"error": SAID}).encode()


@pytest.mark.parametrize(("status", "ours"), [(400, 400), (413, 413), (422, 400), (501, 400)])
def test_a_refused_request_keeps_the_providers_words(status: int, ours: int) -> None:
    detail = refusal(status, OPENAI).detail

    assert (detail.type, detail.status) == (ErrorType.INVALID_REQUEST, ours)
    assert (detail.message, detail.code, detail.param) == ("bad temperature", "range", "temperature")


def test_an_unknown_model_is_not_found() -> None:
    body = b'{"error":{"message":"no model x","type":"invalid_request_error","code":"model_not_found"}}'

    detail = refusal(404, body).detail

    assert (detail.type, detail.status, detail.code) == (ErrorType.NOT_FOUND, 404, "model_not_found")


@pytest.mark.parametrize("body", [b"", b"<h1>Not Found</h1>", b'{"detail":"Not Found"}'])
def test_a_path_that_the_provider_does_not_have_is_not_the_askers_fault(body: bytes) -> None:
    assert refusal(404, body).detail.status == 502


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"object":"error","message":"too long","type":"BadRequestError","code":400}', "too long"),
        (b'{"error":"too long"}', "too long"),
        (b'{"detail":"too long"}', "too long"),
        (b'{"error":{"code":400,"message":"too long","type":"exceed_context_size_error"}}', "too long"),
        (
            b'{"detail":[{"loc":["body","n"],"msg":"too long"}]}',
            "[{'loc': ['body', 'n'], 'msg': 'too long'}]",
        ),
    ],
)
def test_other_servers_shapes_are_understood(body: bytes, message: str) -> None:
    detail = refusal(400, body).detail

    assert (detail.message, detail.status, detail.code) == (message, 400, None)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_our_own_credentials_are_our_own_matter(status: int) -> None:
    body = (
        b'{"error":{"message":"Incorrect API key provided: sk-abcdefghijklmnop1","code":"invalid_api_key"}}'
    )

    detail = refusal(status, body).detail

    assert (detail.code, detail.status) == ("provider_error", 502)
    assert "sk-" not in detail.message


@pytest.mark.parametrize(
    ("wait", "seconds"), [(7.0, 7.0), (0.5, 0.5), (3_600.0, 120.0), (0.0, 0.0), (None, None)]
)
def test_too_many_requests_say_when_to_come_back(wait: float | None, seconds: float | None) -> None:
    detail = refusal(429, OPENAI, wait=wait).detail

    assert (detail.type, detail.code, detail.status) == (ErrorType.RATE_LIMIT, "provider_rate_limited", 429)
    assert detail.retry_after == seconds


@pytest.mark.parametrize("status", [301, 307, 400, 405, 409, 418, 500, 502, 503, 504, 529])
@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"\xff\xfe", b'{"error":null}', b"[" * 9_999])
def test_an_answer_that_tells_nothing_is_a_provider_error_with_its_status(status: int, body: bytes) -> None:
    detail = refusal(status, body).detail

    assert (detail.code, detail.status) == ("provider_error", 502)
    assert detail.message == f"The provider answered with status {status}."


def test_a_failing_provider_is_quoted() -> None:
    detail = refusal(503, b'{"error":{"message":"overloaded","code":"busy"}}', wait=3.0).detail

    assert detail.message == "The provider answered with status 503: overloaded"
    assert (detail.code, detail.status, detail.retry_after) == ("provider_error", 502, 3.0)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ({"message": "m", "type": "invalid_request_error", "code": "c"}, 400, "c"),
        ({"message": "m", "code": 400}, 400, None),
        ({"message": "m", "code": "422"}, 400, None),
        ({"message": "m", "type": "NotFoundError"}, 404, None),
        ({"message": "m", "code": "context_length_exceeded"}, 400, "context_length_exceeded"),
        ({"message": "m", "code": 429}, 429, "provider_rate_limited"),
        ({"message": "m", "type": "rate_limit_error"}, 429, "provider_rate_limited"),
        ({"message": "m", "type": "server_error", "code": "fell_over"}, 502, "fell_over"),
        ({"message": "m", "code": 500}, 502, "provider_error"),
        ({"message": "m"}, 502, "provider_error"),
        ("m", 502, "provider_error"),
    ],
)
def test_an_error_inside_an_answer_is_placed_by_what_it_says(
    error: object, status: int, code: str | None
) -> None:
    detail = told_error(error).detail

    assert (detail.message, detail.status, detail.code) == ("m", status, code)


@pytest.mark.parametrize("error", [{}, {"code": 400}, [], 1, True, {"message": None}])
def test_an_error_that_says_nothing_is_still_an_error(error: object) -> None:
    detail = told_error(error).detail

    assert detail.status == 502
    assert detail.message


def test_credentials_refused_inside_an_answer_are_our_own_matter() -> None:
    detail = told_error(
        {"message": "key sk-abcdefghijklmnop1 expired", "type": "authentication_error"}
    ).detail

    assert (detail.code, detail.status) == ("provider_error", 502)
    assert "expired" not in detail.message


def test_a_long_message_is_shortened() -> None:
    assert (
        len(refusal(400, json.dumps({"error": {"message": "x" * 60_000}}).encode()).detail.message) == 2_000
    )


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abc_DEF-123456789",
        "sk-abc***************wxyz",
        "org-Ab3dEfGh1jKlMn0p",
        "Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc",
        "10.0.3.7:8000",
        "http://192.168.1.20:8000/v1/chat/completions",
        "172.16.0.1",
        "169.254.169.254",
        "127.0.0.1:8090",
        "localhost:11434",
        "http://vllm:8000/v1",
        "http://vllm-0.llm.svc.cluster.local:8000",
        "gateway.internal",
    ],
)
def test_keys_and_private_addresses_are_taken_out(secret: str) -> None:
    text = scrubbed(f"dial {secret}: refused")

    assert text == "dial [redacted]: refused"


@pytest.mark.parametrize(
    "text",
    [
        "See https://platform.openai.com/docs/guides/error-codes for more.",
        "max_tokens: 4096 > 2048 at 10:30, version 1.2.3.4",
        "Unknown parameter: sk_ip or key_value_pairs or org-chart-long-word",
        "messages[0].role must be one of user, assistant",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert scrubbed(text) == text


def test_given_secrets_are_taken_out() -> None:
    assert scrubbed("at llm.example.com with abc-key", ("llm.example.com", "abc-key")) == (
        "at [redacted] with [redacted]"
    )
