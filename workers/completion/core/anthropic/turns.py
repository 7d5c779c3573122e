"""Messages as Anthropic's turns: the system's apart, user and assistant by turns, results of tools first."""

from workers.completion.core.anthropic.parts import blocks_of
from workers.completion.core.anthropic.saying import invalid, listed, unsupported
from workers.completion.core.anthropic.tools import call_block, result_block
from workers.completion.core.jsontext import JsonObject

SYSTEM = ("system", "developer")
THOUGHTS = ("thinking", "redacted_thinking")
Turns = list[JsonObject]


def conversation_of(messages: object) -> tuple[list[JsonObject], Turns]:
    """The system's blocks, and the turns. Raises ApiError.

    A message that says nothing is left out, and so is everybody's `name`. Instructions in the midst of a
    conversation go to its head, with the others.
    """
    if not isinstance(messages, list):
        raise invalid("messages", "Messages are a list.")
    system: list[JsonObject] = []
    turns: Turns = []
    for index, message in enumerate(messages):
        param = f"messages[{index}]"
        if not isinstance(message, dict):
            raise invalid(param, "A message is an object.")
        if message.get("role") in SYSTEM:
            system += blocks_of(message.get("content"), f"{param}.content")
        else:
            _append(turns, *_said(message, param))
    return system, turns


def is_unthought(turns: Turns) -> bool:
    """Whether the calls that are answered last were made without the thoughts that led to them."""
    if len(turns) < 2 or turns[-1]["content"][0]["type"] != "tool_result":  # noqa: PLR2004  a call, its result
        return False
    return turns[-2]["content"][0]["type"] not in THOUGHTS


def _said(message: JsonObject, param: str) -> tuple[str, list[JsonObject]]:
    match message.get("role"):
        case "user":
            return "user", blocks_of(message.get("content"), f"{param}.content")
        case "assistant":
            return "assistant", _spoken(message, param)
        case "tool":
            return "user", [result_block(message, param)]
        case role:
            raise unsupported(f"{param}.role", f"messages of the role {role!r}")


def _spoken(message: JsonObject, param: str) -> list[JsonObject]:
    if message.get("function_call"):
        raise unsupported(f"{param}.function_call", "function calls of the old form; use `tool_calls`")
    calls = listed(message.get("tool_calls"), f"{param}.tool_calls")
    return [
        *_thoughts(message),
        *blocks_of(message.get("content"), f"{param}.content"),
        *(call_block(call, f"{param}.tool_calls[{index}]") for index, call in enumerate(calls)),
    ]


def _thoughts(message: JsonObject) -> list[JsonObject]:
    """What the assistant thought, where the client sends back what it was given: signed, it is believed."""
    blocks = message.get("thinking_blocks")
    if not isinstance(blocks, list):
        return []
    return [block for block in blocks if isinstance(block, dict) and block.get("type") in THOUGHTS]


def _append(turns: Turns, role: str, blocks: list[JsonObject]) -> None:
    if not blocks:
        return
    if not turns or turns[-1]["role"] != role:
        turns.append({"role": role, "content": blocks})
        return
    content = turns[-1]["content"]
    is_result = blocks[0]["type"] == "tool_result"
    place = _results(content) if is_result else len(content)
    content[place:place] = blocks


def _results(content: list[JsonObject]) -> int:
    return sum(block["type"] == "tool_result" for block in content)
