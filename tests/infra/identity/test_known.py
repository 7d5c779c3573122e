"""The memory of verified credentials, and of what is denied."""

import pytest

from contracts.envelope import Caller
from infra.identity.known import Denials, Known, KnownTokens

CALLER = Caller(user_id="u", tenant="t")


@pytest.fixture
def denials() -> Denials:
    return Denials()


def known(*names: str, expires_at: float = 100.0) -> Known:
    return Known(CALLER, expires_at, frozenset(names))


def test_memory_is_bounded_and_the_oldest_gives_way(denials: Denials) -> None:
    tokens = KnownTokens(denials, limit=2)
    third = known()

    for digest, one in ((b"1", known()), (b"2", known()), (b"3", third)):
        tokens.remember(digest, one)

    assert len(tokens) == 2
    assert tokens.find(b"1", 0) is None
    assert tokens.find(b"3", 0) is third


def test_expired_token_is_forgotten_when_it_comes(denials: Denials) -> None:
    tokens, one = KnownTokens(denials), known(expires_at=100)
    tokens.remember(b"1", one)

    assert tokens.find(b"1", 99.9) is one
    assert tokens.find(b"1", 100) is None
    assert len(tokens) == 0


def test_known_token_is_forgotten_once_one_of_its_names_is_denied(denials: Denials) -> None:
    tokens, other = KnownTokens(denials), known("other")
    tokens.remember(b"1", known("session", "token"))
    tokens.remember(b"2", other)

    denials.deny("session", until=50, now=0)

    assert tokens.find(b"1", 0) is None
    assert tokens.find(b"2", 0) is other


def test_denial_ends_when_the_last_token_of_its_name_has_expired(denials: Denials) -> None:
    denials.deny("session", until=100, now=0)

    assert denials.is_denied({"session", "token"}, 99)
    assert not denials.is_denied({"session", "token"}, 100)
    assert not denials.is_denied({"other"}, 0)


def test_denial_told_twice_holds_for_the_longer_time_and_old_ones_are_forgotten(denials: Denials) -> None:
    denials.deny("session", until=100, now=0)
    denials.deny("session", until=50, now=0)
    assert denials.is_denied({"session"}, 99)

    denials.deny("other", until=300, now=200)

    assert len(denials) == 1


def test_denials_behind_one_that_lives_longer_are_forgotten_when_all_are_looked_through(
    denials: Denials,
) -> None:
    denials.deny("long", until=1_000, now=0)
    denials.deny("short", until=100, now=0)

    denials.forget(200)

    assert len(denials) == 1
    assert denials.is_denied({"long"}, 200)
