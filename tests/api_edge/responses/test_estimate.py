"""What a response is taken to use."""

from typing import Any

from api_edge.limits.estimate import MEDIA_TOKENS
from api_edge.llm.chat import checked
from api_edge.responses.asking import Asking
from api_edge.responses.estimate import expected_of
from api_edge.responses.inputs import Put, read_input
from api_edge.responses.offers import Offers
from contracts.wire.responses import CreateResponse

URL = "data:image/png;base64," + "a" * 40_000


def asking(**fields: Any) -> Asking:  # as a client sends them
    body = {"model": "m", "input": "Hi", **fields}
    wanted = checked(CreateResponse, body)
    puts = [put for put in read_input(wanted.input) if isinstance(put, Put)]
    return Asking(wanted, body, Offers(), puts, [], None, is_prompted=False, seconds=1.0)


def test_text_counts_by_its_bytes_and_the_answer_by_its_limit() -> None:
    expected = expected_of(asking(max_output_tokens=7), 400)

    assert (expected.model, expected.prompt_tokens, expected.answer_tokens) == ("m", 101, 7)


def test_images_count_by_their_number_and_not_by_their_bytes() -> None:
    image = {"type": "input_image", "image_url": URL}

    expected = expected_of(asking(input=[{"role": "user", "content": [image]}]), len(URL) + 100)

    assert expected.prompt_tokens == 100 // 4 + 1 + MEDIA_TOKENS
    assert expected.answer_tokens is None
