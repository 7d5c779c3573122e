"""What a response's first turn will use, before anybody knows: its later turns are not foreseen."""

from typing import Any

from api_edge.limits.estimate import BYTES_PER_TOKEN, MEDIA_TOKENS
from api_edge.responses.asking import Asking
from infra.limits.gate import Expected, Kind

SOURCES = ("image_url", "file_data")
"""Where a part's bytes may stand, which are no text."""
MEDIA = frozenset({"input_image", "input_file"})

JsonObject = dict[str, Any]  # OpenAI's items, open by nature


def expected_of(asking: Asking, size: int) -> Expected:
    """Of a request whose body has so many bytes."""
    parts = [part for put in asking.items for part in _parts(put.item) if part.get("type") in MEDIA]
    inline = sum(len(part[name]) for part in parts for name in SOURCES if isinstance(part.get(name), str))
    prompt = max(0, size - inline) // BYTES_PER_TOKEN + 1 + len(parts) * MEDIA_TOKENS
    return Expected(asking.wanted.model, prompt, asking.wanted.max_output_tokens, kind=Kind.RESPONSES)


def _parts(item: JsonObject) -> list[JsonObject]:
    content = item.get("content") or item.get("output")
    return [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
