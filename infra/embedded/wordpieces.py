"""Splits a text into the pieces of a vocabulary (byte pair encoding, as Llama 2 has it).

A word begins with the space before it, and no piece reaches across one: so each word is split by itself, and
remembered. A run without a space is cut after 64 characters, which keeps the work for it small.
"""

import json
import re
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

SPACE = "\u2581"
WORDS = re.compile(f"{SPACE}{{0,64}}[^{SPACE}]{{1,64}}|{SPACE}{{1,64}}")
REMEMBERED = 32_768
"""Words; they are of a few pieces each."""


class Wordpieces:
    """A vocabulary, and how its pieces grow out of characters."""

    def __init__(self, model: dict[str, Any]) -> None:  # as Hugging Face's tokenizers write it
        self._numbers: dict[str, int] = model["vocab"]
        self._ranks = {tuple(merge.split(" ")): rank for rank, merge in enumerate(model["merges"])}
        self._split = lru_cache(REMEMBERED)(self._split_word)

    @property
    def size(self) -> int:
        """How many pieces there are; they are numbered from 0."""
        return len(self._numbers)

    def split(self, text: str, most: int) -> list[int]:
        """The numbers of a text's pieces. It stops behind so many: what is longer has more than `most`."""
        numbers: list[int] = []
        for word in WORDS.finditer(SPACE + text.replace(" ", SPACE)):
            numbers += self._split(word[0])
            if len(numbers) > most:
                break
        return numbers

    def _split_word(self, word: str) -> tuple[int, ...]:
        parts = list(word)
        while len(parts) > 1 and (at := self._next_pair(parts)) is not None:
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        return tuple(number for part in parts for number in self._numbers_of(part))

    def _next_pair(self, parts: list[str]) -> int | None:
        """Where the two stand that grow together first; None where none do."""
        unknown = len(self._ranks)
        ranks = [self._ranks.get(pair, unknown) for pair in pairwise(parts)]
        least = min(ranks)
        return None if least == unknown else ranks.index(least)

    def _numbers_of(self, part: str) -> list[int]:
        """The number of a piece, or those of the bytes of a character that the vocabulary does not have."""
        known = self._numbers.get(part)
        if known is not None:
            return [known]
        return [self._numbers[f"<0x{byte:02X}>"] for byte in part.encode("utf-8", "replace")]


def read_wordpieces(path: Path) -> Wordpieces:
    """Those of a `tokenizer.json`."""
    return Wordpieces(json.loads(path.read_text(encoding="utf-8"))["model"])
