"""Texts are cut into passages that together hold all of it."""

import pytest

from workers.tool.file_search.cutting import Cut, cut, searchable

SENTENCE = "The quick brown fox jumps over the dog. "
CHINESE = "東京都は日本の首都です。"


def holds_all(text: str, made: Cut) -> bool:
    """Whether each passage begins after the beginning of the one before, and only blanks are in none."""
    starts = [start for start, _ in made.spans]
    ends = [0, *(end for _, end in made.spans)]
    between = [text[end:start] for end, start in zip(ends, [*starts, len(text)], strict=True)]
    return starts == sorted(set(starts)) and not "".join(between).strip()


def endless(first: int) -> str:
    """A word of 500 characters, unlike others."""
    return "".join(f"{first:02}{number:03}" for number in range(100))


def tokens(text: str) -> int:
    return cut(text, 10**6, 0).tokens


def test_a_short_text_is_one_passage() -> None:
    assert cut("One sentence. ", 200, 40).passages == ["One sentence."]


@pytest.mark.parametrize(
    "text",
    [
        SENTENCE * 100,
        (SENTENCE * 7 + "\n\n") * 20,
        "word " * 3_000,
        "x" * 20_000,
        CHINESE * 200,
        "안녕하세요 세계 " * 500,
        "🦊" * 5_000,
        "a\n\n" * 2_000,
        " \t\n ".join(f"{n} {SENTENCE} {n} {CHINESE} {endless(n)}" for n in range(40)),
    ],
    ids=["sentences", "paragraphs", "words", "endless", "chinese", "korean", "emoji", "lines", "mixed"],
)
def test_passages_hold_all_of_the_text_and_none_is_too_long(text: str) -> None:
    made = cut(text, 100, 20)

    assert holds_all(text, made)
    assert max(map(tokens, made.passages)) <= 100
    assert len(made.passages) > 1


def test_the_same_text_is_cut_the_same_way() -> None:
    text = (SENTENCE * 9 + CHINESE + "\n\n") * 30

    assert cut(text, 100, 20) == cut(text, 100, 20)


def test_a_passage_ends_with_a_paragraph_where_one_is_near() -> None:
    text = SENTENCE * 9 + "\n\n" + SENTENCE * 20

    made = cut(text, 100, 0)

    assert made.passages[0] == (SENTENCE * 9).strip()


def test_a_passage_ends_with_a_sentence_where_no_paragraph_is_near() -> None:
    assert all(
        passage.endswith(("dog.", "。")) for passage in cut(SENTENCE * 50 + CHINESE * 50, 60, 10).passages
    )


def test_a_passage_begins_with_the_end_of_the_one_before() -> None:
    first, second, *_ = cut(SENTENCE * 50, 100, 20).passages

    shared = SENTENCE.strip()
    assert first.endswith(shared)
    assert second.startswith(shared)
    assert tokens(shared) <= 20


def test_an_endless_word_overlaps_too() -> None:
    text = "".join(f"{number:05}" for number in range(2_000))

    first, second, *_ = cut(text, 100, 20).passages

    assert text.index(second) < len(first)


def test_overlap_larger_than_a_passage_still_comes_to_an_end() -> None:
    made = cut(SENTENCE * 20, 16, 400)

    assert holds_all(SENTENCE * 20, made)


def test_tokens_of_a_text_count_its_overlaps_once() -> None:
    assert cut("word " * 1_000, 100, 50).tokens == 1_000
    assert cut("字" * 300, 100, 50).tokens == 300


def test_a_blank_text_has_no_passages() -> None:
    assert cut(" \n\t ", 100, 20) == Cut([], [], 0)


def test_cjk_text_is_searched_by_pairs_of_characters() -> None:
    assert searchable("In 東京都 by 船").split() == ["In", "東京", "京都", "by", "船"]
