"""What the database can keep: PostgreSQL has neither U+0000, half of a surrogate pair, nor an infinity."""

import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator

UNKEPT = re.compile("[\x00\ud800-\udfff]")
WHY = "must not hold U+0000, or half of a surrogate pair"
WHY_NUMBER = "must be a number that can be kept"


def is_storable(text: str) -> bool:
    """Whether a text can be kept as it is."""
    return UNKEPT.search(text) is None


def _checked(text: str) -> str:
    if not is_storable(text):
        raise ValueError(WHY)
    return text


KEPT = AfterValidator(_checked)
"""Lets a text through that can be kept as it is; it stands behind the limits of its length."""
Storable = Annotated[str, KEPT]


def unkept(value: Any, path: str = "") -> tuple[str, str] | None:  # any JSON
    """Where in a JSON value something can't be kept, such as `content[0].text`, and why; None: it all can."""
    match value:
        case str():
            return None if is_storable(value) else (path, WHY)
        case float():
            return None if math.isfinite(value) else (path, WHY_NUMBER)
        case list():
            members = ((f"{path}[{at}]", one) for at, one in enumerate(value))
        case dict():
            if not all(is_storable(name) for name in value):
                return path, WHY
            members = ((f"{path}.{name}" if path else name, one) for name, one in value.items())
        case _:
            return None
    return next((found for where, one in members if (found := unkept(one, where)) is not None), None)
