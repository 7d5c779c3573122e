"""Events of Anthropic's streams, and its errors."""

import json
from typing import Any

Json = dict[str, Any]  # Anthropic's wire, open by nature
CREATED = 1_741_570_283
USED = {
    "input_tokens": 11,
    "cache_read_input_tokens": 3,
    "cache_creation_input_tokens": 2,
    "output_tokens": 1,
}


def event(kind: str, **fields: object) -> bytes:
    return json.dumps({"type": kind, **fields}).encode()


def begin(usage: Json | None = None) -> bytes:
    message: Json = {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "content": [],
        "model": "claude-opus-4-6",
        "stop_reason": None,
        "stop_sequence": None,
        "usage": USED if usage is None else usage,
    }
    return event("message_start", message=message)


def block(kind: str, *deltas: Json, index: int = 0, **fields: object) -> list[bytes]:
    """All events of one block."""
    return [
        event("content_block_start", index=index, content_block={"type": kind, **fields}),
        *(event("content_block_delta", index=index, delta=delta) for delta in deltas),
        event("content_block_stop", index=index),
    ]


def said(*texts: str, index: int = 0) -> list[bytes]:
    return block("text", *({"type": "text_delta", "text": text} for text in texts), index=index, text="")


def thought(*texts: str, signature: str = "sig") -> list[bytes]:
    deltas = [{"type": "thinking_delta", "thinking": text} for text in texts]
    return block(
        "thinking", *deltas, {"type": "signature_delta", "signature": signature}, thinking="", signature=""
    )


def called(name: str, *pieces: str, index: int = 0) -> list[bytes]:
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block("tool_use", *deltas, index=index, id=f"toolu_{index}", name=name, input={})


def end(reason: str | None = "end_turn", **usage: object) -> list[bytes]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    told = {"output_tokens": 7, **usage}
    return [event("message_delta", delta=delta, usage=told), event("message_stop")]


def failure(kind: str, message: str = "it failed") -> bytes:
    return event("error", error={"type": kind, "message": message}, request_id="req_1")
