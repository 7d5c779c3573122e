"""What a conversation is called."""

import pytest

from workers.completion.core.title import title_of


def title(content: object) -> str:
    return title_of([{"role": "system", "content": "x"}, {"role": "user", "content": content}])


def test_a_short_question_is_the_title() -> None:
    assert title("  What\n is\tit? ") == "What is it?"


def test_a_long_question_is_cut_behind_a_word() -> None:
    text = title("The quick brown fox jumps over the lazy dog, and then it sleeps for a week")

    assert text == "The quick brown fox jumps over the lazy dog, and then it…"
    assert len(text) <= 60


def test_a_word_without_an_end_is_cut_anywhere() -> None:
    assert title("a" * 100) == "a" * 59 + "…"


def test_sixty_characters_are_not_cut() -> None:
    assert title("ab " * 19 + "abc") == "ab " * 19 + "abc"


@pytest.mark.parametrize("letter", ["ü", "漢", "😀", "👨‍👩‍👧", "👍🏽", "e\u0301"])
@pytest.mark.parametrize("before", range(6))
def test_no_character_is_torn(letter: str, before: int) -> None:
    cut = title("x" * before + letter * 61).removesuffix("…")

    assert len(cut) < 60
    assert cut.removeprefix("x" * before).replace(letter, "") == ""


@pytest.mark.parametrize("content", [None, "", " \n", [], [{"type": "image_url", "image_url": "u"}]])
def test_without_a_text_it_is_a_new_conversation(content: object) -> None:
    assert title(content) == "New Conversation"


def test_texts_of_parts_are_texts() -> None:
    assert title([{"type": "image_url", "image_url": "u"}, {"type": "text", "text": "See"}]) == "See"


def test_the_first_text_is_taken_of_several_questions() -> None:
    messages = [
        {"role": "user", "content": ""},
        {"role": "user", "content": "b"},
        {"role": "user", "content": "c"},
    ]

    assert title_of(messages) == "b"
