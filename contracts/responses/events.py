"""Events of a response's stream, in OpenAI's shapes, without their `sequence_number`.

The edge numbers them, as it alone sees all of them in their order. Source:
platform.openai.com/docs/api-reference/responses-streaming.
"""

from collections.abc import Sequence
from typing import Any

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature


def item_added(output_index: int, item: JsonObject) -> JsonObject:
    """An output item begins."""
    return {"type": "response.output_item.added", "output_index": output_index, "item": item}


def item_done(output_index: int, item: JsonObject) -> JsonObject:
    """An output item is whole."""
    return {"type": "response.output_item.done", "output_index": output_index, "item": item}


def part_added(output_index: int, item_id: str, content_index: int, part: JsonObject) -> JsonObject:
    """A part of a message, or of reasoning, begins."""
    return _of_part("response.content_part.added", output_index, item_id, content_index) | {"part": part}


def part_done(output_index: int, item_id: str, content_index: int, part: JsonObject) -> JsonObject:
    """A part is whole."""
    return _of_part("response.content_part.done", output_index, item_id, content_index) | {"part": part}


def text_delta(
    output_index: int, item_id: str, content_index: int, delta: str, logprobs: Sequence[JsonObject] = ()
) -> JsonObject:
    """A piece of text."""
    about = _of_part("response.output_text.delta", output_index, item_id, content_index)
    return about | {"delta": delta, "logprobs": list(logprobs)}


def text_done(
    output_index: int, item_id: str, content_index: int, text: str, logprobs: Sequence[JsonObject] = ()
) -> JsonObject:
    """A text is whole."""
    about = _of_part("response.output_text.done", output_index, item_id, content_index)
    return about | {"text": text, "logprobs": list(logprobs)}


def refusal_delta(output_index: int, item_id: str, content_index: int, delta: str) -> JsonObject:
    """A piece of a refusal."""
    return _of_part("response.refusal.delta", output_index, item_id, content_index) | {"delta": delta}


def refusal_done(output_index: int, item_id: str, content_index: int, refusal: str) -> JsonObject:
    """A refusal is whole."""
    return _of_part("response.refusal.done", output_index, item_id, content_index) | {"refusal": refusal}


def reasoning_delta(output_index: int, item_id: str, content_index: int, delta: str) -> JsonObject:
    """A piece of reasoning."""
    return _of_part("response.reasoning_text.delta", output_index, item_id, content_index) | {"delta": delta}


def reasoning_done(output_index: int, item_id: str, content_index: int, text: str) -> JsonObject:
    """Reasoning is whole."""
    return _of_part("response.reasoning_text.done", output_index, item_id, content_index) | {"text": text}


def arguments_delta(output_index: int, item_id: str, delta: str) -> JsonObject:
    """A piece of a function call's arguments."""
    return _of("response.function_call_arguments.delta", output_index, item_id) | {"delta": delta}


def arguments_done(output_index: int, item_id: str, name: str, arguments: str) -> JsonObject:
    """A function call's arguments are whole."""
    about = _of("response.function_call_arguments.done", output_index, item_id)
    return about | {"name": name, "arguments": arguments}


def mcp_arguments_delta(output_index: int, item_id: str, delta: str) -> JsonObject:
    """A piece of the arguments of a call of an MCP tool."""
    return _of("response.mcp_call_arguments.delta", output_index, item_id) | {"delta": delta}


def mcp_arguments_done(output_index: int, item_id: str, arguments: str) -> JsonObject:
    """They are whole."""
    return _of("response.mcp_call_arguments.done", output_index, item_id) | {"arguments": arguments}


def code_delta(output_index: int, item_id: str, delta: str) -> JsonObject:
    """A piece of a program."""
    return _of("response.code_interpreter_call_code.delta", output_index, item_id) | {"delta": delta}


def code_done(output_index: int, item_id: str, code: str) -> JsonObject:
    """A program is whole."""
    return _of("response.code_interpreter_call_code.done", output_index, item_id) | {"code": code}


def call_event(kind: str, state: str, output_index: int, item_id: str) -> JsonObject:
    """How a call of ours stands: `kind` is its item's type, or `mcp_list_tools`."""
    return _of(f"response.{kind}.{state}", output_index, item_id)


def _of(kind: str, output_index: int, item_id: str) -> JsonObject:
    return {"type": kind, "output_index": output_index, "item_id": item_id}


def _of_part(kind: str, output_index: int, item_id: str, content_index: int) -> JsonObject:
    return _of(kind, output_index, item_id) | {"content_index": content_index}
