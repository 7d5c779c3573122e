"""What a model is told of a response: its items, and those that it goes on from, as messages of a chat.

A call of our own tools is told as what it was to the model: a function's call and its output. Calls that
stand side by side were made together, and their outputs follow them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from workers.completion.core.history import remembered
from workers.completion.core.items import SAID, Item
from workers.completion.core.jsontext import JsonObject

REFUSED = "The user did not allow this call"
CALLS = frozenset({"function_call", "custom_tool_call"})


@dataclass(frozen=True)
class Told:
    """An item, and how the model was told of it, if it is a call of ours."""

    item: JsonObject
    said: JsonObject | None = None


def chat_messages(told: Sequence[Told]) -> list[JsonObject]:
    """The messages that say these items. What was called without an output, or answered without a call, is
    left out: providers refuse it."""
    return remembered(list(said_items(told)), [])


def said_items(told: Sequence[Told]) -> Iterable[Item]:
    """The items as a chat knows them, in order."""
    answers = {
        one.item.get("approval_request_id"): one.item
        for one in told
        if one.item.get("type") == "mcp_approval_response"
    }
    waiting: list[Item] = []
    for one in told:
        found = _found(one, answers)
        if found and found[0].type not in CALLS:
            yield from waiting
            waiting = []
        for item in found:
            if item.type in CALLS or not _is_call(found):
                yield item
            else:
                waiting.append(item)
    yield from waiting


def _is_call(found: Sequence[Item]) -> bool:
    return found[0].type in CALLS


def _found(one: Told, answers: dict[object, JsonObject]) -> list[Item]:
    """What one item says; a call of ours says two."""
    item, said = one.item, one.said
    kind = str(item.get("type") or "message")
    found: list[Item] = []
    if said is not None:
        found = _called(said["call_id"], said["name"], said["arguments"], said["output"])
    elif kind == "mcp_call":
        output = item.get("output") or item.get("error") or ""
        found = _called(item.get("id"), item.get("name"), item.get("arguments"), _text(output))
    elif kind == "mcp_approval_request":
        found = _refused(item, answers.get(item.get("id")))
    elif kind in SAID:
        found = [Item(kind, item, item.get("role"), item.get("call_id"))]
    return found


def _refused(item: JsonObject, answer: JsonObject | None) -> list[Item]:
    """A call that its user did not allow; one that was allowed is told as what it came to."""
    if answer is None or answer.get("approve"):
        return []
    why = ": ".join(filter(None, (REFUSED, answer.get("reason"))))
    return _called(item.get("id"), item.get("name"), item.get("arguments"), why)


def _called(call_id: object, name: object, arguments: object, output: str) -> list[Item]:
    named = str(call_id or "")
    call = {"name": str(name or ""), "arguments": str(arguments or "{}")}
    return [
        Item("function_call", call, call_id=named),
        Item("function_call_output", {"output": output}, call_id=named),
    ]


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value)
