"""Rankings become one."""

import pytest

from workers.tool.file_search.fusing import OF_MEANING, OF_WORDS, fused, weight_of_words


def test_what_both_rankings_name_comes_before_what_one_names() -> None:
    best = fused([(1.0, ["a", "b"]), (1.0, ["c", "b"])], 3)

    assert [one for one, _ in best] == ["b", "a", "c"]


def test_the_heavier_ranking_decides() -> None:
    best = fused([(1.0, ["meaning"]), (0.25, ["words"])], 2)

    assert [one for one, _ in best] == ["meaning", "words"]
    assert best[0][1] > best[1][1] > 0


def test_no_more_than_asked_for_are_given() -> None:
    assert len(fused([(1.0, list(range(50)))], 7)) == 7
    assert fused([], 7) == []


@pytest.mark.parametrize(
    "question",
    [
        'where is "the river keeps"',
        "„zitiert“",
        "E1047",
        "RE-2026-0417",
        "model KX-550",
        "iso27001",
        "MAX_RETRIES",
    ],
)
def test_words_count_as_much_as_meaning_in_quotations_and_codes(question: str) -> None:
    assert weight_of_words(question) == OF_MEANING


@pytest.mark.parametrize(
    "question", ["How do I bake bread?", "well-known self-made things", "東京の首都", "in 3 days"]
)
def test_words_count_less_in_ordinary_questions(question: str) -> None:
    assert weight_of_words(question) == OF_WORDS
