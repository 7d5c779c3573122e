"""What of a conversation is shared: the texts of questions and answers, and nothing that tells whose."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from contracts.errors import ApiError, ErrorCode
from contracts.media import media_id_in
from infra.store.items import ItemRow

TEXTS = frozenset({"input_text", "output_text", "refusal"})
IMAGES = frozenset({"input_image"})
SHOWN_ROLES = frozenset({"user", "assistant"})
MAX_TITLE = 60
UNTITLED = "Untitled Conversation"
MOST_BYTES = 10 * 1024 * 1024
"""Of all that is shown, as JSON in UTF-8."""
MOST_ITEMS = 10_000
"""That are read for a share, shown or not."""

JsonObject = dict[str, Any]  # OpenAI's items, open by nature


class Gathered:
    """What is shown of items that come part by part."""

    def __init__(self, *, has_images: bool) -> None:
        self.items: list[JsonObject] = []
        self.model: str | None = None
        """That answered last."""
        self._has_images = has_images
        self._read = 0
        self._bytes = 0

    def add(self, rows: Sequence[ItemRow]) -> None:
        """Further items. Raises ApiError, 413, when they are too many or too long: nothing is cut."""
        shown = shared_items(rows, has_images=self._has_images)
        self._read += len(rows)
        self._bytes += sum(len(to_json(item)) for item in shown)
        if self._bytes > MOST_BYTES:
            raise ApiError(ErrorCode.BODY_TOO_LARGE, f"A share may hold at most {MOST_BYTES:,} bytes")
        if self._read > MOST_ITEMS:
            message = f"A share may be of at most {MOST_ITEMS:,} items; share one answer instead"
            raise ApiError(ErrorCode.BODY_TOO_LARGE, message)
        self.items += shown
        self.model = next((row.model for row in reversed(rows) if row.model), self.model)


def shared_items(rows: Sequence[ItemRow], *, has_images: bool) -> list[JsonObject]:
    """The messages of users and assistants with the parts that may be seen; without one they are left out."""
    items = []
    for row in rows:
        parts = _parts(row, TEXTS | IMAGES if has_images else TEXTS)
        if row.type == "message" and row.role in SHOWN_ROLES and parts:
            items.append({"type": "message", "role": row.role, "content": parts})
    return items


def has_answer(items: Sequence[JsonObject]) -> bool:
    """Whether there is anything to share."""
    return any(item["role"] == "assistant" for item in items)


def title_of(items: Sequence[JsonObject]) -> str:
    """The beginning of the first question, for a conversation that has no title."""
    texts = [
        part["text"] for item in items if item["role"] == "user" for part in item["content"] if "text" in part
    ]
    words = " ".join(texts[0].split()) if texts else ""
    return words if 0 < len(words) <= MAX_TITLE else f"{words[: MAX_TITLE - 1]}…" if words else UNTITLED


def _parts(row: ItemRow, kinds: frozenset[str]) -> list[JsonObject]:
    content = row.data.get("content")
    shown: list[JsonObject] = []
    for part in content if isinstance(content, list) else ():
        kind = part.get("type")
        if kind in TEXTS & kinds:
            name = "refusal" if kind == "refusal" else "text"
            shown.append({"type": kind, name: part.get(name)})
        elif kind in kinds and isinstance(
            url := part.get("image_url") or media_id_in(part.get("file_id")), str
        ):
            shown.append({"type": kind, "image_url": url})
    return shown
