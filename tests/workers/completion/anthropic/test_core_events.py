"""Anthropic's streams as ours."""

import json

import pytest

from contracts.errors import ApiError
from contracts.events import Ending, Usage
from tests.workers.completion.anthropic.saying import (
    CREATED,
    Json,
    begin,
    block,
    called,
    end,
    event,
    failure,
    said,
    thought,
)
from workers.completion.core import DONE, MayPass, Stream
from workers.completion.core.anthropic import Chunks, has_stop
from workers.completion.core.whole import whole_of

USAGE = {
    "prompt_tokens": 16,
    "completion_tokens": 7,
    "total_tokens": 23,
    "prompt_tokens_details": {"cached_tokens": 3},
    "completion_tokens_details": {"reasoning_tokens": 0},
}


def translated(*events: bytes) -> list[bytes]:
    chunks = Chunks(CREATED)
    return [chunk for data in events for chunk in chunks.feed(data)]


def deltas(*events: bytes) -> list[Json]:
    """What the chunks behind the role say."""
    chunks = [json.loads(data) for data in translated(begin(), *events) if data != DONE]
    return [choice["delta"] for chunk in chunks[1:] for choice in chunk["choices"]]


def folded(*events: bytes) -> tuple[Json, Ending]:
    """What the worker makes of a stream: the whole answer, and its end."""
    stream = Stream("chatcmpl-1", "default", wants_usage=True)
    payloads = [out for data in translated(*events) if (out := stream.feed(data)) is not None]
    return whole_of(payloads, "chatcmpl-1"), stream.close()


def test_a_stream_of_text_is_this() -> None:
    payloads = translated(begin(), event("ping"), *said("Hi", " there"), *end())

    head = {"id": "msg_01", "object": "chat.completion.chunk", "created": CREATED, "model": "claude-opus-4-6"}

    def chunk(delta: Json, reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return head | {"choices": [choice]}

    assert payloads[-1] == DONE
    assert [json.loads(payload) for payload in payloads[:-1]] == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hi"}),
        chunk({"content": " there"}),
        chunk({}, "stop"),
        head | {"choices": [], "usage": USAGE},
    ]


def test_a_folded_stream_is_a_whole_answer() -> None:
    whole, ending = folded(begin(), *said("Hi", " there"), *end())

    assert whole["choices"][0]["message"]["content"] == "Hi there"
    assert whole["usage"] == USAGE
    assert ending == Ending(
        model="claude-opus-4-6",
        finish_reason="stop",
        usage=Usage(input_tokens=16, output_tokens=7, cached_tokens=3),
    )


def test_calls_are_numbered_and_their_arguments_come_in_pieces() -> None:
    whole, ending = folded(
        begin(),
        *said("I look."),
        *called("weather", "", '{"city":', '"Rome"}', index=1),
        *called("now", "", index=2),
        *end("tool_use"),
    )

    message = whole["choices"][0]["message"]
    assert message["content"] == "I look."
    assert [
        (call["index"], call["id"], call["type"], call["function"]) for call in message["tool_calls"]
    ] == [
        (0, "toolu_1", "function", {"name": "weather", "arguments": '{"city":"Rome"}'}),
        (1, "toolu_2", "function", {"name": "now", "arguments": "{}"}),
    ]
    assert ending.finish_reason == "tool_calls"


def test_a_call_begins_with_its_id_and_name_alone() -> None:
    first, second = deltas(*called("weather", '{"a":1}'))

    function = {"name": "weather", "arguments": ""}
    assert first == {"tool_calls": [{"index": 0, "id": "toolu_0", "type": "function", "function": function}]}
    assert second == {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}


def test_arguments_that_come_with_the_calls_begin_are_not_lost() -> None:
    events = block("tool_use", id="toolu_0", name="f", input={"a": 1})

    assert deltas(*events)[-1] == {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}}]}


def test_thoughts_are_reasoning_and_come_once_more_whole_and_signed() -> None:
    events = [*thought("Hm", ", so"), *block("redacted_thinking", data="x"), *said("42")]

    assert deltas(*events) == [
        {"reasoning_content": "Hm"},
        {"reasoning_content": ", so"},
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm, so", "signature": "sig"}]},
        {"thinking_blocks": [{"type": "redacted_thinking", "data": "x"}]},
        {"content": "42"},
    ]


def test_thoughts_that_are_only_signed_are_kept() -> None:
    signed = {"type": "thinking", "thinking": "", "signature": "sig"}

    assert deltas(*thought()) == [{"thinking_blocks": [signed]}]


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "content_filter"),
        ("something_new", "something_new"),
    ],
)
def test_reasons_have_openais_names(reason: str, told: str) -> None:
    assert folded(begin(), *said("x"), *end(reason))[1].finish_reason == told


def test_the_last_told_usage_counts() -> None:
    events = [begin(), *said("x"), *end(input_tokens=100, cache_read_input_tokens=None)]

    usage = folded(*events, event("ping"))[1].usage

    assert usage == Usage(input_tokens=105, output_tokens=7, cached_tokens=3)


def test_thinking_is_counted() -> None:
    usage = folded(begin(), *said("x"), *end(output_tokens_details={"thinking_tokens": 5}))[1].usage

    assert usage
    assert usage.reasoning_tokens == 5


def test_usage_that_is_never_told_is_counted_by_chunks() -> None:
    events = [begin({}), *said("x", "y"), event("message_delta", delta={"stop_reason": "end_turn"})]

    assert folded(*events, event("message_stop"))[1].usage == Usage(output_tokens=2, estimated=True)


@pytest.mark.parametrize(
    "events",
    [
        [begin()],
        [begin(), *said("x")],
        [begin(), *said("x"), event("message_stop")],
        [begin(), *said("x"), *end(None)],
    ],
)
def test_a_stream_without_its_reason_was_cut(events: list[bytes]) -> None:
    with pytest.raises(MayPass) as caught:
        folded(*events)

    assert caught.value.detail.code == "provider_stream_cut"


def test_events_and_deltas_of_the_future_are_passed_over() -> None:
    events = [
        event("something_new", a=1),
        *block("server_tool_use", {"type": "input_json_delta", "partial_json": ""}, id="s", name="n"),
        *block("text", {"type": "citations_delta", "citation": {}}, text="", index=1),
    ]

    assert deltas(*events) == []


def test_text_in_a_blocks_begin_is_not_lost() -> None:
    assert deltas(*block("text", text="Hi")) == [{"content": "Hi"}]


@pytest.mark.parametrize(
    ("kind", "status", "code", "passes"),
    [
        ("overloaded_error", 502, "provider_error", True),
        ("api_error", 502, "provider_error", True),
        ("timeout_error", 502, "provider_error", True),
        ("rate_limit_error", 429, "provider_rate_limited", True),
        ("authentication_error", 502, "provider_error", False),
        ("permission_error", 502, "provider_error", False),
        ("billing_error", 502, "provider_error", False),
        ("invalid_request_error", 400, None, False),
        ("request_too_large", 413, None, False),
        ("not_found_error", 404, None, False),
    ],
)
def test_an_error_in_a_stream_is_the_one_of_its_type(
    kind: str,
    status: int,
    code: str | None,
    passes: bool,  # noqa: FBT001  a column
) -> None:
    with pytest.raises(ApiError) as caught:
        translated(begin(), *said("x"), failure(kind))

    assert (caught.value.detail.status, caught.value.detail.code) == (status, code)
    assert isinstance(caught.value, MayPass) is passes


@pytest.mark.parametrize(
    "data",
    [
        b"[1]",
        b"<html>",
        event("message_start"),
        event("message_start", message={"id": "x"}),
        event("content_block_start", index=0),
        event("content_block_start", index=0, content_block={"type": "tool_use"}),
        event("content_block_delta", index=0, delta={"type": "text_delta"}),
        event("content_block_delta", index=0, delta={"type": "text_delta", "text": 7}),
        event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": None}),
        event("content_block_delta", index=0, delta={"type": "input_json_delta"}),
        event("content_block_delta", index=0, delta={"type": "input_json_delta", "partial_json": {"a": 1}}),
        event("content_block_delta", index=0, delta="x"),
        event("message_delta"),
    ],
)
def test_what_is_no_event_is_a_bad_answer(data: bytes) -> None:
    with pytest.raises(ApiError) as caught:
        Chunks(CREATED).feed(data)

    assert caught.value.detail.code == "provider_bad_answer"


def test_a_streams_end_is_known_by_its_type_alone() -> None:
    text = event(
        "content_block_delta", index=0, delta={"type": "text_delta", "text": '{"type":"message_stop"}'}
    )

    assert has_stop([event("ping"), event("message_stop")])
    assert not has_stop([text, event("message_delta", note="message_stop")])
    assert not has_stop([])
