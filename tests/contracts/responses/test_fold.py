"""A turn's chunks become items and events, the same for whoever folds them."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from contracts.events import Usage
from contracts.responses.fold import TurnFold
from contracts.responses.plan import Offered, OfferKind, TurnOutcome, TurnPlan

JsonObject = dict[str, Any]  # OpenAI's wire
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
ULID = "01KB3M5Q8Z7V2T4X6Y8W0R1S2T"
OFFERED = (
    Offered(name="weather", kind=OfferKind.FUNCTION),
    Offered(name="google_search", kind=OfferKind.WEB_SEARCH, tool="google_search"),
    Offered(name="scrape", kind=OfferKind.WEB_SEARCH, tool="scrape"),
    Offered(name="file_search_query", kind=OfferKind.FILE_SEARCH, tool="file_search_query"),
    Offered(name="python_exec", kind=OfferKind.CODE_INTERPRETER, tool="python_exec"),
    Offered(name="acme_add", kind=OfferKind.MCP, tool="acme__add", server_label="acme", shown_name="add"),
    Offered(name="acme_rm", kind=OfferKind.MCP, tool="acme__rm", server_label="acme", needs_approval=True),
)
SEARCHED = {"type": "search", "query": "x", "queries": ["x"], "sources": []}
STOP = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def plan(**given: Any) -> TurnPlan:  # its fields
    about = {"response_id": f"resp_{ULID}", "number": 0, "job_id": ULID, "first_output": 0}
    return TurnPlan(**{**about, "offered": OFFERED, **given})


def chunk(**delta: Any) -> JsonObject:
    return {"choices": [{"index": 0, "delta": delta}]}


def call(name: str, arguments: str, index: int = 0, call_id: str | None = "call_1") -> JsonObject:
    piece = {"index": index, "id": call_id, "function": {"name": name, "arguments": arguments}}
    return chunk(tool_calls=[piece])


def more(arguments: str, index: int = 0) -> JsonObject:
    return chunk(tool_calls=[{"index": index, "function": {"arguments": arguments}}])


def folded(
    chunks: Iterable[JsonObject], turn: TurnPlan | None = None
) -> tuple[list[JsonObject], TurnOutcome]:
    """The events, each of which OpenAI's SDK knows, and the outcome."""
    fold = TurnFold(turn or plan())
    told = [event for one in chunks for event in fold.feed(json.dumps(one).encode())]
    told += fold.end()
    for number, event in enumerate(told):
        known = EVENT.validate_python(event | {"sequence_number": number})
        assert known.type == event["type"]
        json.dumps(event, ensure_ascii=False).encode()
    return told, fold.outcome()


def kinds(events: Sequence[JsonObject]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


MESSAGE = [
    *("output_item.added", "content_part.added", "output_text.delta", "output_text.done"),
    *("content_part.done", "output_item.done"),
]


def test_text_is_a_message() -> None:
    told, outcome = folded([chunk(role="assistant", content=""), chunk(content="Hi"), STOP])

    assert kinds(told) == MESSAGE
    (item,) = outcome.items
    assert item == told[-1]["item"]
    assert item["content"] == [{"type": "output_text", "text": "Hi", "annotations": [], "logprobs": []}]
    assert (item["role"], item["status"], item["id"][:4]) == ("assistant", "completed", "msg_")
    assert outcome.finish_reason == "stop"


def test_deltas_add_up_to_the_text() -> None:
    told, outcome = folded(
        [chunk(content=piece) for piece in ("a", "b\0", "é", "\ud83d", "\ude00", "\ud83d")]
    )

    deltas = [event["delta"] for event in told if event["type"].endswith("delta")]
    assert "".join(deltas) == outcome.items[0]["content"][0]["text"] == "ab\ufffdé\U0001f600\ufffd"


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_an_item_of_its_own_that_ends_where_the_answer_begins(name: str) -> None:
    told, outcome = folded([chunk(**{name: "Hm"}), chunk(content="Hi")])

    assert kinds(told)[:6] == [
        *("output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.done"),
        *("content_part.done", "output_item.done"),
    ]
    assert kinds(told)[6:] == MESSAGE
    assert [item["type"] for item in outcome.items] == ["reasoning", "message"]
    assert [event["output_index"] for event in told] == [0] * 6 + [1] * 6


def test_a_refusal_is_a_part_of_its_own() -> None:
    told, outcome = folded([chunk(content="I "), chunk(refusal="won't")])

    assert [part["type"] for part in outcome.items[0]["content"]] == ["output_text", "refusal"]
    assert "refusal.done" in kinds(told)
    assert outcome.refusal


def test_a_turn_without_a_word_is_an_empty_message() -> None:
    told, outcome = folded([STOP])

    assert kinds(told) == [kind for kind in MESSAGE if not kind.endswith("delta")]
    assert outcome.items[0]["content"][0]["text"] == ""


def test_log_probabilities_are_told_with_the_text() -> None:
    said = {
        "token": "Hi",
        "logprob": -0.5,
        "bytes": [72, 105],
        "top_logprobs": [{"token": "Ho", "logprob": -2.0}],
    }
    one = {"choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": {"content": [said]}}]}

    told, outcome = folded([one])

    (told_one,) = outcome.items[0]["content"][0]["logprobs"]
    assert told_one["top_logprobs"] == [{"token": "Ho", "logprob": -2.0, "bytes": []}]
    assert told[2]["logprobs"] == [told_one]


def test_a_clients_function_is_told_as_it_grows() -> None:
    told, outcome = folded([chunk(content="So"), call("weather", '{"ci'), more('ty":"Oslo"}'), STOP])

    assert kinds(told)[6:] == [
        *("output_item.added", "function_call_arguments.delta", "function_call_arguments.delta"),
        *("function_call_arguments.done", "output_item.done"),
    ]
    item = outcome.items[1]
    assert (item["call_id"], item["name"], item["arguments"]) == ("call_1", "weather", '{"city":"Oslo"}')
    assert outcome.calls[0].offered == OFFERED[0]


@pytest.mark.parametrize(
    ("name", "arguments", "shown"),
    [
        ("google_search", '{"q": "x"}', {"action": SEARCHED}),
        ("scrape", '{"url": "http://a.b"}', {"action": {"type": "open_page", "url": "http://a.b"}}),
        ("file_search_query", '{"query": "x"}', {"queries": ["x"], "results": None}),
        ("python_exec", '{"code": "1"}', {"code": "1", "outputs": None}),
        ("python_exec", '{"code', {"code": ""}),
        ("acme_add", '{"a": 1}', {"server_label": "acme", "name": "add", "arguments": '{"a": 1}'}),
    ],
)  # fmt: skip
def test_calls_of_ours_stay_open(name: str, arguments: str, shown: JsonObject) -> None:
    told, outcome = folded([call(name, arguments)])

    (item,) = outcome.items
    assert shown.items() <= item.items()
    assert item["status"] == "in_progress"
    assert f"{item['type']}.in_progress" in kinds(told)
    assert "output_item.done" not in kinds(told)
    assert outcome.calls[0].item_id == item["id"]


def test_a_call_that_needs_approval_is_a_question() -> None:
    told, outcome = folded([call("acme_rm", "{}")])

    assert kinds(told) == ["output_item.added", "output_item.done"]
    assert outcome.items[0]["type"] == "mcp_approval_request"


def test_a_call_of_what_is_not_offered_is_a_function_call() -> None:
    _, outcome = folded([call("nothing", "{}")])

    assert outcome.items[0]["type"] == "function_call"
    assert outcome.calls[0].offered is None


def test_calls_are_numbered_as_they_begin_and_end_in_that_order() -> None:
    first, second = call("weather", "{", 0, "a"), call("weather", "{", 1, "b")
    told, outcome = folded([first, second, more("}", 0), more("}", 1)], plan(first_output=5))

    done = [event for event in told if event["type"].endswith("item.done")]
    assert [event["output_index"] for event in done] == [5, 6]
    assert [item["arguments"] for item in outcome.items] == ["{}", "{}"]


def test_a_provider_that_numbers_no_calls_is_understood() -> None:
    pieces = [
        {"id": "a", "function": {"name": "weather", "arguments": "{"}},
        {"function": {"arguments": "}"}},
        {"id": "b", "function": {"name": "weather", "arguments": "{}"}},
    ]

    _, outcome = folded([chunk(tool_calls=[piece]) for piece in pieces])

    assert [(one.call_id, one.arguments) for one in outcome.calls] == [("a", "{}"), ("b", "{}")]


def test_two_calls_with_one_id_get_two() -> None:
    _, outcome = folded(
        [call("weather", "{}", 0, "x"), call("weather", "{}", 1, "x"), call("weather", "{}", 2, None)]
    )

    ids = [one.call_id for one in outcome.calls]
    assert ids[0] == "x"
    assert len(set(ids)) == 3


def test_calls_of_ours_beyond_those_left_are_ignored() -> None:
    made = [call("google_search", "{}", at, f"c{at}") for at in range(3)] + [call("weather", "{}", 3, "c3")]

    told, outcome = folded(made, plan(calls_left=1))

    assert [one.name for one in outcome.calls] == ["google_search", "weather"]
    assert {event["output_index"] for event in told} == {0, 1}


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_what_was_cut_is_incomplete(finish: str) -> None:
    end = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]}

    _, text = folded([chunk(content="Hi"), end])
    _, called = folded([call("weather", '{"ci'), end])

    assert (text.items[0]["status"], called.items[0]["status"]) == ("incomplete", "incomplete")


def test_usage_is_that_which_was_told_last() -> None:
    told = {
        "prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 3},
    }  # fmt: skip

    _, outcome = folded(
        [chunk(content="Hi"), {"choices": [], "usage": told}, {"choices": None, "usage": None}]
    )

    assert outcome.usage == Usage(input_tokens=5, output_tokens=7, cached_tokens=2, reasoning_tokens=3)


@pytest.mark.parametrize(
    "odd",
    [b"", b"[]", b"null", b'{"choices": 1}', b'{"choices": [1]}', b'{"choices": [{"delta": 1}]}', b"{",
     b'{"choices": [{"delta": {"tool_calls": [1, {"function": 2}], "content": 3}}]}',
     b'{"usage": 4}',
     b'{"choices": [{"index": 1, "delta": {"content": "other"}}]}'],
)  # fmt: skip
def test_what_is_no_chunk_tells_nothing(odd: bytes) -> None:
    assert TurnFold(plan()).feed(odd) == []


ANSWER = '{ "answer" : "He said \\"h\\u00e9\\ud83d\\ude00\\" \\\\ \\n" }'
TOOL = '{"tool": "google_search", "arguments": {"q": "x"}}'


@pytest.mark.parametrize("at", range(1, len(ANSWER)))
def test_a_prompted_answer_is_told_wherever_it_is_cut(at: int) -> None:
    told, outcome = folded([chunk(content=ANSWER[:at]), chunk(content=ANSWER[at:])], plan(is_prompted=True))

    text = outcome.items[0]["content"][0]["text"]
    assert text == 'He said "hé\U0001f600" \\ \n'
    assert "".join(event["delta"] for event in told if event["type"].endswith("delta")) == text


@pytest.mark.parametrize("at", range(1, len(TOOL)))
def test_a_prompted_call_is_a_call_wherever_it_is_cut(at: int) -> None:
    told, outcome = folded([chunk(content=TOOL[:at]), chunk(content=TOOL[at:])], plan(is_prompted=True))

    assert kinds(told) == ["output_item.added", "web_search_call.in_progress"]
    assert outcome.items[0]["action"]["query"] == "x"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Just text", "Just text"),
        ("  {not json", "  {not json"),
        ('{"answer": {"a": 1}}', '{"a": 1}'),
        ('{"answer": "cut', "cut"),
        ('{"tool": "google_se', ""),
        ('{"tool": 1}', ""),
    ],
)
def test_what_keeps_to_no_form_is_shown_as_it_is(written: str, shown: str) -> None:
    _, outcome = folded([chunk(content=letter) for letter in written], plan(is_prompted=True))

    assert [part["text"] for part in outcome.items[0]["content"]] == [shown]
    assert not outcome.calls
