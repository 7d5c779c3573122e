"""The events of Anthropic's stream as the chunks of OpenAI's.

message_start         the chunk with the role
content_block_start   of a tool: its call, with id and name
content_block_delta   text, reasoning_content, or a piece of a call's arguments
content_block_stop    of thoughts: them whole and signed, as `thinking_blocks`, for clients that send them
                      back; of a call without arguments: an empty object
message_delta         the chunk with the finish reason; the usage so far is kept
message_stop          the chunk with the usage, and `[DONE]`
error                 raised
ping, and whatever comes to Anthropic's mind later: nothing
"""

from collections.abc import Iterator, Sequence

from workers.completion.core.anthropic.usage import finish_reason, usage_of
from workers.completion.core.failures import bad_answer, read_said
from workers.completion.core.jsontext import JsonObject, write
from workers.completion.core.stream import DONE

STOP = b"message_stop"


def has_stop(payloads: Sequence[bytes]) -> bool:
    """Whether the last event of a stream is among these. Raises ApiError for what is no event."""
    return any(STOP in data and read_said(data).get("type") == "message_stop" for data in payloads)


class Chunks:
    """One stream being translated."""

    def __init__(self, created: int) -> None:
        self._begins: JsonObject = {
            "id": "",
            "object": "chat.completion.chunk",
            "created": created,
            "model": "",
        }
        self._usage: JsonObject = {}
        self._calls = 0
        self._block: JsonObject = {}
        """The block that is being written; there is never a second one at a time."""
        self.is_over = False

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads of our chunks for an event. Raises ApiError for an error, and for what is no event."""
        event = read_said(data)
        try:
            return list(self._chunks(event))
        except (KeyError, TypeError, AttributeError) as error:
            raise bad_answer("The provider sent an event that lacks its content.") from error

    def _chunks(self, event: JsonObject) -> Iterator[bytes]:
        match event.get("type"):
            case "message_start":
                yield self._start(event["message"])
            case "content_block_start":
                yield from self._open(event["content_block"])
            case "content_block_delta":
                yield from self._grow(event["delta"])
            case "content_block_stop":
                yield from self._close()
            case "message_delta":
                yield from self._finish(event)
            case "message_stop":
                yield from self._stop()

    def _start(self, message: JsonObject) -> bytes:
        self._begins |= {"id": message["id"], "model": message["model"]}
        self._count(message.get("usage"))
        return self._chunk({"role": "assistant", "content": ""})

    def _open(self, block: JsonObject) -> Iterator[bytes]:
        self._block = {**block}
        match block["type"]:
            case "text" if block.get("text"):
                yield self._chunk({"content": _text(block["text"])})
            case "tool_use":
                yield self._call({"name": block["name"], "arguments": ""}, block["id"])
            case "redacted_thinking":
                yield self._chunk({"thinking_blocks": [block]})

    def _grow(self, delta: JsonObject) -> Iterator[bytes]:
        match delta["type"]:
            case "text_delta":
                yield self._chunk({"content": _text(delta["text"])})
            case "thinking_delta":
                self._block["thinking"] = self._block.get("thinking", "") + delta["thinking"]
                yield self._chunk({"reasoning_content": delta["thinking"]})
            case "signature_delta":
                self._block["signature"] = delta["signature"]
            case "input_json_delta" if delta["partial_json"]:
                self._block["has_arguments"] = True
                yield self._call({"arguments": _text(delta["partial_json"])})

    def _close(self) -> Iterator[bytes]:
        block, self._block = self._block, {}
        match block.get("type"):
            case "thinking" if block.get("signature"):
                yield self._chunk({"thinking_blocks": [block]})
            case "tool_use":
                if not block.get("has_arguments"):
                    yield self._call({"arguments": write(block.get("input") or {}).decode()})
                self._calls += 1

    def _finish(self, event: JsonObject) -> Iterator[bytes]:
        self._count(event.get("usage"))
        reason = finish_reason(event["delta"].get("stop_reason"))
        if reason:
            yield self._chunk({}, reason)

    def _stop(self) -> Iterator[bytes]:
        self.is_over = True
        usage = usage_of(self._usage)
        if usage:
            yield write(self._begins | {"choices": [], "usage": usage})
        yield DONE

    def _count(self, usage: object) -> None:
        """Take over what is told: later events count all that was used, not what came since."""
        if isinstance(usage, dict):
            self._usage |= {name: value for name, value in usage.items() if value is not None}

    def _call(self, function: JsonObject, call_id: str | None = None) -> bytes:
        call: JsonObject = {"index": self._calls}
        if call_id:
            call |= {"id": call_id, "type": "function"}
        return self._chunk({"tool_calls": [call | {"function": function}]})

    def _chunk(self, delta: JsonObject, reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return write(self._begins | {"choices": [choice]})


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value
