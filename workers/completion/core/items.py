"""Items of conversations and messages of chats, each made of the other.

An item is OpenAI's of the Responses API; a message is the chat's. Calls of tools are items of their own
behind the assistant's message, and the assistant's `tool_calls` in a chat; outputs of calls are messages of
the role `tool`. Reasoning, and types that no chat has, are not said to a model again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.media import media_id_in
from workers.completion.core.jsontext import JsonObject

MESSAGE = "message"
CALLS = frozenset({"function_call", "custom_tool_call"})
OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
SAID = CALLS | OUTPUTS | {MESSAGE}
"""Types that reach a model."""
INSTRUCTING = frozenset({"system", "developer"})
"""Roles that instruct for one request, and belong to no conversation."""
SPEAKING = INSTRUCTING | {"user", "assistant"}
"""Roles of messages that a chat has, too."""
TEXTS = {"input_text", "output_text", "text"}


@dataclass(frozen=True)
class Item:
    """An item without its names and its place."""

    type: str
    data: JsonObject
    role: str | None = None
    call_id: str | None = None


def messages_of(items: Iterable[Item]) -> list[JsonObject]:
    """The messages of a chat that say these items."""
    messages: list[JsonObject] = []
    for item in items:
        if item.type == MESSAGE and item.role in SPEAKING:
            messages.append(_message(item))
        elif item.type in CALLS:
            _calling(messages)["tool_calls"].append(_call(item))
        elif item.type in OUTPUTS:
            messages.append(_output(item))
    return messages


def items_of(messages: Iterable[JsonObject]) -> list[Item]:
    """The items that messages of a chat are, without those that instruct."""
    return [item for message in messages for item in _items(message)]


def is_instructing(message: JsonObject) -> bool:
    """Whether a message instructs: it is the request's, not the conversation's."""
    return message.get("role") in INSTRUCTING


def text_of(content: Any) -> str:  # what a client sent
    """The texts of a message's content, joined."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in content if isinstance(part, dict) and part.get("type") in TEXTS)
    return "\n".join(text for text in texts if isinstance(text, str))


def _calling(messages: list[JsonObject]) -> JsonObject:
    """The assistant's message that a call belongs to."""
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    messages[-1].setdefault("tool_calls", [])
    return messages[-1]


def _message(item: Item) -> JsonObject:
    name = item.data.get("name")
    named = {"name": name} if isinstance(name, str) else {}
    return {"role": item.role, "content": _content(item.data.get("content"))} | named


def _call(item: Item) -> JsonObject:
    name, kind = item.data.get("name") or "", "function"
    if item.type == "custom_tool_call":
        kind, said = "custom", {"name": name, "input": item.data.get("input") or ""}
    else:
        said = {"name": name, "arguments": item.data.get("arguments") or ""}
    return {"id": item.call_id, "type": kind, kind: said}


def _output(item: Item) -> JsonObject:
    return {"role": "tool", "tool_call_id": item.call_id, "content": _content(item.data.get("output"))}


def _content(content: Any) -> Any:  # OpenAI's items, open by nature
    """What a chat has for an item's content: one text alone is a string."""
    if not isinstance(content, list):
        return content if isinstance(content, str) else ""
    parts = [part for one in content if isinstance(one, dict) for part in _chat_part(one)]
    if not parts:
        return ""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _chat_part(part: JsonObject) -> list[JsonObject]:
    """The part of a chat; none where a chat has nothing of the kind. A refusal is a text like any other."""
    found: list[JsonObject] = []
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            found = [{"type": "text", "text": part.get("text") or ""}]
        case "refusal":
            found = [{"type": "text", "text": part.get("refusal") or ""}]
        case "input_image" if url := part.get("image_url") or media_id_in(part.get("file_id")):
            detail = part.get("detail")
            about = {"url": url} | ({} if detail in (None, "auto") else {"detail": detail})
            found = [{"type": "image_url", "image_url": about}]
        case "input_file":
            found = [{"type": "file", "file": {name: part[name] for name in part if name != "type"}}]
        case "input_audio":
            found = [{"type": "input_audio", "input_audio": part.get("input_audio") or {}}]
    return found


def _items(message: JsonObject) -> list[Item]:
    role, content = message.get("role"), message.get("content")
    if role in INSTRUCTING or not isinstance(role, str):
        return []
    if role == "tool":
        data = {"output": content if isinstance(content, str) else _parts(content, "input_text")}
        return [Item("function_call_output", data, call_id=_text(message.get("tool_call_id")))]
    if role == "assistant":
        return _answer(message)
    name = message.get("name")
    named = {"name": name} if isinstance(name, str) else {}
    return [Item(MESSAGE, {"content": _parts(content, "input_text")} | named, role)]


def _answer(message: JsonObject) -> list[Item]:
    parts = _parts(message.get("content"), "output_text")
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        parts.append({"type": "refusal", "refusal": refusal})
    calls = _calls(message.get("tool_calls"))
    said = [] if calls and not parts else [Item(MESSAGE, {"content": parts}, "assistant")]
    return [*said, *calls]


def _calls(calls: Any) -> list[Item]:  # what a provider or a client said
    return [_called(call) for call in calls or () if isinstance(call, dict)] if _is_list(calls) else []


def _called(call: JsonObject) -> Item:
    call_id = _text(call.get("id"))
    custom = call.get("custom")
    if isinstance(custom, dict):
        data = {"name": custom.get("name") or "", "input": custom.get("input") or ""}
        return Item("custom_tool_call", data, call_id=call_id)
    function = call.get("function")
    said = function if isinstance(function, dict) else {}
    data = {"name": said.get("name") or "", "arguments": said.get("arguments") or ""}
    return Item("function_call", data, call_id=call_id)


def _parts(content: Any, text_type: str) -> list[JsonObject]:  # what a client sent
    if isinstance(content, str):
        return [_text_part(content, text_type)] if content else []
    return [_part(one, text_type) for one in content if isinstance(one, dict)] if _is_list(content) else []


def _part(part: JsonObject, text_type: str) -> JsonObject:
    match part.get("type"):
        case "text" | "input_text" | "output_text":
            return _text_part(part.get("text") or "", text_type)
        case "image_url":
            about = part.get("image_url")
            image = about if isinstance(about, dict) else {"url": about}
            detail = image.get("detail") or "auto"
            return {"type": "input_image", "image_url": image.get("url"), "detail": detail}
        case "file":
            file = part.get("file")
            return {"type": "input_file"} | (file if isinstance(file, dict) else {})
    return part


def _text_part(text: str, text_type: str) -> JsonObject:
    part: JsonObject = {"type": text_type, "text": text}
    return part | {"annotations": [], "logprobs": []} if text_type == "output_text" else part


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _is_list(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
