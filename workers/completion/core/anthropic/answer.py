"""A whole answer of Anthropic's as a chat completion."""

from workers.completion.core.anthropic.usage import finish_reason, usage_of
from workers.completion.core.failures import bad_answer, read_said
from workers.completion.core.jsontext import JsonObject, write


def completion_of(body: bytes, created: int) -> bytes:
    """The completion; `created` is in Unix seconds, which Anthropic does not tell.

    Raises ApiError when the body is an error, or no message.
    """
    said = read_said(body)
    blocks = said.get("content")
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise bad_answer("The provider's answer has no content.")
    choice = {
        "index": 0,
        "message": _message(blocks),
        "logprobs": None,
        "finish_reason": finish_reason(said.get("stop_reason")),
    }
    whole = {
        "id": said.get("id"),
        "object": "chat.completion",
        "created": created,
        "model": said.get("model"),
        "choices": [choice],
    }
    usage = usage_of(said.get("usage"))
    return write(whole | {"usage": usage} if usage else whole)


def _message(blocks: list[JsonObject]) -> JsonObject:
    calls = [_call(block) for block in _of(blocks, "tool_use")]
    text = _joined(blocks, "text")
    message: JsonObject = {"role": "assistant", "content": None if calls and not text else text}
    message["refusal"] = None
    thoughts = _of(blocks, "thinking", "redacted_thinking")
    if thoughts:
        message["reasoning_content"] = _joined(thoughts, "thinking")
        message["thinking_blocks"] = thoughts
    return message | {"tool_calls": calls} if calls else message


def _of(blocks: list[JsonObject], *kinds: str) -> list[JsonObject]:
    return [block for block in blocks if block.get("type") in kinds]


def _joined(blocks: list[JsonObject], kind: str) -> str:
    return "".join(str(block.get(kind) or "") for block in _of(blocks, kind))


def _call(block: JsonObject) -> JsonObject:
    arguments = block.get("input")
    if not isinstance(arguments, dict):
        raise bad_answer("The provider called a tool without its arguments.")
    function = {"name": block.get("name"), "arguments": write(arguments).decode()}
    return {"id": block.get("id"), "type": "function", "function": function}
