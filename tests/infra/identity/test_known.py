"""The memory of verified tokens."""

from contracts.envelope import Caller
from infra.identity.known import Known, KnownTokens

CALLER = Caller(user_id="u", tenant="t")


def known(*names: str, expires_at: float = 100.0) -> Known:
    return Known(CALLER, expires_at, frozenset(names))


def test_memory_is_bounded_and_the_oldest_gives_way() -> None:
    tokens = KnownTokens(limit=2)

    for digest in (b"1", b"2", b"3"):
        tokens.remember(digest, known())

    assert len(tokens) == 2
    assert tokens.caller_of(b"1", 0) is None
    assert tokens.caller_of(b"3", 0) is CALLER


def test_expired_token_is_forgotten_when_it_comes() -> None:
    tokens = KnownTokens()
    tokens.remember(b"1", known(expires_at=100))

    assert tokens.caller_of(b"1", 99.9) is CALLER
    assert tokens.caller_of(b"1", 100) is None
    assert len(tokens) == 0


def test_denial_ends_when_the_last_token_of_its_name_has_expired() -> None:
    tokens = KnownTokens()

    tokens.deny("session", until=100, now=0)

    assert tokens.is_denied({"session", "token"}, 99)
    assert not tokens.is_denied({"session", "token"}, 100)
    assert not tokens.is_denied({"other"}, 0)
