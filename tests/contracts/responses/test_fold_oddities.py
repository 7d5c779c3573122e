"""What odd providers and odd clients send makes neither a crash nor a loss."""

import json
from typing import Any

import pytest

from contracts.events import Usage
from contracts.responses.fold import TurnFold
from contracts.responses.plan import Offered, OfferKind, TurnOutcome, TurnPlan
from contracts.responses.prompted import prompted, simple

JsonObject = dict[str, Any]  # OpenAI's wire
ULID = "01KB3M5Q8Z7V2T4X6Y8W0R1S2T"
OFFERED = (
    Offered(name="weather", kind=OfferKind.FUNCTION),
    Offered(name="google_search", kind=OfferKind.WEB_SEARCH, tool="google_search"),
)
DEEP = "[" * 800 + "]" * 800


def folded(*chunks: JsonObject, is_prompted: bool = False) -> TurnOutcome:
    """The outcome, which like each event can be written down."""
    about = {"response_id": f"resp_{ULID}", "number": 0, "job_id": ULID, "first_output": 0}
    fold = TurnFold(TurnPlan(**about, offered=OFFERED, is_prompted=is_prompted))
    told = [event for chunk in chunks for event in fold.feed(json.dumps(chunk).encode())] + fold.end()
    outcome = fold.outcome()
    text = json.dumps([told, outcome.model_dump()], ensure_ascii=False, allow_nan=False)
    assert "\\u0000" not in text.encode().decode()
    return outcome


def chunk(**delta: Any) -> JsonObject:  # OpenAI's wire
    return {"choices": [{"index": 0, "delta": delta}]}


def piece(arguments: str, name: str = "", **about: Any) -> JsonObject:  # OpenAI's wire
    return chunk(tool_calls=[about | {"function": {"name": name, "arguments": arguments}}])


def text_of(outcome: TurnOutcome) -> str:
    return str(outcome.items[0]["content"][0]["text"])


def test_names_can_be_written_down_whatever_they_hold() -> None:
    odd = "a\ud800\0"

    outcome = folded(piece("{}", odd, index=0, id=odd), {"model": odd, "choices": []})

    assert (outcome.model, outcome.calls[0].call_id, outcome.calls[0].name) == ("a\ufffd\ufffd",) * 3


def test_a_finish_reason_can_be_written_down() -> None:
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "s\ud800"}]}

    assert folded(end).finish_reason == "s\ufffd"


@pytest.mark.parametrize(
    ("pieces", "made"),
    [
        ([piece("{", "weather", id="a"), piece("{}", "weather", id="b"), piece("}", id="a")], ["{}", "{}"]),
        ([piece("{", "weather", id="a"), piece("}", id="")], ["{}"]),
        ([piece("{}", "weather", id="a", index=1), piece("[]", "weather", id="b")], ["{}", "[]"]),
    ],
    ids=["in turns", "an empty id", "after one with an index"],
)
def test_pieces_without_an_index_find_their_call(pieces: list[JsonObject], made: list[str]) -> None:
    assert [one.arguments for one in folded(*pieces).calls] == made


@pytest.mark.parametrize("empty", [{}, {"x_jan": 1}])
def test_a_usage_that_counts_nothing_is_none(empty: JsonObject) -> None:
    told = {"prompt_tokens": 5, "completion_tokens": True}

    outcome = folded({"choices": [], "usage": told}, {"choices": [], "usage": empty})

    assert outcome.usage == Usage(input_tokens=5)


@pytest.mark.parametrize("one", [{"token": 3, "logprob": None, "bytes": None}, {"logprob": float("nan")}])
def test_log_probabilities_that_are_none_are_made_some(one: JsonObject) -> None:
    outcome = folded({"choices": [{"delta": {"content": "a"}, "logprobs": {"content": [one]}}]})

    (told,) = outcome.items[0]["content"][0]["logprobs"]
    assert told == {"token": "", "logprob": 0.0, "bytes": [], "top_logprobs": []}


def test_deep_arguments_are_a_call_all_the_same() -> None:
    outcome = folded(piece(f'{{"q": {DEEP}}}', "google_search", index=0, id="a"))

    assert outcome.items[0]["action"]["query"] == ""


def test_deep_arguments_of_a_prompted_call_do_no_harm() -> None:
    written = f'{{"tool": "google_search", "arguments": {{"q": {DEEP}}}}}'

    assert folded(chunk(content=written), is_prompted=True).items


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (r'{"answer": "a \d+ b"}', r"a \d+ b"),
        (r'{"answer": "\u12G4 y"}', r"\u12G4 y"),
        ('{"answer": "a\\', "a"),
        ('{"answer": "a\\u12', "a"),
        ('{"answer":', ""),
        ('{"to', ""),
        ('{"answer": 1e999', "1e999"),
    ],
)
def test_an_answer_loses_no_text_and_shows_no_form(written: str, shown: str) -> None:
    outcome = folded(*(chunk(content=letter) for letter in written), is_prompted=True)

    assert text_of(outcome) == shown


def test_a_prompted_call_is_none_of_those_that_have_an_index() -> None:
    written = chunk(content='{"tool": "google_search", "arguments": {"q": "x"}}')

    outcome = folded(piece("{}", "weather", index=0, id="a"), written, is_prompted=True)

    assert [(one.name, one.arguments) for one in outcome.calls] == [
        ("weather", "{}"),
        ("google_search", '{"q": "x"}'),
    ]


def test_a_schema_that_names_itself_many_times_stays_small() -> None:
    properties = {f"p{at}": {"$ref": "#/$defs/A"} for at in range(100)}

    plain = simple({"$defs": {"A": {"type": "object", "properties": properties}}, "$ref": "#/$defs/A"})

    assert len(json.dumps(plain)) < 20_000


@pytest.mark.parametrize(
    ("schema", "plain"),
    [
        ({"$defs": [1], "properties": {"a": {"$ref": "#/$defs/x"}}}, {"properties": {"a": {}}}),
        ({"$defs": {"x": {"type": "null"}}, "items": {"$ref": "http://h/x"}}, {"items": {}}),
        ({"properties": [1]}, {"properties": {}}),
        ({"type": "integer", "default": 3}, {"type": "integer", "default": 3}),
        ([1], {}),
    ],
)  # fmt: skip
def test_an_odd_schema_is_made_plain(schema: Any, plain: JsonObject) -> None:  # JSON
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}

    assert simple(schema) == plain
    assert prompted({"messages": []}, [tool])["messages"]


def test_what_was_said_beside_a_call_comes_before_it_and_parts_are_texts() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{"}}
    messages = [
        {"role": "assistant", "content": "Let me see", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "found"}]},
    ]

    told = prompted({"messages": messages}, [{"type": "function", "function": {"name": "f"}}])["messages"]

    assert [one["content"] for one in told[1:]] == [
        "Let me see",
        '{"tool": "f", "arguments": {}}',
        "Result of f: found",
    ]
