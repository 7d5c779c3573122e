"""How much of a conversation reaches the model."""

from typing import Any

import pytest

from workers.completion.core.trimming import (
    MEDIA_TOKENS,
    budget_of,
    chat_tokens,
    estimated,
    trimmed,
    turns_of,
    weight_of,
)

Messages = list[dict[str, Any]]
QUESTION: Messages = [{"role": "user", "content": "next"}]
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


class Words:
    """A tokenizer whose tokens are words."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def count(self, text: str) -> int | None:
        self.asked.append(text)
        return len(text.split())


class Nobody:
    """A tokenizer that does not answer."""

    async def count(self, text: str) -> int | None:
        return None


def turn(number: int, words: int = 50) -> Messages:
    """One of so many words for the question, and for the answer."""
    text = f"w{number} " * words
    return [{"role": "user", "content": text}, {"role": "assistant", "content": text}]


def turns(count: int, words: int = 50) -> Messages:
    return [message for number in range(count) for message in turn(number, words)]


async def test_what_has_fewer_bytes_than_the_budget_has_tokens_is_not_counted() -> None:
    counter = Words()

    kept = await trimmed(turns(3, words=1), QUESTION, 500, counter)

    assert kept == turns(3, words=1)
    assert counter.asked == []


async def test_the_oldest_turns_go_first_and_whole() -> None:
    history = turns(9)
    each = 2 * (50 + 8)

    kept = await trimmed(history, QUESTION, 3 * each + 8 + 1, Words())

    assert kept == history[-6:]


@pytest.mark.parametrize("missing", [1, 30, 58, 100])
async def test_no_part_of_a_turn_is_sent(missing: int) -> None:
    history = turns(9)

    kept = await trimmed(history, QUESTION, 3 * 116 + 9 - missing, Words())

    assert kept == history[-4:]


async def test_calls_and_outputs_stay_with_their_question() -> None:
    history = [
        *turn(0),
        {"role": "user", "content": "q " * 50},
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "1", "content": "o " * 50},
        {"role": "assistant", "content": "a " * 50},
    ]

    assert await trimmed(history, QUESTION, 205, Words()) == history[2:]
    assert await trimmed(history, QUESTION, 180, Words()) == []


async def test_what_the_request_says_is_sent_even_where_it_does_not_fit() -> None:
    assert await trimmed(turns(2), turns(20), 100, Words()) == []


async def test_an_estimate_takes_the_place_of_a_tokenizer_that_does_not_answer() -> None:
    history = turns(9)
    each = estimated(weight_of(turn(0)).text) + 16

    kept = await trimmed(history, QUESTION, 3 * each + 9, Nobody())

    assert kept == history[-6:]


async def test_a_long_history_is_counted_with_few_questions() -> None:
    counter, history = Words(), turns(1_000, words=20)

    kept = await trimmed(history, QUESTION, 20_000, counter)

    assert len(kept) == 2 * (20_000 - 9) // 56 // 2 * 2
    assert len(counter.asked) < 80


def test_characters_are_counted_by_what_they_are() -> None:
    assert estimated("abcd" * 10) == 10
    assert estimated("漢字") == 2
    assert estimated("abc") == 1
    assert estimated("") == 0


def test_media_cost_a_fixed_number() -> None:
    parts = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:..." * 1_000}}]

    weight = weight_of([{"role": "user", "content": parts}])

    assert (weight.text, weight.extra) == ("see", MEDIA_TOKENS + 8)


def test_arguments_of_calls_cost_too() -> None:
    weight = weight_of([{"role": "assistant", "content": None, "tool_calls": [CALL]}])

    assert '"arguments"' in weight.text


def test_what_stands_before_the_first_question_is_a_turn() -> None:
    greeting = {"role": "assistant", "content": "Hello"}

    assert turns_of([greeting, *turn(0)]) == [[greeting], turn(0)]


@pytest.mark.parametrize(
    ("body", "budget"),
    [
        ({}, 7_168),
        ({"max_tokens": 192}, 8_000),
        ({"max_completion_tokens": 92, "max_tokens": 192}, 8_100),
        ({"max_tokens": 0}, 7_168),
        ({"max_tokens": None}, 7_168),
        ({"max_tokens": 10_000}, 0),
    ],
)
def test_the_answer_has_its_place(body: dict[str, Any], budget: int) -> None:
    assert budget_of(8_192, body) == budget


def test_of_a_small_context_the_answer_gets_a_quarter() -> None:
    assert budget_of(2_048, {}) == 1_536


class Template(Words):
    """A model whose template costs two tokens for each message, and whose tokens are words."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[dict[str, Any]] = []

    async def count_chat(self, body: dict[str, Any]) -> int | None:
        self.bodies.append(body)
        return sum(2 + len(str(one["content"]).split()) for one in body["messages"])


class Silent(Nobody):
    async def count_chat(self, body: dict[str, Any]) -> int | None:
        return None


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


async def test_a_chat_is_counted_as_its_template_writes_it() -> None:
    assert await chat_tokens({"messages": [{"role": "user", "content": "a b c"}]}, Template()) == 5


async def test_media_are_estimated_beside_what_the_template_writes() -> None:
    counter = Template()
    parts = [{"type": "text", "text": "a"}, PICTURE]

    counted = await chat_tokens({"messages": [{"role": "user", "content": parts}]}, counter)

    assert counter.bodies[0]["messages"] == [{"role": "user", "content": parts[:1]}]
    assert (
        counted
        == await chat_tokens({"messages": [{"role": "user", "content": parts[:1]}]}, counter) + MEDIA_TOKENS
    )


async def test_a_chat_that_nobody_counts_is_estimated_with_its_tools() -> None:
    messages = [{"role": "user", "content": "abcd" * 10}]

    alone = await chat_tokens({"messages": messages}, Silent())

    assert alone == 10 + 8
    assert await chat_tokens({"messages": messages, "tools": [TOOL]}, Silent()) > alone + 10
