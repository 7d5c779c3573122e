"""What a conversation is called that nobody gave a title."""

from collections.abc import Iterable

from workers.completion.core.items import text_of
from workers.completion.core.jsontext import JsonObject

MOST = 60
"""Characters."""
UNTITLED = "New Conversation"
ELLIPSIS = "…"
JOINERS = frozenset("\u200d\ufe0e\ufe0f")
"""Zero-width joiner and variation selectors: what stands around them is one character to a reader."""


def title_of(messages: Iterable[JsonObject]) -> str:
    """Of the first question: its first words, at most 60 characters."""
    for message in messages:
        if message.get("role") == "user":
            text = " ".join(_printable(text_of(message.get("content"))).split())
            if text:
                return _cut(text)
    return UNTITLED


def _cut(text: str) -> str:
    """At a word's end beyond the middle, else inside the word, never inside a character."""
    if len(text) <= MOST:
        return text
    end = MOST - len(ELLIPSIS)
    space = text.rfind(" ", MOST // 2, end + 1)
    if space >= 0:
        end = space
    while end > MOST // 2 and _is_joined(text, end):
        end -= 1
    return text[:end].rstrip() + ELLIPSIS


def _is_joined(text: str, at: int) -> bool:
    """Whether a cut here would tear what a reader sees as one character."""
    letter = text[at]
    is_modifier = "\U0001f3fb" <= letter <= "\U0001f3ff" or "\u0300" <= letter <= "\u036f"
    return is_modifier or letter in JOINERS or text[at - 1] == "\u200d"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() or letter in JOINERS else " " for letter in text)
