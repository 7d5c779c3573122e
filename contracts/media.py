"""References to media in what clients send: an id, or an id in the place of a data URL's bytes.

    jan_01kb3m5q8z7v2t4x6y8w0r1s2t
    data:image/png;jan_01kb3m5q8z7v2t4x6y8w0r1s2t
    data:image/png;base64,jan_01kb3m5q8z7v2t4x6y8w0r1s2t

In requests to models they stand where an image's URL does: in chats as `image_url`, an object or a text; in
input items as `image_url` or `file_id` of an `input_image`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Json = Any  # any JSON
JsonObject = dict[str, Any]

MARK = "jan_"
"""What every reference holds."""
_ID = r"(jan_[0-7][0-9a-hjkmnp-tv-z]{25})"
_REFERENCE = re.compile(rf"(?:data:image/[\w.+-]{{1,32}};(?:base64,)?)?{_ID}")
_PLACEHOLDER = re.compile(rf"data:image/[\w.+-]{{1,32}};(?:base64,)?{_ID}(?![0-9a-z])")


def media_id_in(text: object) -> str | None:
    """The id that a text stands for; None for any other text."""
    if not isinstance(text, str) or MARK not in text[:64]:
        return None
    found = _REFERENCE.fullmatch(text)
    return found[1] if found else None


def references(value: Json) -> list[str]:
    """The ids of all references in a JSON value, each once, in their order: texts that are one, and
    placeholders inside texts."""
    return list(dict.fromkeys(_references(value)))


def places(value: Json) -> int:
    """How often a JSON value holds references, the same ones counted each time."""
    return sum(1 for _ in _references(value))


def replaced(value: Json, urls: Mapping[str, str]) -> Json:
    """The value with a URL in the place of each reference; the given one stays as it is."""
    match value:
        case str():
            whole = urls.get(media_id_in(value) or "")
            return whole or _PLACEHOLDER.sub(lambda found: urls.get(found[1], found[0]), value)
        case list():
            return [replaced(one, urls) for one in value]
        case dict():
            return {name: replaced(one, urls) for name, one in value.items()}
    return value


def media_ids(messages: Json) -> list[str]:
    """The ids of all images in messages or input items, each once, in their order."""
    return list(media_counts(messages))


def media_counts(messages: Json) -> Counter[str]:
    """The same, each with how often it stands there."""
    found = (media_id_in(_source(part)) for part in _image_parts(messages))
    return Counter(media_id for media_id in found if media_id is not None)


def with_parts(messages: Sequence[Json], parts: Mapping[str, JsonObject | str]) -> list[Json]:
    """The messages with a URL in the place of each of these images, or with another part in its place."""
    return [
        message | {"content": [_exchanged(part, parts) for part in message["content"]]}
        if isinstance(message, dict) and isinstance(message.get("content"), list)
        else message
        for message in messages
    ]


def _references(value: Json) -> Iterator[str]:
    match value:
        case str() if MARK in value:
            whole = media_id_in(value)
            if whole:
                yield whole
            else:
                yield from (found[1] for found in _PLACEHOLDER.finditer(value))
        case list():
            for one in value:
                yield from _references(one)
        case dict():
            for one in value.values():
                yield from _references(one)


def _image_parts(messages: Json) -> Iterator[JsonObject]:
    for message in messages if isinstance(messages, list) else ():
        said = (message.get("content") or message.get("output")) if isinstance(message, dict) else None
        for part in said if isinstance(said, list) else ():
            if isinstance(part, dict) and ("image_url" in part or part.get("type") == "input_image"):
                yield part


def _source(part: JsonObject) -> object:
    image = part.get("image_url") or part.get("file_id")
    return image.get("url") if isinstance(image, dict) else image


def _exchanged(part: Json, parts: Mapping[str, JsonObject | str]) -> Json:
    if not isinstance(part, dict):
        return part
    other = parts.get(media_id_in(_source(part)) or "")
    if not isinstance(other, str):
        return part if other is None else other
    if part.get("type") == "input_image":
        return {name: value for name, value in part.items() if name != "file_id"} | {"image_url": other}
    image = part["image_url"]
    return part | {"image_url": image | {"url": other} if isinstance(image, dict) else {"url": other}}
