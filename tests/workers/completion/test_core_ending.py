"""What the last frame of a completion tells of its end."""

import json

import pytest

from contracts.events import Ending, Usage
from contracts.frames import FrameKind, frame
from workers.completion.core import ending_of


def test_a_whole_answer_tells_its_end_in_its_body() -> None:
    body = {
        "model": "m",
        "choices": [{"message": {}, "finish_reason": "length"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }

    ending = ending_of(frame(FrameKind.RESULT, 2, json.dumps(body).encode()))

    assert ending == Ending(model="m", finish_reason="length", usage=Usage(input_tokens=3, output_tokens=2))


@pytest.mark.parametrize("start", [0, 5])
def test_the_end_of_a_stream_tells_it_as_it_was_sent(start: int) -> None:
    ending = Ending(model="m", finish_reason="stop", usage=Usage(output_tokens=2, estimated=True))

    assert ending_of(frame(FrameKind.END, 3, ending.model_dump_json().encode(), start)) == ending


def test_an_end_of_a_worker_that_told_nothing_is_an_end() -> None:
    assert ending_of(frame(FrameKind.END, 1, b"")) == Ending()
