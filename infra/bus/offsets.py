"""Which records of one partition are finished, when many run at once and end in any order.

Kafka keeps one number per partition: everything below it is done. Here that number is the *base*: the
first offset that is not finished. What finished above it would run again after a crash, so it travels in
the commit's metadata, as run lengths. The base follows the offsets that were seen, never `+ 1`, so that
gaps (compaction, transaction markers) are harmless. Nothing here awaits, so each call is atomic on the
event loop.
"""

import base64
import binascii
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

METADATA_LIMIT = 4_000
"""Characters of metadata that we write; the broker's `offset.metadata.max.bytes` is 4096 by default."""
MAX_DONE = 1_000_000
"""Offsets that foreign metadata may claim as done: a bound, so that garbage cannot eat the memory."""
PREFIX = "w1:"
_SEVEN_BITS = 0x7F
_MORE = 0x80


class Mark(NamedTuple):
    """What is committed for a partition."""

    base: int
    metadata: str


class Tracker:
    """The offsets of one partition. Invariant: every offset below `base` was finished or never existed."""

    __slots__ = ("_changed", "_done", "_order", "base", "next")

    def __init__(self, base: int | None = None, done: Iterable[int] = ()) -> None:
        self.base = base
        """The first unfinished offset; None as long as nothing is known."""
        self.next = -1 if base is None else base
        """The first offset that was never admitted."""
        self._order: deque[int] = deque()  # admitted and not yet below the base, ascending
        self._done = set(done)  # finished, at or above the base
        self._changed = False

    @property
    def span(self) -> int:
        """How far the admitted offsets reach beyond the base."""
        return 0 if self.base is None else self.next - self.base

    @property
    def head(self) -> int | None:
        """The unfinished offset that holds the base; None when everything admitted is finished."""
        return self._order[0] if self._order else None

    @property
    def finished_above(self) -> int:
        """Count of offsets that are finished although an earlier one is not."""
        return len(self._done)

    @property
    def is_changed(self) -> bool:
        """Whether there is something to commit."""
        return self._changed and self.base is not None

    def has_passed(self, offset: int) -> bool:
        """Whether the offset was admitted before."""
        return offset < self.next

    def admit(self, offset: int) -> bool:
        """Take notice of a record; False when it must not run, since it ran already."""
        if self.has_passed(offset):
            return False
        if self.base is None:
            self.base = offset
        self.next = offset + 1
        self._order.append(offset)
        if offset in self._done:
            self._advance()
            return False
        return True

    def finish(self, offset: int) -> None:
        """The record at this offset is dealt with."""
        if self.base is None or offset < self.base:
            return
        self._done.add(offset)
        self._changed = True
        self._advance()

    def learn(self, base: int, done: Iterable[int]) -> None:
        """Take over what another owner of the partition committed meanwhile."""
        if self.base is None:
            self.base = self.next = base
        self._done.update(offset for offset in done if offset >= self.base)
        self._done.update(offset for offset in self._order if offset < base)
        self._advance()

    def mark(self, limit: int = METADATA_LIMIT) -> Mark:
        """What to commit now. Counts as committed until `touch`."""
        self._changed = False
        base = self.base or 0
        self._done = {offset for offset in self._done if offset >= base}
        return Mark(base, encode_done(base, self._done, limit))

    def touch(self) -> None:
        """Commit again, since the last commit may not have arrived."""
        self._changed = True

    def _advance(self) -> None:
        while self._order and self._order[0] in self._done:
            self._done.discard(self._order.popleft())
        base = self._order[0] if self._order else self.next
        if base != self.base:
            self.base = base
            self._changed = True


def encode_done(base: int, done: Iterable[int], limit: int = METADATA_LIMIT) -> str:
    """The finished offsets above a base, as text; what exceeds the limit is left out, and runs again."""
    packed = bytearray()
    position = base
    for first, last in _runs(sorted(offset for offset in done if offset >= base)):
        piece = _varint(first - position) + _varint(last - first + 1)
        if len(PREFIX) + _base64_length(len(packed) + len(piece)) > limit:
            break
        packed += piece
        position = last + 1
    return PREFIX + base64.b64encode(packed).decode() if packed else ""


def decode_done(base: int, metadata: str) -> set[int]:
    """The finished offsets that metadata tells of; none when somebody else wrote it."""
    if not metadata.startswith(PREFIX):
        return set()
    try:
        numbers = list(_varints(base64.b64decode(metadata[len(PREFIX) :], validate=True)))
    except (binascii.Error, ValueError):
        return set()
    done: set[int] = set()
    position = base
    for gap, length in zip(numbers[::2], numbers[1::2], strict=False):
        if len(done) + length > MAX_DONE:
            break
        position += gap
        done.update(range(position, position + length))
        position += length
    return done


def _runs(offsets: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of neighbours."""
    if not offsets:
        return
    first = last = offsets[0]
    for offset in offsets[1:]:
        if offset != last + 1:
            yield first, last
            first = offset
        last = offset
    yield first, last


def _base64_length(size: int) -> int:
    return (size + 2) // 3 * 4


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > _SEVEN_BITS:
        out.append(number & _SEVEN_BITS | _MORE)
        number >>= 7
    out.append(number)
    return bytes(out)


def _varints(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & _SEVEN_BITS) << shift
        shift += 7
        if not byte & _MORE:
            yield number
            number = shift = 0
