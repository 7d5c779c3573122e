"""Server-sent events in any pieces."""

import pytest

from contracts.errors import ApiError
from workers.completion.provider.sse import Events

PLAIN = b'data: {"a":1}\n\ndata: {"b":"x y"}\n\ndata: [DONE]\n\n'
PAYLOADS = [b'{"a":1}', b'{"b":"x y"}', b"[DONE]"]
DECORATED = (
    b'\xef\xbb\xbf: hello\n\n\nevent: chunk\nid: 1\nretry: 5\ndata: {"a":1}\n\n:\n\ndata\n\ndata:\n\n'
    b'unknown: x\ndata:{"b":"x y"}\n: tail\n\nevent: ping\n\ndata: [DONE]\n\n'
)
DOCUMENTS = [
    PLAIN,
    DECORATED,
    *(text.replace(b"\n", end) for text in (PLAIN, DECORATED) for end in (b"\r\n", b"\r")),
]


def read(*parts: bytes, max_line: int = 1_000) -> list[bytes]:
    events = Events(max_line)
    return [payload for part in parts for payload in events.feed(part)] + events.end()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_a_stream_reads_the_same_wherever_it_is_cut(document: bytes) -> None:
    for cut in range(len(document) + 1):
        assert read(document[:cut], document[cut:]) == PAYLOADS


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_stream_reads_the_same_in_small_pieces(document: bytes, size: int) -> None:
    assert read(*(document[at : at + size] for at in range(0, len(document), size))) == PAYLOADS


def test_whole_events_come_out_at_once() -> None:
    events = Events(1_000)

    assert events.feed(b'data: {"a":1}\n\ndata: {"b"') == [b'{"a":1}']
    assert events.feed(b":2}\n") == []
    assert events.feed(b"\n") == [b'{"b":2}']


def test_several_data_lines_are_one_payload() -> None:
    assert read(b'data: {"a":\ndata:1,\ndata:  "b":2}\n\n') == [b'{"a":\n1,\n "b":2}']


@pytest.mark.parametrize(
    ("rest", "payloads"),
    [
        (b'data: {"a":1}', [b'{"a":1}']),
        (b'data: {"a":1}\n', [b'{"a":1}']),
        (b'data: {"a":1}\r\n', [b'{"a":1}']),
        (b"data: [DONE]", [b"[DONE]"]),
        (b'data: {"a":{"b":1}', []),
        (b"data: [DO", []),
        (b": comment", []),
        (b"data:", []),
        (b"", []),
    ],
)
def test_the_end_of_a_stream_gives_a_last_payload_only_when_it_is_whole(
    rest: bytes, payloads: list[bytes]
) -> None:
    assert read(rest) == payloads
    assert read(b"data: 1\n\n", rest) == [b"1", *payloads]


def test_a_line_up_to_the_limit_passes() -> None:
    line = b"data: " + b"x" * 994

    assert read(line + b"\n\n") == [b"x" * 994]
    assert read(line, b"\n", b"\n") == [b"x" * 994]


@pytest.mark.parametrize("size", [1, 100, 10_000])
def test_a_line_over_the_limit_is_a_bad_answer(size: int) -> None:
    text = b"data: " + b"x" * 995 + b"\n\n"

    with pytest.raises(ApiError, match="1,000 bytes") as caught:
        read(*(text[at : at + size] for at in range(0, len(text), size)))

    assert caught.value.detail.code == "provider_bad_answer"


def test_an_endless_event_of_short_lines_is_a_bad_answer() -> None:
    with pytest.raises(ApiError):
        read(*[b"data: x\n"] * 200)
