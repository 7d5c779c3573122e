"""What of a conversation a model is told, and where."""

from typing import Any

from workers.completion.core.history import fresh_items, is_repeated, remembered, woven
from workers.completion.core.items import Item, items_of

Messages = list[dict[str, Any]]
SYSTEM = {"role": "system", "content": "Be short."}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def says(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def calls(*ids: str, text: str | None = None) -> dict[str, Any]:
    asked = [{"id": one, "type": "function", "function": {"name": "f", "arguments": "{}"}} for one in ids]
    return {"role": "assistant", "content": text, "tool_calls": asked}


def output(call_id: str, text: str = "out") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def told(stored: Messages, asked: Messages) -> Messages:
    return remembered(items_of(stored), asked)


def test_the_projects_instruction_stands_before_the_requests_and_the_history_behind_both() -> None:
    history = [user("a"), says("b")]

    messages = woven([SYSTEM, user("c")], history, "You are Jan.")

    assert messages == [
        {"role": "system", "content": "You are Jan."},
        SYSTEM,
        user("a"),
        says("b"),
        user("c"),
    ]


def test_without_an_instruction_the_requests_own_is_first() -> None:
    assert woven([SYSTEM, user("c")], [user("a")], None) == [SYSTEM, user("a"), user("c")]


def test_an_instruction_amid_a_request_stays_where_it_was() -> None:
    assert woven([user("c"), SYSTEM], [user("a")], None) == [user("a"), user("c"), SYSTEM]


def test_calls_and_outputs_keep_their_order() -> None:
    stored = [user("a"), calls("1", "2"), output("1"), output("2"), says("b")]

    assert told(stored, [user("c")]) == stored


def test_a_call_that_nobody_answered_is_left_out() -> None:
    stored = [user("a"), calls("1", "2", text="I look."), output("2"), calls("3"), user("b")]

    assert told(stored, [user("c")]) == [user("a"), calls("2", text="I look."), output("2"), user("b")]


def test_a_call_that_the_request_answers_stays() -> None:
    stored = [user("a"), calls("1")]

    assert told(stored, [SYSTEM, output("1")]) == stored


def test_a_call_that_the_request_cannot_answer_any_more_is_left_out() -> None:
    stored = [user("a"), calls("1"), user("b"), says("c")]

    assert told(stored, [output("1")]) == [user("a"), user("b"), says("c")]


def test_an_output_without_its_call_is_left_out() -> None:
    assert told([output("0"), user("a"), says("b")], [user("c")]) == [user("a"), says("b")]


def test_an_output_stands_right_behind_its_call() -> None:
    stored = [user("a"), calls("1"), user("b"), output("1")]

    assert told(stored, [user("c")]) == [user("a"), calls("1"), output("1"), user("b")]


def test_ids_of_calls_may_come_again() -> None:
    stored = [user("a"), calls("1"), output("1", "x"), says("b"), user("c"), calls("1"), output("1", "y")]

    assert told(stored, [user("d")]) == stored


def test_reasoning_is_not_told() -> None:
    items = [*items_of([user("a")]), Item("reasoning", {"summary": []}), *items_of([says("b")])]

    assert remembered(items, [user("c")]) == [user("a"), says("b")]


def test_who_sends_the_conversation_again_repeats_it() -> None:
    stored = items_of([user("a"), says("b")])
    again = [SYSTEM, user("a"), {**says("b"), "tool_calls": None, "audio": None}, user("c")]

    assert is_repeated(stored, again)
    assert fresh_items(stored, again) == items_of([user("c")])


def test_another_beginning_is_no_repetition() -> None:
    stored = items_of([user("a"), says("b")])

    assert not is_repeated(stored, [user("a"), says("x"), user("c")])
    assert not is_repeated(stored, [user("a")])
    assert fresh_items(stored, [user("a")]) == items_of([user("a")])


def test_nothing_repeats_an_empty_conversation() -> None:
    assert not is_repeated([], [user("a")])
    assert fresh_items([], [user("a")]) == items_of([user("a")])
