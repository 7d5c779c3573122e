"""What is shown of an output item only to who asks for it by `include`."""

from collections.abc import Collection
from typing import Any

JsonObject = dict[str, Any]  # OpenAI's items, open by nature

NULLED = {
    "file_search_call": "results",
    "code_interpreter_call": "outputs",
}
"""Fields that are null unless they are asked for, as `<type>.<field>`."""
SOURCES = "web_search_call.action.sources"
FOUND = "web_search_call.results"


def shown_item(item: JsonObject, include: Collection[str]) -> JsonObject:
    """The item, without what was not asked for."""
    kind = item.get("type")
    if kind == "web_search_call":
        return _search(item, include)
    name = NULLED.get(str(kind))
    if name is None or name not in item or f"{kind}.{name}" in include:
        return item
    return item | {name: None}


def _search(item: JsonObject, include: Collection[str]) -> JsonObject:
    if FOUND not in include:
        item = {name: value for name, value in item.items() if name != "results"}
    action = item.get("action")
    if SOURCES in include or not isinstance(action, dict):
        return item
    return item | {"action": {name: value for name, value in action.items() if name != "sources"}}
