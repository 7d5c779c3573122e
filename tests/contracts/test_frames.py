"""Frames and relay messages survive the way, and a message that was cut is noticed."""

import random

import pytest

from contracts.frames import (
    HEADER,
    FrameKind,
    attempt_of,
    frame,
    is_terminal,
    mark_of,
    pack,
    payload_of,
    start_of,
    unpack,
)
from contracts.ids import new_ulid

JOB = "01ARYZ6S41TSV4RRFFQ69G5FAV"
SEED = 20261122


def test_a_frame_reads_as_it_stands_in_the_log() -> None:
    raw = frame(FrameKind.CHUNK, 12, b'{"x_seq":0}')

    assert raw == b'c12 {"x_seq":0}'
    assert attempt_of(raw) == 12
    assert payload_of(raw) == b'{"x_seq":0}'


def test_the_frames_of_an_attempt_that_goes_on_name_where_it_began() -> None:
    raw = frame(FrameKind.CHUNK, 2, b"{}", start=57)

    assert raw == b"c2@57 {}"
    assert (attempt_of(raw), start_of(raw), payload_of(raw)) == (2, 57, b"{}")
    assert mark_of(raw) == mark_of(frame(FrameKind.END, 2, b"", start=57))
    assert start_of(frame(FrameKind.CHUNK, 2, b"{}")) == 0


@pytest.mark.parametrize("payload", [b"", b" ", b"a b c", b"\x00\xff\n", b"c1 x"])
def test_a_payload_of_any_bytes_comes_back(payload: bytes) -> None:
    raw = frame(FrameKind.RESULT, 1, payload)

    assert payload_of(raw) == payload
    assert attempt_of(raw) == 1


@pytest.mark.parametrize(
    ("kind", "terminal"),
    [
        (FrameKind.CHUNK, False),
        (FrameKind.RESULT, True),
        (FrameKind.ERROR, True),
        (FrameKind.END, True),
    ],
)
def test_all_but_a_chunk_end_the_job(kind: FrameKind, terminal: bool) -> None:  # noqa: FBT001
    assert is_terminal(frame(kind, 1, b"")) is terminal


def test_a_message_of_many_jobs_comes_apart_as_it_was_put_together() -> None:
    random_bytes = random.Random(SEED)  # noqa: S311  repeatable cases
    for _ in range(200):
        parts = [
            (new_ulid(), random_bytes.randrange(2**32), some_frames(random_bytes))
            for _ in range(random_bytes.randrange(6))
        ]

        message = b"".join(pack(*part) for part in parts)

        assert unpack(message) == parts


def test_a_message_cut_anywhere_is_either_refused_or_whole_parts() -> None:
    parts = [(JOB, 3, [b"c1 one", b"c1 "]), (JOB, 5, []), (JOB, 5, [b"z1 "])]
    packed = [pack(*part) for part in parts]
    message = b"".join(packed)
    whole = {sum(map(len, packed[:count])): parts[:count] for count in range(len(parts) + 1)}

    for end in range(len(message) + 1):
        if end in whole:
            assert unpack(message[:end]) == whole[end]
        else:
            with pytest.raises(ValueError, match="cut short"):
                unpack(message[:end])


def test_a_count_that_promises_too_much_is_refused() -> None:
    with pytest.raises(ValueError, match="cut short"):
        unpack(HEADER.pack(JOB.encode(), 0, 2**32 - 1))


def some_frames(source: random.Random) -> list[bytes]:
    """A few frames of random kinds, attempts and payloads."""
    return [
        frame(
            source.choice(list(FrameKind)),
            source.randrange(1, 1_000),
            source.randbytes(source.randrange(300)),
        )
        for _ in range(source.randrange(5))
    ]
