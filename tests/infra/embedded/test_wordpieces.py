"""How texts are split into pieces of a vocabulary."""

import pytest

from infra.embedded.wordpieces import SPACE, Wordpieces

LETTERS = [SPACE, "a", "b", "c", f"{SPACE}a", "ab", f"{SPACE}ab", "bc"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
PIECES = Wordpieces(
    {
        "vocab": {piece: number for number, piece in enumerate(LETTERS + BYTES)},
        "merges": [f"{SPACE} a", "b c", "a b", f"{SPACE}a b"],
    }
)


def names(text: str) -> list[str]:
    """The pieces themselves."""
    return [(LETTERS + BYTES)[number] for number in PIECES.split(text, 1_000)]


def test_pairs_grow_together_in_the_order_of_the_vocabulary() -> None:
    assert names("ab") == [f"{SPACE}ab"]
    assert names("abc") == [f"{SPACE}a", "bc"]
    assert names("ab ab") == [f"{SPACE}ab", f"{SPACE}ab"]


def test_a_character_that_is_unknown_is_its_bytes() -> None:
    assert names("aé") == [f"{SPACE}a", "<0xC3>", "<0xA9>"]
    assert names("\ud83d") == [SPACE, "<0x3F>"]


@pytest.mark.parametrize("text", ["", " ", "   ", "\n"])
def test_every_text_has_a_piece(text: str) -> None:
    assert PIECES.split(text, 10)


def test_a_long_text_is_left_where_it_has_too_many() -> None:
    assert 10 < len(PIECES.split("c" * 1_000_000, 10)) < 100
