"""Secrets under seal: who opens them, and what nobody opens."""

import base64

import pytest
from pydantic import SecretStr

from infra.sealing import SealBroken, Sealer, is_sealed
from infra.settings import SealSettings

PLAIN = "-----BEGIN PRIVATE KEY-----\nÄ".encode()
PLACE = "signing_keys/01KEY"
FIRST = "first:0123456789abcdef"
SECOND = "second:fedcba9876543210"


def sealer(*keys: str) -> Sealer:
    return Sealer(SealSettings(keys=tuple(SecretStr(key) for key in keys)))


def test_secret_opens_as_it_was_sealed() -> None:
    sealed = sealer(FIRST).seal(PLAIN, PLACE)

    assert sealer(FIRST).open(sealed, PLACE) == PLAIN
    assert sealed.startswith("s1.first.")
    assert is_sealed(sealed)


def test_empty_secret_opens_too() -> None:
    assert sealer(FIRST).open(sealer(FIRST).seal(b"", PLACE), PLACE) == b""


def test_no_two_seals_of_one_secret_are_alike() -> None:
    same = sealer(FIRST)

    assert len({same.seal(PLAIN, PLACE) for _ in range(100)}) == 100


def test_secret_moved_to_another_row_does_not_open() -> None:
    sealed = sealer(FIRST).seal(PLAIN, PLACE)

    with pytest.raises(SealBroken, match="signing_keys/01OTHER does not open"):
        sealer(FIRST).open(sealed, "signing_keys/01OTHER")


def test_older_keys_open_what_they_sealed_and_the_first_seals() -> None:
    old = sealer(FIRST).seal(PLAIN, PLACE)
    rotated = sealer(SECOND, FIRST)

    assert rotated.open(old, PLACE) == PLAIN
    assert rotated.needs_reseal(old)
    assert not rotated.needs_reseal(rotated.seal(PLAIN, PLACE))
    assert rotated.needs_reseal("-----BEGIN PRIVATE KEY-----")


def test_key_that_is_gone_is_named() -> None:
    sealed = sealer(FIRST).seal(PLAIN, PLACE)

    with pytest.raises(SealBroken, match="the key 'first', which JAN_SEAL_KEYS does not hold"):
        sealer(SECOND).open(sealed, PLACE)


def test_other_secret_under_the_same_name_does_not_open() -> None:
    sealed = sealer(FIRST).seal(PLAIN, PLACE)

    with pytest.raises(SealBroken, match="another one"):
        sealer("first:another-secret-of-sixteen").open(sealed, PLACE)


def test_secret_relabelled_with_another_keys_name_does_not_open() -> None:
    both = sealer(FIRST, SECOND)
    relabelled = both.seal(PLAIN, PLACE).replace("s1.first.", "s1.second.")

    with pytest.raises(SealBroken):
        both.open(relabelled, PLACE)


def test_each_changed_byte_is_noticed() -> None:
    one = sealer(FIRST)
    head, _, text = one.seal(b"secret", PLACE).rpartition(".")
    raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    for at in range(len(raw)):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(SealBroken):
            one.open(f"{head}.{base64.urlsafe_b64encode(changed).rstrip(b'=').decode()}", PLACE)


@pytest.mark.parametrize(
    "text",
    ["", "plain", "s1.", "s1.first.", "s1.first.AAAA", "s1.first.A", "s1.first.é", "s2.first.AAAA", "s1.x"],
)
def test_what_is_no_sealed_secret_is_said(text: str) -> None:
    with pytest.raises(SealBroken, match="is not a sealed secret"):
        sealer(FIRST).open(text, PLACE)


@pytest.mark.parametrize(
    "keys",
    [("nocolon",), ("first:short",), (":0123456789abcdef",), ("a.b:0123456789abcdef",), (FIRST, FIRST)],
)
def test_keys_of_another_form_are_refused_without_showing_them(keys: tuple[str, ...]) -> None:
    with pytest.raises(SealBroken, match="JAN_SEAL_KEYS") as refusal:
        sealer(*keys)

    assert "0123456789abcdef" not in str(refusal.value)
    assert "short" not in str(refusal.value)
