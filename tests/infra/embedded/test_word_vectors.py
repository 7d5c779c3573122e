"""The mean of the vectors of pieces."""

import json
import math
import struct

import pytest

from infra.embedded.word_vectors import WordVectors

ROWS = [[3.0, 4.0, 0.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]


def table() -> WordVectors:
    """Three rows, in a safetensors file."""
    numbers = b"".join(struct.pack("<3e", *row) for row in ROWS)
    about = {"embedding.weight": {"dtype": "F16", "shape": [3, 3], "data_offsets": [0, len(numbers)]}}
    header = json.dumps(about).encode()
    return WordVectors(struct.pack("<Q", len(header)) + header + numbers)


def test_a_vector_has_length_one() -> None:
    assert table().mean([0], 3) == pytest.approx([0.6, 0.8, 0.0])


def test_the_pieces_of_a_text_count_the_same() -> None:
    length = math.sqrt(9 + 16 + 4)

    assert table().mean([0, 1], 3) == pytest.approx([3 / length, 4 / length, 2 / length])


def test_fewer_numbers_are_the_first_ones_at_length_one() -> None:
    assert table().mean([0, 1], 1) == [1.0]


def test_pieces_without_a_meaning_have_no_length() -> None:
    assert table().mean([2], 3) == [0.0, 0.0, 0.0]
