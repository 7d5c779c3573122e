"""Preferences as JSON: how they are merged (RFC 7396), and what is too much of them."""

import json
from typing import Any

from contracts.errors import ApiError, ErrorCode
from contracts.wire.users import JsonObject
from infra.settings import KIB

MAX_SETTINGS = 64 * KIB
"""Bytes of a user's preferences as compact JSON."""
MAX_DEPTH = 32
MAX_INTEGER = 2**63
"""Beyond it, numbers don't come back from every client as they went."""
MAX_NAMED = 64
"""Characters of a member's path that an error repeats."""

Json = Any  # any JSON value


def merged(target: JsonObject, patch: JsonObject) -> JsonObject:
    """The target with the members of a merge patch: objects deeply, null as removal, all else as it is."""
    result = dict(target)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        elif isinstance(value, dict):
            inner = result.get(name)
            result[name] = merged(inner if isinstance(inner, dict) else {}, value)
        else:
            result[name] = value
    return result


def checked_size(settings: JsonObject) -> JsonObject:
    """Preferences that are not too large. Raises ApiError with a 413."""
    if len(json.dumps(settings, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_SETTINGS:
        message = f"The settings may hold at most {MAX_SETTINGS} bytes of JSON"
        raise ApiError(ErrorCode.BODY_TOO_LARGE, message)
    return settings


def checked_patch(patch: Json, path: str = "", depth: int = 1) -> None:
    """Nothing for what can be kept and given back as it is. Raises ApiError with a 400."""
    if isinstance(patch, dict | list) and depth > MAX_DEPTH:
        message = f"The settings may be nested at most {MAX_DEPTH} levels deep"
        raise ApiError(ErrorCode.TOO_DEEP, message)
    if isinstance(patch, dict):
        for name, value in patch.items():
            _check_text(name, path)
            checked_patch(value, f"{path}.{name}" if path else name, depth + 1)
    elif isinstance(patch, list):
        for at, value in enumerate(patch):
            checked_patch(value, f"{path}[{at}]", depth + 1)
    elif isinstance(patch, str):
        _check_text(patch, path)
    elif isinstance(patch, int | float) and not -MAX_INTEGER <= patch < MAX_INTEGER:
        raise _not_kept(path, "a number that is out of range")


def _check_text(text: str, path: str) -> None:
    """PostgreSQL keeps neither U+0000 nor half of a surrogate pair."""
    if "\0" in text or (not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text)):
        raise _not_kept(path, "a character that can't be kept: U+0000, or half of a surrogate pair")


def _not_kept(path: str, what: str) -> ApiError:
    param = path[:MAX_NAMED] or None
    return ApiError(ErrorCode.INVALID_VALUE, f"{param or 'The body'} holds {what}", param=param)
