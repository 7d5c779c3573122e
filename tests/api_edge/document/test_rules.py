"""What the rules say of an operation by its path, method and body alone."""

from typing import Any

import pytest

from api_edge.document.rules import CODES, CREDENTIALS, Operation
from contracts.errors import ErrorCode


def operation(path: str, method: str = "get", **said: Any) -> Operation:  # what OpenAPI says of it
    return Operation(path, method, said)


def statuses(asked: Operation) -> set[int]:
    return set(asked.codes())


@pytest.mark.parametrize(
    ("path", "security"),
    [
        ("/v1/models", CREDENTIALS),
        ("/auth/me", CREDENTIALS),
        ("/v1/version", []),
        ("/.well-known/jwks.json", []),
        ("/auth/guest-login", []),
        ("/auth/logout", [{}, *CREDENTIALS]),
    ],
)
def test_who_may_ask_is_what_the_door_says(path: str, security: list[dict[str, list[str]]]) -> None:
    assert operation(path).security() == security


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (operation("/healthz"), {400, 414, 431, 500}),
        (operation("/v1/models"), {400, 401, 414, 429, 431, 500, 503}),
        (operation("/v1/models/{model_id}"), {400, 401, 404, 414, 429, 431, 500, 503}),
        (operation("/v1/admin/users"), {400, 401, 403, 414, 429, 431, 500, 503}),
        (operation("/auth/guest-login", "post"), {400, 413, 414, 415, 429, 431, 500, 503}),
        (
            operation("/v1/projects", "post", requestBody={}),
            {400, 401, 404, 409, 413, 414, 415, 422, 429, 431, 500, 503, 504},
        ),
        (operation("/auth/upgrade", "post"), {400, 401, 413, 414, 415, 429, 431, 500, 503}),
    ],
    ids=lambda value: value.path if isinstance(value, Operation) else "",
)
def test_what_can_go_wrong_follows_from_what_it_is(asked: Operation, expected: set[int]) -> None:
    assert statuses(asked) == expected


def test_a_route_tells_what_no_rule_can_know() -> None:
    asked = Operation("/v1/models", "get", {CODES: [ErrorCode.PROVIDER_ERROR, ErrorCode.WORKER_LOST]})

    assert asked.codes()[502] == [ErrorCode.PROVIDER_ERROR]
    assert "X-Job-Id" in set(asked.headers(200))


def test_a_key_counts_where_something_is_made_and_no_secret_is_told() -> None:
    assert "Idempotency-Key" in set(operation("/v1/projects", "post").parameters())
    assert "Idempotency-Key" not in set(operation("/auth/api-keys", "post").parameters())
    assert "Idempotency-Key" not in set(operation("/v1/projects/{id}", "patch").parameters())


@pytest.mark.parametrize(
    ("status", "name"), [(401, "WWW-Authenticate"), (429, "Retry-After"), (503, "Retry-After")]
)
def test_an_error_has_the_header_that_belongs_to_it(status: int, name: str) -> None:
    assert name in set(operation("/v1/models").headers(status))
    assert name not in set(operation("/v1/models").headers(404))


def test_an_answer_says_how_the_caller_was_known_where_there_is_one() -> None:
    assert "X-Auth-Method" in set(operation("/v1/models").headers(200))
    assert "X-Auth-Method" not in set(operation("/healthz").headers(200))
