"""One record as it lies in a topic, with its headers as text."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aiokafka import ConsumerRecord

LOSSLESS = "surrogateescape"
"""Header values that are not UTF-8 survive decoding and encoding: a dead letter is the record as it was."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record of a topic. `timestamp` is Unix time in milliseconds, as its producer set it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    timestamp: int = 0


def record_of(raw: ConsumerRecord) -> Record:
    """The record as the driver fetched it. A tombstone has an empty value."""
    return Record(
        topic=raw.topic,
        partition=raw.partition,
        offset=raw.offset,
        key=raw.key,
        value=raw.value or b"",
        headers=decode_headers(raw.headers),
        timestamp=raw.timestamp,
    )


def decode_headers(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Header values as text; of a repeated name the last value counts, and none is an empty one."""
    return {name: (value or b"").decode("utf-8", LOSSLESS) for name, value in headers}


def encode_headers(headers: Mapping[str, str]) -> list[tuple[str, bytes]]:
    """Header values as bytes; the driver takes plain strings as names, no members of an enum."""
    return [(str(name), value.encode("utf-8", LOSSLESS)) for name, value in headers.items()]
