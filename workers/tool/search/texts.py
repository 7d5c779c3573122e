"""Texts of strangers, made fit to be shown and kept."""

import math
import re
import unicodedata
from typing import Any

LONGEST_TITLE = 512
"""Characters."""
DEEPEST = 32
"""Levels of an answer; engines use about five."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u2028\u2029]+|[\t\n ]+")
_JOINER, _SELECTORS, _TONES = "\u200d", range(0xFE00, 0xFE10), range(0x1F3FB, 0x1F400)


def one_line(value: object) -> str | None:
    """A text without control characters and line breaks; None where there is none."""
    text = _CONTROLS.sub(" ", value).strip() if isinstance(value, str) else ""
    return text or None


def shortened(text: str, most: int) -> str:
    """At most so many characters, and then an ellipsis; what is one letter to its reader is not cut."""
    if len(text) <= most:
        return text
    end = most
    while end and _goes_on(text, end):
        end -= 1
    return f"{text[: end or most].rstrip()}…"


def _goes_on(text: str, at: int) -> bool:
    """Whether the character there belongs to the one before it."""
    one = text[at]
    joins = one == _JOINER or text[at - 1] == _JOINER
    return joins or unicodedata.category(one).startswith("M") or ord(one) in _SELECTORS or ord(one) in _TONES


def clean(value: Any, depth: int = 0) -> Any:  # any JSON
    """JSON that every reader and PostgreSQL take: no NUL, no half of a surrogate pair, no infinity.

    Raises ValueError where it is too deep.
    """
    if depth > DEEPEST:
        raise ValueError("too deep")
    match value:
        case dict():
            return {clean(name, depth + 1): clean(one, depth + 1) for name, one in value.items()}
        case list():
            return [clean(one, depth + 1) for one in value]
        case str():
            return value.replace("\x00", "").encode("utf-8", "replace").decode()
        case float() if not math.isfinite(value):
            return None
        case _:
            return value
