"""The content of a message as Anthropic's blocks.

text, refusal   text; an empty one is left out, since Anthropic refuses it
image_url       image, by its address or with its bytes; `detail` has no counterpart
file            document, with its bytes
anything else   refused
"""

from workers.completion.core.anthropic.saying import invalid, unsupported
from workers.completion.core.jsontext import JsonObject

KEPT = ("cache_control",)
"""What clients that know Anthropic put beside a part."""


def blocks_of(content: object, param: str) -> list[JsonObject]:
    """The blocks of a content; none when it is empty. Raises ApiError, which names `param`."""
    if content is None or content == "":
        return []
    if isinstance(content, str):
        return [text_block(content)]
    if not isinstance(content, list):
        raise invalid(param, "A message's content is a text or a list of parts.")
    found = [_block(part, f"{param}[{index}]") for index, part in enumerate(content)]
    return [block for block in found if block.get("text") != ""]


def text_block(text: str) -> JsonObject:
    """A block of text."""
    return {"type": "text", "text": text}


def _block(part: object, param: str) -> JsonObject:
    if not isinstance(part, dict):
        raise invalid(param, "A part of a message's content is an object.")
    kept = {name: part[name] for name in KEPT if part.get(name) is not None}
    return _translated(part, param) | kept


def _translated(part: JsonObject, param: str) -> JsonObject:
    match part.get("type"):
        case "text":
            return text_block(_text_in(part, "text", param))
        case "refusal":
            return text_block(_text_in(part, "refusal", param))
        case "image_url":
            return {"type": "image", "source": _image(part, f"{param}.image_url")}
        case "file":
            return _document(part, f"{param}.file")
        case other:
            raise unsupported(param, f"content parts of the type {other!r}")


def _text_in(part: JsonObject, name: str, param: str) -> str:
    value = part.get(name)
    if not isinstance(value, str):
        raise invalid(f"{param}.{name}", f"A part of the type {part['type']!r} has a text.")
    return value


def _image(part: JsonObject, param: str) -> JsonObject:
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else image
    if not isinstance(url, str):
        raise invalid(param, "An image has a `url`.")
    if url.startswith(("https://", "http://")):
        return {"type": "url", "url": url}
    return _bytes_in(url, param)


def _document(part: JsonObject, param: str) -> JsonObject:
    file = part.get("file")
    data = file.get("file_data") if isinstance(file, dict) else None
    if not isinstance(file, dict) or not isinstance(data, str):
        raise unsupported(param, "files without their `file_data`")
    document: JsonObject = {"type": "document", "source": _bytes_in(data, param)}
    name = file.get("filename")
    return document | {"title": name} if isinstance(name, str) and name else document


def _bytes_in(url: str, param: str) -> JsonObject:
    """What a `data:` URL (RFC 2397) carries."""
    head, comma, data = url.partition(",")
    kind, *options = head.removeprefix("data:").split(";")
    if not comma or not head.startswith("data:") or not kind or "base64" not in options:
        raise invalid(param, "Bytes are given as `data:<media type>;base64,<bytes>`.")
    return {"type": "base64", "media_type": kind.lower(), "data": data}
