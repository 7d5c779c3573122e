"""JSON text to value and back, at the speed of a token.

Parse and rewrite of a chunk of 290 bytes take 2.5 us with pydantic_core, 10 us with the standard library.
That stays as the second reader: pydantic_core refuses half a surrogate pair, and some providers cut an emoji
in two tokens, each with its own half.
"""

import json
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

JsonObject = dict[str, Any]  # the provider's contract, open by nature


def read_object(data: bytes) -> JsonObject:
    """The object that a text holds. Raises ValueError when it holds none."""
    try:
        value = from_json(data, allow_inf_nan=False)
    except ValueError:
        if b"\\u" not in data:
            raise
        value = _read_halves(data)
    if type(value) is not dict:
        raise ValueError("not a JSON object")
    return value


def write(value: JsonObject) -> bytes:
    """The text of an object, in one line. A number beyond the range of a double has no text: null."""
    try:
        return to_json(value, inf_nan_mode="null")
    except PydanticSerializationError:
        return json.dumps(value, separators=(",", ":")).encode()


def _read_halves(data: bytes) -> object:
    try:
        return json.loads(data, parse_constant=_no_constant)
    except RecursionError as error:
        raise ValueError("too deep") from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")
