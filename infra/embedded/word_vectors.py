"""A table with a vector for each piece of a vocabulary; a text's vector is the mean of those of its pieces.

No model runs: which words a text has, and not their order, is what its vector tells.
"""

import json
import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

TENSOR = "embedding.weight"
HEADER = struct.Struct("<Q")
"""A safetensors file begins with the length of its header, a JSON object; numbers follow it."""
BYTES = 2
"""Of a number, which is a half-precision float."""
REMEMBERED = 1_024
"""Rows that are at hand as numbers: most texts are of few pieces."""


class WordVectors:
    """The table."""

    def __init__(self, data: bytes) -> None:
        """Of a safetensors file with this one table in it."""
        (length,) = HEADER.unpack_from(data)
        about = json.loads(data[HEADER.size : HEADER.size + length])[TENSOR]
        self.size, self.dimensions = about["shape"]
        self._data = data
        self._begin = HEADER.size + length + about["data_offsets"][0]
        self._numbers = struct.Struct(f"<{self.dimensions}e")
        self._row = lru_cache(REMEMBERED)(self._read_row)

    def mean(self, pieces: Sequence[int], dimensions: int) -> list[float]:
        """The vector of a text of these pieces: its first so many numbers, brought to length 1.

        The table is made so that its first numbers tell the most (Matryoshka, arxiv.org/abs/2205.13147).
        """
        columns = zip(*(self._row(piece) for piece in pieces), strict=True)
        sums = [sum(column) for column, _ in zip(columns, range(dimensions), strict=False)]
        length = math.sqrt(sum(one * one for one in sums)) or 1.0
        return [one / length for one in sums]

    def _read_row(self, piece: int) -> tuple[float, ...]:
        at = self._begin + piece * self.dimensions * BYTES
        return self._numbers.unpack_from(self._data, at)


def read_word_vectors(path: Path) -> WordVectors:
    """The table of a file."""
    return WordVectors(path.read_bytes())
