"""API keys as text."""

import pytest

from infra.identity.api_keys import is_api_key, last4, new_api_key


def test_key_has_192_random_bits_behind_its_prefix() -> None:
    keys = {new_api_key() for _ in range(100)}

    assert len(keys) == 100
    assert all(is_api_key(key.encode()) and len(key) == 56 for key in keys)
    assert last4("sk_live_" + "0" * 44 + "9f3c") == "9f3c"


@pytest.mark.parametrize(
    "credential",
    [
        b"",
        b"sk_",
        b"sk_live_",
        b"sk_live_" + b"0" * 47,
        b"sk_live_" + b"0" * 49,
        b"sk_live_" + b"A" * 48,
        b"sk_live_" + b"0" * 48 + b"\n",
        b" sk_live_" + b"0" * 48,
        b"sk_test_" + b"0" * 48,
        b"sk_live_" + "é".encode() * 24,
        b"sk_live_" + b"0" * 100_000,
    ],
)
def test_what_has_another_form_is_no_key(credential: bytes) -> None:
    assert not is_api_key(credential)
