"""Items of conversations as clients send and see them, in OpenAI's shape.

    a client's item --stored--> type, role, status, call_id, data --shown--> OpenAI's item with Jan's fields

`stored` makes the easy forms whole: a message's text becomes a list of parts, its status `completed`. What a
type has beyond what is checked here is kept as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from contracts.ids import new_id
from contracts.wire.storable import unkept

MAX_ITEMS = 20
"""Of one request."""
MAX_PARTS = 100
MAX_TEXT = 100_000
"""Characters of one text of a message."""
MAX_CALL_ID = 256
MESSAGE = "message"
MCP_CALL = "mcp_call"
COMPLETED = "completed"
OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})
"""Types whose call_id names the call that they answer, among those that a chat has."""
PREFIXES = {
    MESSAGE: "msg_",
    "function_call": "fc_",
    "function_call_output": "fco_",
    "custom_tool_call": "ctc_",
    "custom_tool_call_output": "ctco_",
    "reasoning": "rs_",
    MCP_CALL: "mcp_",
    "mcp_list_tools": "mcpl_",
    "mcp_approval_request": "mcpr_",
    "mcp_approval_response": "mcpa_",
    "web_search_call": "ws_",
    "file_search_call": "fs_",
    "code_interpreter_call": "ci_",
    "image_generation_call": "ig_",
    "computer_call": "cu_",
    "computer_call_output": "cuo_",
    "local_shell_call": "lsh_",
    "local_shell_call_output": "lsho_",
    "shell_call": "sh_",
    "shell_call_output": "sho_",
    "apply_patch_call": "apc_",
    "apply_patch_call_output": "apco_",
    "compaction": "cmp_",
}
"""Each type that a conversation may hold, and what its ids begin with."""
NEEDED = {
    "function_call": ("call_id", "name", "arguments"),
    "custom_tool_call": ("call_id", "name", "input"),
    "function_call_output": ("call_id",),
    "custom_tool_call_output": ("call_id",),
    MCP_CALL: ("name", "arguments", "server_label"),
}
"""The texts that an item of a type must have."""
ROLES = ("user", "assistant", "system", "developer", "tool", "critic", "discriminator", "unknown")
STATUSES = (
    *(COMPLETED, "in_progress", "incomplete", "failed", "cancelled", "searching"),
    *("generating", "calling", "interpreting", "streaming", "rate_limited"),
)
PARTS = {
    "input_text": "text",
    "output_text": "text",
    "text": "text",
    "summary_text": "text",
    "reasoning_text": "text",
    "refusal": "refusal",
    **dict.fromkeys(
        (
            *("input_image", "image_url", "image", "input_file", "file", "input_audio", "audio"),
            *("thinking", "code", "computer_screenshot", "computer_action"),
        )
    ),
}
"""Each type of a message's parts, and where its text stands."""
OURS = frozenset({"id", "object", "type", "role", "status", "call_id"})
OURS_SHOWN = frozenset({"branch", "sequence_number", "created_at"})

JsonObject = dict[str, Any]  # OpenAI's items, open by nature


@dataclass(frozen=True)
class StoredItem:
    """An item as it is kept, without its name and place."""

    type: str
    data: JsonObject
    """What doesn't stand beside it."""
    role: str | None = None
    status: str = COMPLETED
    call_id: str | None = None


class ItemError(ValueError):
    """An item can't be kept: which of its fields is why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class ItemLike(Protocol):
    """An item's row."""

    item_id: str
    branch: str
    seq: int
    type: str
    role: str | None
    status: str
    call_id: str | None
    data: JsonObject
    created_at: datetime


def new_item_id(item_type: str) -> str:
    """A new id for an item of this type."""
    return new_id(PREFIXES[item_type])


def stored(item: Mapping[str, Any], most_text: int = MAX_TEXT) -> StoredItem:
    """A client's item as it is kept, with texts of at most so many characters. Raises ItemError."""
    bad = unkept(dict(item))
    if bad is not None:
        raise ItemError(*bad)
    kind = _type(item)
    for name in NEEDED.get(kind, ()):
        _needed_text(item, name)
    data = {name: value for name, value in item.items() if name not in OURS | OURS_SHOWN}
    role = None
    if kind == MESSAGE:
        role = _role(item)
        data["content"] = _content(item.get("content"), role, most_text)
    elif kind in OUTPUTS:
        _check_output(item.get("output"))
    elif kind == "reasoning":
        data.setdefault("summary", [])
    return StoredItem(kind, data, role, _status(item), _call_id(item))


def shown(row: ItemLike) -> JsonObject:
    """An item as clients see it."""
    said: JsonObject = {"id": row.item_id, "object": "conversation.item", "type": row.type}
    if row.role is not None:
        said["role"] = row.role
    said["status"] = row.status
    if row.call_id is not None:
        said["call_id"] = row.call_id
    created = row.created_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return said | row.data | {"branch": row.branch, "sequence_number": row.seq, "created_at": created}


def _type(item: Mapping[str, Any]) -> str:
    kind = item.get("type")
    if kind is None and "role" in item:
        return MESSAGE
    if kind == "item_reference":
        raise ItemError("type", "must not be item_reference: send the item itself")
    if not isinstance(kind, str) or kind not in PREFIXES:
        raise ItemError("type", f"must be one of {', '.join(PREFIXES)}")
    return kind


def _needed_text(item: Mapping[str, Any], name: str) -> None:
    value = item.get(name)
    if not isinstance(value, str):
        raise ItemError(name, "must be a text")
    if not value and name in ("call_id", "name"):
        raise ItemError(name, "must not be empty")


def _role(item: Mapping[str, Any]) -> str:
    role = item.get("role")
    if role not in ROLES:
        raise ItemError("role", f"must be one of {', '.join(ROLES)}")
    return str(role)


def _status(item: Mapping[str, Any]) -> str:
    status = item.get("status")
    if status is None:
        return COMPLETED
    if status not in STATUSES:
        raise ItemError("status", f"must be one of {', '.join(STATUSES)}")
    return str(status)


def _call_id(item: Mapping[str, Any]) -> str | None:
    call_id = item.get("call_id")
    if call_id is None:
        return None
    if not isinstance(call_id, str) or not 0 < len(call_id) <= MAX_CALL_ID:
        raise ItemError("call_id", f"must be a text of at most {MAX_CALL_ID} characters")
    return call_id


def _check_output(output: Any) -> None:  # what a client sent
    if isinstance(output, str):
        return
    if not isinstance(output, list) or not all(isinstance(part, dict) for part in output):
        raise ItemError("output", "must be a text, or a list of parts")
    if len(output) > MAX_PARTS:
        raise ItemError("output", f"may hold at most {MAX_PARTS} parts")


def _content(content: Any, role: str, most: int) -> list[JsonObject]:  # what a client sent
    if isinstance(content, str):
        _check_text(content, "content", most)
        return [_text_part({}, content, role)]
    if not isinstance(content, list):
        raise ItemError("content", "must be a text, or a list of parts")
    if not 0 < len(content) <= MAX_PARTS:
        raise ItemError("content", f"must hold 1 to {MAX_PARTS} parts")
    return [_part(part, f"content[{at}]", role, most) for at, part in enumerate(content)]


def _part(part: Any, path: str, role: str, most: int) -> JsonObject:  # what a client sent
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str) or kind not in PARTS:
        raise ItemError(f"{path}.type", f"must be one of {', '.join(PARTS)}")
    name = PARTS[kind]
    if name is not None:
        text = _text_of(part.get(name))
        _check_text(text, f"{path}.{name}", most)
        if kind in ("text", "output_text"):
            return _text_part(part, text, role if kind == "text" else "assistant")
        return {**part, name: text}
    return _image(part, path) if kind in ("input_image", "image_url") else dict(part)


def _text_of(text: Any) -> Any:  # what a client sent
    """A part's text; clients of the Go server send it as `{"text": ...}`."""
    return text.get("text", text.get("value")) if isinstance(text, dict) else text


def _check_text(text: Any, path: str, most: int) -> None:  # what a client sent
    if not isinstance(text, str):
        raise ItemError(path, "must be a text")
    if len(text) > most:
        raise ItemError(path, f"may hold at most {most:,} characters")


def _text_part(part: JsonObject, text: str, role: str) -> JsonObject:
    if role != "assistant":
        return {**part, "type": "input_text", "text": text}
    more = {name: part.get(name) or [] for name in ("annotations", "logprobs")}
    return {**part, "type": "output_text", "text": text, **more}


def _image(part: JsonObject, path: str) -> JsonObject:
    """An image; a chat's part has its address one level deeper."""
    url = part.get("image_url")
    about: JsonObject = url if isinstance(url, dict) else {"url": url}
    if not isinstance(about.get("url") or part.get("file_id"), str):
        raise ItemError(f"{path}.image_url", "must be the address of an image")
    detail = about.get("detail") or part.get("detail") or "auto"
    return {**part, "type": "input_image", "image_url": about.get("url"), "detail": detail}
