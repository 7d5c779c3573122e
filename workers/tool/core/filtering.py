"""What admins disallow: patterns (RE2, so that none takes long) in arguments, and in parts of results."""

import json
from collections.abc import Sequence
from typing import Any

import re2

from contracts.tools.spec import ToolResult, text_block


class BadPattern(ValueError):
    """A pattern that RE2 does not take; the message says why."""


class Filter:
    """The patterns of one tool."""

    def __init__(self, patterns: Sequence[str]) -> None:
        """Raises BadPattern."""
        try:
            self._patterns = [re2.compile(f"(?i){pattern}") for pattern in patterns]
        except re2.error as error:
            raise BadPattern(str(error)) from error

    def finds(self, value: Any) -> bool:  # any JSON
        """Whether one of them is found in a text somewhere in a JSON value."""
        return bool(self._patterns) and any(
            pattern.search(text) for text in _texts(value) for pattern in self._patterns
        )

    def filtered(self, result: ToolResult) -> ToolResult:
        """A result without the entries of lists, and the lines of texts, in which one of them is found."""
        if not self._patterns or not self.finds([result.content, result.structured]):
            return result
        if result.structured is not None:
            kept = self._without(result.structured)
            text = json.dumps(kept, ensure_ascii=False)
            return result.model_copy(update={"structured": kept, "content": [text_block(text)]})
        return result.model_copy(update={"content": [self._without(block) for block in result.content]})

    def _without(self, value: Any) -> Any:  # any JSON
        match value:
            case dict():
                return {name: self._without(one) for name, one in value.items()}
            case list():
                return [self._without(one) for one in value if not self.finds(one)]
            case str() if self.finds(value):
                return "\n".join(line for line in value.splitlines() if not self.finds(line))
            case _:
                return value


def _texts(value: Any) -> list[str]:  # any JSON
    match value:
        case str():
            return [value]
        case dict():
            return [text for one in value.values() for text in _texts(one)]
        case list():
            return [text for one in value for text in _texts(one)]
        case _:
            return []
