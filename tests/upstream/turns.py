"""Scripts of model turns: a text, or calls of tools, streamed as a provider does."""

import json
from typing import Any

from contracts.ids import new_ulid
from tests.upstream.script import Script

Json = dict[str, Any]  # OpenAI's wire


def says(*pieces: str, prompt_tokens: int = 10, **given: Any) -> Script:  # fields of a Script
    """A turn that answers with these pieces of text."""
    return _script([{"content": piece} for piece in pieces], "stop", prompt_tokens, given)


def calls(*made: tuple[str, Json], prompt_tokens: int = 10, **given: Any) -> Script:  # fields of a Script
    """A turn that calls these tools, all at once."""
    pieces = [
        {
            "index": at,
            "id": f"call_{new_ulid()}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for at, (name, arguments) in enumerate(made)
    ]
    return _script([{"tool_calls": [piece]} for piece in pieces], "tool_calls", prompt_tokens, given)


def _script(deltas: list[Json], finish: str, prompt: int, given: dict[str, Any]) -> Script:  # as above
    chunks = [_chunk({"role": "assistant"}), *map(_chunk, deltas), _chunk({}, finish)]
    used = {"prompt_tokens": prompt, "completion_tokens": 4, "total_tokens": prompt + 4}
    last = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "scripted", "choices": []}
    payloads = [json.dumps(chunk).encode() for chunk in [*chunks, last | {"usage": used}]]
    return Script(payloads=(*payloads, b"[DONE]"), **given)


def _chunk(delta: Json, finish: str | None = None) -> Json:
    about = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
    return about | {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
