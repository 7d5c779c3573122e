"""Wherever a provider cuts its answer, and wherever the answer stops, the events of its turn fit together."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from contracts.responses.fold import TurnFold
from contracts.responses.plan import Offered, OfferKind, TurnOutcome, TurnPlan

JsonObject = dict[str, Any]  # OpenAI's wire
EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
ULID = "01KB3M5Q8Z7V2T4X6Y8W0R1S2T"
FIRST = 3
OFFERED = (
    Offered(name="weather", kind=OfferKind.FUNCTION),
    Offered(name="google_search", kind=OfferKind.WEB_SEARCH, tool="google_search"),
    Offered(name="files", kind=OfferKind.FILE_SEARCH, tool="file_search_query"),
    Offered(name="python", kind=OfferKind.CODE_INTERPRETER, tool="python_exec"),
    Offered(name="add", kind=OfferKind.MCP, tool="acme__add", server_label="acme"),
    Offered(name="rm", kind=OfferKind.MCP, tool="acme__rm", server_label="acme", needs_approval=True),
)
TEXT = "Zoë said \U0001f600\n\0."
ARGUMENTS = {
    "weather": '{"city":"Málaga"}',
    "google_search": '{"q":"x"}',
    "files": '{"query":"y"}',
    "python": '{"code":"1+1"}',
    "add": '{"a":1}',
    "rm": '{"path":"/"}',
}
OPEN = frozenset({"web_search_call", "file_search_call", "code_interpreter_call", "mcp_call"})
"""Items that the state machine ends later."""
WHOLE = {
    "output_text": "text",
    "refusal": "refusal",
    "reasoning_text": "text",
    "code_interpreter_call_code": "code",
}
"""What each kind of delta adds up to, where it is not `arguments`."""


def said(delta: JsonObject, finish: str | None = None) -> JsonObject:
    return {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def called(at: int, name: str) -> list[JsonObject]:
    begun = {"index": at, "id": f"c{at}", "function": {"name": name, "arguments": ""}}
    more = {"index": at, "function": {"arguments": ARGUMENTS[name]}}
    return [said({"tool_calls": [begun]}), said({"tool_calls": [more]})]


def written(value: JsonObject) -> list[JsonObject]:
    return [said({"content": json.dumps(value)}), said({}, "stop")]


SCRIPTS: dict[str, tuple[list[JsonObject], JsonObject]] = {
    "text": ([said({"role": "assistant", "content": ""}), said({"content": TEXT}), said({}, "stop")], {}),
    "reasoning": ([said({"reasoning": TEXT}), said({"content": TEXT}), said({}, "stop")], {}),
    "refusal": ([said({"content": TEXT}), said({"refusal": TEXT}), said({}, "stop")], {}),
    "calls": (
        [said({"reasoning_content": "Hm"}), said({"content": "So"})]
        + [piece for at, name in enumerate(ARGUMENTS) for piece in called(at, name)]
        + [said({}, "tool_calls")],
        {},
    ),
    "few calls": ([*called(0, "add"), *called(1, "files"), *called(2, "weather")], {"calls_left": 1}),
    "prompted answer": (written({"answer": f'"{TEXT}\\'}), {"is_prompted": True}),
    "prompted call": (written({"tool": "google_search", "arguments": {"q": TEXT}}), {"is_prompted": True}),
    "prompted plain": ([said({"content": '{"answers": 1}'}), said({}, "stop")], {"is_prompted": True}),
}


def folded(chunks: Sequence[JsonObject], given: JsonObject) -> tuple[list[JsonObject], TurnOutcome]:
    plan = TurnPlan(
        response_id=f"resp_{ULID}", number=1, job_id=ULID, first_output=FIRST, offered=OFFERED, **given
    )
    fold = TurnFold(plan)
    told = [event for chunk in chunks for event in fold.feed(json.dumps(chunk).encode())]
    return told + fold.end(), fold.outcome()


def halves(delta: JsonObject) -> Iterator[tuple[JsonObject, JsonObject]]:
    """The delta, in two at each place; characters beyond the first plane also in their middle."""
    for name in ("content", "refusal", "reasoning", "reasoning_content"):
        for left, right in cuts(delta.get(name) or ""):
            yield {name: left}, {name: right}
    for call in delta.get("tool_calls") or ():
        for left, right in cuts(call["function"]["arguments"]):
            first = call | {"function": call["function"] | {"arguments": left}}
            second = {"index": call["index"], "function": {"arguments": right}}
            yield {"tool_calls": [first]}, {"tool_calls": [second]}


def cuts(text: str) -> Iterator[tuple[str, str]]:
    units = text.encode("utf-16-le")
    for at in range(2, len(units), 2):
        yield tuple(half.decode("utf-16-le", "surrogatepass") for half in (units[:at], units[at:]))  # type: ignore[misc] # of two


def cut_everywhere(chunks: Sequence[JsonObject]) -> Iterator[list[JsonObject]]:
    for at, chunk in enumerate(chunks):
        for left, right in halves(chunk["choices"][0]["delta"]):
            yield [*chunks[:at], said(left), said(right), *chunks[at + 1 :]]


def assert_fits(told: Sequence[JsonObject], outcome: TurnOutcome) -> None:
    for number, event in enumerate(told):
        assert EVENT.validate_python(event | {"sequence_number": number}).type == event["type"]
    assert "\0" not in json.dumps([told, outcome.model_dump()], ensure_ascii=False).encode().decode()
    by_item: dict[int, list[JsonObject]] = defaultdict(list)
    for event in told:
        by_item[event["output_index"]].append(event)
    assert sorted(by_item) == list(range(FIRST, FIRST + len(outcome.items)))
    for at, item in enumerate(outcome.items, FIRST):
        assert_item_fits(by_item[at], item)
    assert {one.item_id for one in outcome.calls} <= {item["id"] for item in outcome.items}


def assert_item_fits(events: Sequence[JsonObject], item: JsonObject) -> None:
    kinds = [event["type"] for event in events]
    assert kinds[0] == "response.output_item.added"
    assert {event["item"]["id"] if "item" in event else event["item_id"] for event in events} == {item["id"]}
    assert kinds.count("response.output_item.done") == (item["type"] not in OPEN)
    if item["type"] in OPEN:
        assert item["status"] == "in_progress"
    else:
        assert events[-1]["item"] == item
    assert_parts_fit(events, item)
    pieces: dict[tuple[str, int], str] = defaultdict(str)
    for event in events:
        kind, _, state = event["type"].removeprefix("response.").rpartition(".")
        place = (kind, event.get("content_index", 0))
        if state == "delta":
            assert event["delta"]
            pieces[place] += event["delta"]
        elif state == "done" and kind not in ("output_item", "content_part"):
            assert pieces.pop(place, "") == event[WHOLE.get(kind, "arguments")]
    assert not pieces


def assert_parts_fit(events: Sequence[JsonObject], item: JsonObject) -> None:
    parts = [event for event in events if event["type"].startswith("response.content_part.")]
    order = [(event["type"].rpartition(".")[2], event["content_index"]) for event in parts]
    count = len(item.get("content", ()))
    assert order == [(state, at) for at in range(count) for state in ("added", "done")]
    assert [event["part"] for event in parts[1::2]] == item.get("content", [])


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_turn_is_the_same_wherever_it_is_cut(name: str) -> None:
    chunks, given = SCRIPTS[name]
    whole = folded(chunks, given)[1]

    streams = list(cut_everywhere(chunks))

    assert streams
    for stream in streams:
        told, outcome = folded(stream, given)
        assert_fits(told, outcome)
        assert outcome == whole


@pytest.mark.parametrize("finish", ["length", "stop", None])
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_turn_that_stops_anywhere_fits_together(name: str, finish: str | None) -> None:
    chunks, given = SCRIPTS[name]
    lefts = [[*chunks[:at], said(left)] for at, chunk in enumerate(chunks)
             for left, _ in halves(chunk["choices"][0]["delta"])]  # fmt: skip

    for left in [chunks[:at] for at in range(len(chunks))] + lefts:
        assert_fits(*folded([*left, said({}, finish)], given))


@pytest.mark.parametrize("name", SCRIPTS)
def test_who_folds_again_tells_the_same(name: str) -> None:
    chunks, given = SCRIPTS[name]

    assert folded(chunks, given) == folded(chunks, given)
