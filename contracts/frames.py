"""One piece of a job's output, as it stands in the job's log and on the relay's wire.

A frame is bytes that a person can read in the log: its kind (one letter), its attempt, a space, its payload.

    c1 {"id":"chatcmpl-01J...","choices":[...],"x_seq":0}

Its `seq` is its index in the log. Frames stay bytes on the way from worker to client: no object per token.
An attempt that goes on where a lost one stopped names the seq of its own first frame: `c2@57 {...}`. So who
meets a new attempt's frames can tell a continued log from one that was begun anew, and never joins the two.
"""

import struct
from collections.abc import Sequence
from enum import IntEnum

from contracts.ids import JOB_ID_LENGTH

HEADER = struct.Struct(f">{JOB_ID_LENGTH}sII")
"""One job's part of a relay message: job id, seq of its first frame, count of frames."""
LENGTH = struct.Struct(">I")


class FrameKind(IntEnum):
    """The first byte of a frame."""

    CHUNK = ord("c")
    """A piece of a stream: one JSON object."""
    FOLLOW = ord("f")
    """Another job's log belongs here: a TurnPlan, of a response's model turn."""
    RESULT = ord("r")
    """The whole answer of a job that was not streamed. Terminal."""
    ERROR = ord("e")
    """A Failure. Terminal."""
    END = ord("z")
    """The stream is whole: an Ending. Terminal."""


TERMINAL = frozenset({FrameKind.RESULT, FrameKind.ERROR, FrameKind.END})


def frame(kind: FrameKind, attempt: int, payload: bytes, start: int = 0) -> bytes:
    """Build a frame. `start` is the seq of its attempt's first frame."""
    if start:
        return b"%c%d@%d %b" % (kind, attempt, start, payload)
    return b"%c%d %b" % (kind, attempt, payload)


def payload_of(raw: bytes) -> bytes:
    """The payload of a frame."""
    return raw[raw.index(b" ") + 1 :]


def mark_of(raw: bytes) -> bytes:
    """The attempt of a frame with its start, as they are written: the same for all frames of an attempt."""
    return raw[1 : raw.index(b" ")]


def attempt_of(raw: bytes) -> int:
    """The attempt that wrote a frame."""
    return int(mark_of(raw).partition(b"@")[0])


def start_of(raw: bytes) -> int:
    """The seq of the first frame that a frame's attempt wrote."""
    return int(mark_of(raw).partition(b"@")[2] or 0)


def is_terminal(raw: bytes) -> bool:
    """Whether no frame follows this one."""
    return raw[0] in TERMINAL


def pack(job_id: str, first_seq: int, frames: Sequence[bytes]) -> bytes:
    """One job's part of a relay message."""
    parts = [HEADER.pack(job_id.encode(), first_seq, len(frames))]
    for raw in frames:
        parts += (LENGTH.pack(len(raw)), raw)
    return b"".join(parts)


def unpack(message: bytes) -> list[tuple[str, int, list[bytes]]]:
    """The parts of a relay message: job id, seq of the first frame, frames.

    Raises ValueError when the message is cut short.
    """
    parts = []
    at = 0
    try:
        while at < len(message):
            job_id, first_seq, count = HEADER.unpack_from(message, at)
            at += HEADER.size
            frames = []
            for _ in range(count):
                (length,) = LENGTH.unpack_from(message, at)
                at += LENGTH.size
                frames.append(message[at : at + length])
                at += length
            parts.append((job_id.decode(), first_seq, frames))
    except struct.error as error:
        raise ValueError(f"relay message is cut short: {error}") from error
    if at != len(message):
        raise ValueError("relay message is cut short")
    return parts
