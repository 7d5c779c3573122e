"""The tools that a model may call, and how free it is to; a call and its result as blocks."""

import re

from workers.completion.core.anthropic.parts import blocks_of
from workers.completion.core.anthropic.saying import invalid, listed, unsupported
from workers.completion.core.jsontext import JsonObject, read_object

NO_ARGUMENTS: JsonObject = {"type": "object", "properties": {}}
_NOT_IN_ID = re.compile(r"[^a-zA-Z0-9_-]")
"""Anthropic refuses ids with other characters, which other providers' calls of an old turn may have."""


def tool_fields(body: JsonObject) -> JsonObject:
    """`tools` and `tool_choice` as Anthropic has them; empty without tools. Raises ApiError."""
    tools = [_tool(tool, f"tools[{index}]") for index, tool in enumerate(listed(body.get("tools"), "tools"))]
    choice = _choice(body.get("tool_choice"), is_parallel=body.get("parallel_tool_calls") is not False)
    if not tools:
        return {"tool_choice": choice} if choice and choice["type"] in ("any", "tool") else {}
    return {"tools": tools, "tool_choice": choice} if choice else {"tools": tools}


def call_block(call: object, param: str) -> JsonObject:
    """The block of a call that the assistant made. Raises ApiError."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        raise unsupported(param, "calls of tools that are no functions")
    return {
        "type": "tool_use",
        "id": _id(call.get("id"), f"{param}.id"),
        "name": function.get("name"),
        "input": _arguments(function.get("arguments"), f"{param}.function.arguments"),
    }


def result_block(message: JsonObject, param: str) -> JsonObject:
    """The block of a message of the role tool. Raises ApiError."""
    block = {"type": "tool_result", "tool_use_id": _id(message.get("tool_call_id"), f"{param}.tool_call_id")}
    content = message.get("content")
    if isinstance(content, str):
        return block | {"content": content}
    blocks = blocks_of(content, f"{param}.content")
    return block | {"content": blocks} if blocks else block


def _tool(tool: object, param: str) -> JsonObject:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict):
        raise unsupported(param, "tools that are no functions")
    named: JsonObject = {"name": function.get("name")}
    if function.get("description"):
        named["description"] = function["description"]
    named["input_schema"] = function.get("parameters") or NO_ARGUMENTS
    return named | {"strict": True} if function.get("strict") is True else named


def _choice(asked: object, *, is_parallel: bool) -> JsonObject | None:
    choice = _named_choice(asked)
    if is_parallel or (choice and choice["type"] == "none"):
        return choice
    return (choice or {"type": "auto"}) | {"disable_parallel_tool_use": True}


def _named_choice(asked: object) -> JsonObject | None:
    match asked:
        case None:
            return None
        case "auto" | "none":
            return {"type": asked}
        case "required":
            return {"type": "any"}
        case {"type": "function", "function": {"name": str(name)}}:
            return {"type": "tool", "name": name}
        case _:
            raise unsupported(
                "tool_choice", "other choices of a tool than auto, none, required or a function"
            )


def _id(value: object, param: str) -> str:
    if not isinstance(value, str) or not value:
        raise invalid(param, "A tool's call and its result have the id of the call.")
    return _NOT_IN_ID.sub("_", value)


def _arguments(text: object, param: str) -> JsonObject:
    """A call's arguments; who has none to give often writes nothing."""
    if text is None or text == "":
        return {}
    try:
        return read_object(str(text).encode())
    except ValueError as error:
        raise invalid(param, "A call's arguments are the JSON text of an object.") from error
