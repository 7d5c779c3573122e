"""What is a key, and what two requests with one are compared by."""

from datetime import UTC, datetime

import pytest

from api_edge.idempotency.key import compare, fingerprint, key_of, keyed
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import new_ulid
from infra.store.idempotency import IdempotencyRow, Keyed

CALLER = Caller(user_id="u1", tenant="t1")
ASKED = ("POST", "/v1/chat/completions", b"", b'{"a":1}')


def scope(*keys: bytes, query: bytes = b"") -> dict[str, object]:
    headers = [(b"content-type", b"application/json"), *((b"idempotency-key", key) for key in keys)]
    return {"method": "POST", "path": "/v1/x", "query_string": query, "headers": headers}


def row_of(asked: Keyed) -> IdempotencyRow:
    now = datetime.now(UTC)
    return IdempotencyRow(
        tenant=asked.tenant,
        user_id=asked.user_id,
        key=asked.key,
        fingerprint=asked.fingerprint,
        holder=new_ulid(),
        held_at=now,
        created_at=now,
        expires_at=now,
    )


@pytest.mark.parametrize("key", [b"a", b"a" * 255, b"with space ~!", b"8e03978e-40d5-43e8-bc93-6894a57f9324"])
def test_printable_ascii_of_up_to_255_characters_is_a_key(key: bytes) -> None:
    assert key_of(scope(key)) == key.decode()


def test_request_without_the_header_has_no_key() -> None:
    assert key_of(scope()) is None


@pytest.mark.parametrize(
    "keys", [(b"",), (b"a" * 256,), (b"a\tb",), (b"a\x00",), (b"caf\xe9",), (b"a\x7f",), (b"a", b"a")]
)
def test_anything_else_is_refused_by_name(keys: tuple[bytes, ...]) -> None:
    with pytest.raises(ApiError) as refused:
        key_of(scope(*keys))

    detail = refused.value.detail
    assert (detail.status, detail.code) == (400, ErrorCode.INVALID_VALUE)
    assert detail.param == "Idempotency-Key"


def test_key_belongs_to_a_user_of_a_tenant() -> None:
    asked = keyed("k", scope(), CALLER, b"{}")

    assert (asked.tenant, asked.user_id, asked.key) == ("t1", "u1", "k")


@pytest.mark.parametrize(
    "other",
    [
        ("PUT", *ASKED[1:]),
        ("POST", "/v1/other", *ASKED[2:]),
        ("POST", ASKED[1], b"a=1", ASKED[3]),
        (*ASKED[:3], b'{"a": 1}'),
        ("POST", ASKED[1] + "x", b"", ASKED[3]),
        ("POST", ASKED[1], ASKED[3], b""),
    ],
)
def test_fingerprint_tells_requests_apart(other: tuple[str, str, bytes, bytes]) -> None:
    assert fingerprint(*other) != fingerprint(*ASKED)
    assert fingerprint(*ASKED) == fingerprint(*ASKED)


def test_key_of_another_request_is_refused_and_not_to_be_retried() -> None:
    first = keyed("k", scope(), CALLER, b"{}")
    row = row_of(first)

    compare(first, row)
    with pytest.raises(ApiError) as refused:
        compare(keyed("k", scope(), CALLER, b"[]"), row)

    assert (refused.value.detail.status, refused.value.detail.code) == (422, "idempotency_key_reused")
