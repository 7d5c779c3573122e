"""What a reading sees, and what it misses."""

import json
import time

import pytest

from tests.bench.reading import Reading, StreamReading, WholeReading

FINISH = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"choices": [], "usage": {"completion_tokens": 2}}
DONE = b"data: [DONE]\n\n"


def event(chunk: object) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def token(stamp: int) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"content": f"{stamp:019d}"}, "finish_reason": None}]})


def read(*parts: bytes, tokens: int = 2) -> StreamReading:
    reading = StreamReading(tokens, [])
    reading.status = 200
    for part in parts:
        reading.feed(part)
    return reading


WHOLE_STREAM = (token(1_000_001), token(1_000_002), event(FINISH), event(USAGE), DONE)


def test_a_whole_stream_has_no_problem() -> None:
    reading = read(*WHOLE_STREAM)

    assert reading.problem() is None
    assert reading.tokens == 2


def test_events_may_come_in_any_pieces() -> None:
    stream = b"".join(WHOLE_STREAM)

    assert read(*[stream[i : i + 7] for i in range(0, len(stream), 7)]).problem() is None
    assert read(stream).problem() is None


def test_a_heartbeat_before_an_event_changes_nothing() -> None:
    first, *rest = WHOLE_STREAM

    assert read(b": ping\n" + first, b": ping\n", *rest).problem() is None


@pytest.mark.parametrize(
    ("left_out", "problem"),
    [
        (0, "missing_tokens"),
        (1, "missing_tokens"),
        (2, "missing_finish"),
        (3, "missing_usage"),
        (4, "missing_done"),
    ],
)
def test_what_is_left_out_is_named(left_out: int, problem: str) -> None:
    parts = [part for place, part in enumerate(WHOLE_STREAM) if place != left_out]

    assert read(*parts).problem() == problem


def test_a_repeated_token_is_seen_by_its_stamp() -> None:
    parts = (token(1_000_001), token(1_000_001), *WHOLE_STREAM[2:])

    assert read(*parts).problem() == "disordered_tokens"


def test_an_error_frame_is_a_problem_with_an_example() -> None:
    reading = read(WHOLE_STREAM[0], event({"error": {"code": "worker_lost"}}))

    assert reading.problem() == "error_frame"
    assert "worker_lost" in reading.example


def test_transit_is_the_time_since_the_stamp() -> None:
    transit_ns: list[int] = []
    reading = StreamReading(1, transit_ns)
    reading.status = 200

    reading.feed(token(time.monotonic_ns()))

    assert 0 < transit_ns[0] < 1_000_000_000
    assert reading.first_ns >= reading.started_ns


def test_a_status_beside_200_is_a_problem_with_an_example() -> None:
    reading = StreamReading(2, [])
    reading.status = 503
    reading.feed(b'{"error": {"code": "overloaded"}}')

    assert reading.problem() == "http_503"
    assert "overloaded" in reading.example


def whole(answer: object) -> Reading:
    reading = WholeReading(16)
    reading.status = 200
    reading.feed(json.dumps(answer).encode())
    return reading


def answer(finish: str | None = "stop", tokens: int = 16) -> dict[str, object]:
    choice = {"message": {"content": "token "}, "finish_reason": finish}
    return {"choices": [choice], "usage": {"completion_tokens": tokens}}


def test_a_whole_answer_needs_text_finish_and_usage() -> None:
    assert whole(answer()).problem() is None
    assert whole(answer(finish=None)).problem() == "missing_finish"
    assert whole(answer(tokens=15)).problem() == "missing_usage"
    assert whole({"choices": []}).problem() == "bad_answer"
