"""What a model is to remember: which of the stored items it is told, and where they stand in its messages.

    the project's instruction, the request's own first instructions, the history, the request's messages

Providers refuse a tool's call without its output, and an output without its call: in the history, both are
left out. What the request itself says is never changed. A client that sends the whole conversation again, as
those of a stateless API do, gets it once: its messages then are the history.
"""

from collections.abc import Sequence

from workers.completion.core.items import SAID, Item, is_instructing, items_of, messages_of
from workers.completion.core.jsontext import JsonObject


def said(items: Sequence[Item]) -> list[Item]:
    """Those of a conversation's items that reach a model."""
    return [item for item in items if item.type in SAID]


def fresh_items(stored: Sequence[Item], messages: Sequence[JsonObject]) -> list[Item]:
    """The items of a request that are not stored yet: all, unless it begins with exactly the stored ones."""
    asked, known = items_of(messages), said(stored)
    return asked[len(known) :] if _begins_with(asked, known) else asked


def is_repeated(stored: Sequence[Item], messages: Sequence[JsonObject]) -> bool:
    """Whether a request begins with exactly the stored items."""
    known = said(stored)
    return bool(known) and _begins_with(items_of(messages), known)


def remembered(stored: Sequence[Item], messages: Sequence[JsonObject]) -> list[JsonObject]:
    """The history as messages of a chat, in which every call has its output, in front of a request's."""
    history = messages_of(said(stored))
    return _paired(history, _leading_outputs(messages))


def woven(
    messages: Sequence[JsonObject], history: Sequence[JsonObject], instruction: str | None
) -> list[JsonObject]:
    """All messages in their order."""
    first = instructions(messages, instruction)
    own = len(first) - (1 if instruction else 0)
    return [*first, *history, *messages[own:]]


def instructions(messages: Sequence[JsonObject], instruction: str | None) -> list[JsonObject]:
    """The project's instruction, if there is one, and those that a request begins with."""
    first: list[JsonObject] = [{"role": "system", "content": instruction}] if instruction else []
    for message in messages:
        if not is_instructing(message):
            break
        first.append(message)
    return first


def _begins_with(asked: Sequence[Item], known: Sequence[Item]) -> bool:
    if len(asked) < len(known):
        return False
    pairs = zip(asked, known, strict=False)
    return all(messages_of([one]) == messages_of([other]) for one, other in pairs)


def _leading_outputs(messages: Sequence[JsonObject]) -> set[object]:
    """The calls that a request answers before it says anything else."""
    answered: set[object] = set()
    for message in messages:
        if is_instructing(message):
            continue
        if message.get("role") != "tool":
            break
        answered.add(message.get("tool_call_id"))
    return answered


def _paired(history: Sequence[JsonObject], answered: set[object]) -> list[JsonObject]:
    """The history, with the outputs of calls right behind them. An id may come again in a later turn."""
    outputs = _outputs(history)
    kept: list[JsonObject] = []
    for at, message in enumerate(history):
        if message["role"] == "tool":
            continue
        if "tool_calls" not in message:
            kept.append(message)
            continue
        is_last = all(later["role"] == "tool" for later in history[at + 1 :])
        awaited = answered if is_last else set()
        kept += _with_outputs(message, outputs.get(at, {}), awaited)
    return kept


def _outputs(history: Sequence[JsonObject]) -> dict[int, dict[object, JsonObject]]:
    """The outputs of each message that calls, by the ids of the calls."""
    found: dict[int, dict[object, JsonObject]] = {}
    waiting: dict[object, int] = {}
    for at, message in enumerate(history):
        for call in message.get("tool_calls", ()):
            waiting[call["id"]] = at
        if message["role"] == "tool":
            caller = waiting.pop(message["tool_call_id"], None)
            if caller is not None:
                found.setdefault(caller, {})[message["tool_call_id"]] = message
    return found


def _with_outputs(
    message: JsonObject, outputs: dict[object, JsonObject], awaited: set[object]
) -> list[JsonObject]:
    """A message with those of its calls that have an output, or are about to get one, and the outputs."""
    calls = [call for call in message["tool_calls"] if call["id"] in outputs or call["id"] in awaited]
    rest = {name: value for name, value in message.items() if name != "tool_calls"}
    if calls:
        rest["tool_calls"] = calls
    elif not rest["content"]:
        return []
    return [rest, *(outputs[call["id"]] for call in calls if call["id"] in outputs)]
