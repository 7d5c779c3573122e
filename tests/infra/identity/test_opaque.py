"""Opaque secrets."""

from infra.identity.opaque import keyed_hash, new_refresh_token


def test_refresh_token_has_256_random_bits_behind_its_prefix() -> None:
    tokens = {new_refresh_token() for _ in range(100)}

    assert len(tokens) == 100
    assert all(token.startswith("rt_") and len(token) == 46 for token in tokens)


def test_hash_is_the_same_only_for_the_same_token_and_secret() -> None:
    stored = keyed_hash("secret", "rt_a")

    assert stored == keyed_hash("secret", "rt_a")
    assert len({stored, keyed_hash("secret", "rt_b"), keyed_hash("other", "rt_a")}) == 3
    assert len(stored) == 64
