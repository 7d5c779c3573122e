"""Texts that come in pieces, as every reader and every database takes them.

Some providers cut a character in two tokens, each with half a surrogate pair: the first half waits for the
other one. What never becomes a character, and U+0000, is told as U+FFFD.
"""

import json
from typing import Any

from pydantic_core import from_json

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature
UNKNOWN = "\N{REPLACEMENT CHARACTER}"


class Pieces:
    """One text on its way."""

    __slots__ = ("_held", "_told")

    def __init__(self) -> None:
        self._held = ""
        self._told: list[str] = []

    def feed(self, piece: str) -> str:
        """What of it can be told now."""
        if self._held:
            piece = self._held + piece
            self._held = ""
        if not piece.isascii():
            if "\ud800" <= piece[-1] <= "\udbff":
                self._held, piece = piece[-1], piece[:-1]
            piece = _joined(piece)
        elif "\0" in piece:
            piece = piece.replace("\0", UNKNOWN)
        if piece:
            self._told.append(piece)
        return piece

    def end(self) -> str:
        """What is left to be told: nothing more comes."""
        if not self._held:
            return ""
        self._held = ""
        self._told.append(UNKNOWN)
        return UNKNOWN

    @property
    def whole(self) -> str:
        """All that was told."""
        return "".join(self._told)


def cleaned(text: str) -> str:
    """A text that can be told."""
    return text if text.isascii() and "\0" not in text else _joined(text)


def read_json(data: bytes | str) -> Any:  # any JSON
    """A value, or None for what is none. pydantic_core is fast, and refuses half a surrogate pair."""
    try:
        return from_json(data)
    except ValueError:
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            return None


def _joined(text: str) -> str:
    units = text.encode("utf-16-le", "surrogatepass")
    return units.decode("utf-16-le", "replace").replace("\0", UNKNOWN)
