"""What the scripted provider says, in OpenAI's wire."""

import json
from collections.abc import Iterator
from typing import Any

from tests.upstream.script import Script

Json = dict[str, Any]  # OpenAI's wire, open by nature
ID = "chatcmpl-upstream"
PROMPT_TOKENS = 11
CACHED_TOKENS = 3


def text(script: Script, choice: int = 0) -> str:
    """The whole text of a choice."""
    return _begins(script, script.tokens, choice)


def piece(index: int, choice: int = 0, word: str = "t") -> str:
    """One token."""
    return f"c{choice}{word}{index} " if choice else f"{word}{index} "


def spoken(script: Script, request: Json) -> int:
    """How many tokens the request says that the assistant has spoken already."""
    last = (request.get("messages") or [{}])[-1]
    if not script.prefill or last.get("role") != "assistant":
        return 0
    counts = range(script.tokens + 1)
    return next((count for count in counts if _begins(script, count) == last.get("content")), 0)


def usage(script: Script, tokens: int, before: int = 0) -> Json:
    """The usage after so many tokens, behind those of the prompt."""
    prompt = PROMPT_TOKENS + before
    return {
        "prompt_tokens": prompt,
        "completion_tokens": tokens,
        "total_tokens": prompt + tokens,
        "prompt_tokens_details": {"cached_tokens": CACHED_TOKENS},
        "completion_tokens_details": {"reasoning_tokens": script.reasoning},
    }


def payloads(script: Script, request: Json) -> Iterator[bytes]:
    """The payloads of a stream up to `[DONE]`; the script's own where it has some."""
    if script.payloads is not None:
        yield from script.payloads
        return
    asked = bool((request.get("stream_options") or {}).get("include_usage"))
    model = request.get("model")
    told, before = 0, spoken(script, request)
    for choices in _steps(script, before):
        told += sum(1 for choice in choices if choice["delta"] and "role" not in choice["delta"])
        chunk = _chunk(model, choices)
        if script.usage == "every" or (script.usage == "finish" and choices[0]["finish_reason"]):
            chunk["usage"] = usage(script, told, before)
        elif asked and script.usage == "asked":
            chunk["usage"] = None
        yield _dump(chunk)
    if script.usage == "always" or (asked and script.usage == "asked"):
        yield _dump(_chunk(model, []) | {"usage": usage(script, told, before)})
    if script.done:
        yield b"[DONE]"


def completion(script: Script, request: Json) -> bytes:
    """A whole answer."""
    answer = {
        "id": ID,
        "object": "chat.completion",
        "created": 1_741_570_283,
        "model": request.get("model"),
        "system_fingerprint": "fp_scripted",
        "choices": [
            {
                "index": index,
                "message": _message(script, index),
                "logprobs": None,
                "finish_reason": _finish(script),
            }
            for index in range(script.choices)
        ],
    }
    if script.usage != "never":
        answer["usage"] = usage(script, script.tokens * script.choices)
    return _dump(answer)


def name_of(payload: bytes) -> bytes:
    """No event has a name."""
    return b""


def models(ids: list[str]) -> bytes:
    """The list of models."""
    entries = [
        {"id": name, "object": "model", "created": 1_700_000_000, "owned_by": "scripted"} for name in ids
    ]
    return _dump({"object": "list", "data": entries})


def error(status: int, message: str) -> bytes:
    """An error body."""
    return _dump(
        {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": status}}
    )


def _begins(script: Script, tokens: int, choice: int = 0) -> str:
    return "".join(piece(index, choice, script.word) for index in range(tokens))


def _steps(script: Script, before: int) -> Iterator[list[Json]]:
    """The choices of each chunk: roles, pieces, finish reasons. `before` tokens were spoken already."""
    numbers = range(script.choices)
    yield [
        _choice(number, {"role": "assistant", "content": None if script.tool else ""}) for number in numbers
    ]
    for index in range(script.reasoning):
        yield [_choice(number, {"reasoning_content": f"r{index} "}) for number in numbers]
    for index in range(before, script.tokens):
        yield [_choice(number, _delta(script, index, number)) for number in numbers]
    if script.finish:
        yield [_choice(number, {}, _finish(script)) for number in numbers]


def _delta(script: Script, index: int, choice: int) -> Json:
    if not script.tool:
        return {"content": piece(index, choice, script.word)}
    call: Json = {"index": 0, "function": {"arguments": _arguments(script)[index]}}
    if index == 0:
        call |= {"id": "call_1", "type": "function"}
        call["function"]["name"] = "look_up"
    return {"tool_calls": [call]}


def _arguments(script: Script) -> list[str]:
    """A JSON object in as many pieces as there are tokens."""
    whole = json.dumps({"word": "x" * script.tokens})
    return [*whole[: script.tokens - 1], whole[script.tokens - 1 :]]


def _message(script: Script, choice: int) -> Json:
    if not script.tool:
        return {"role": "assistant", "content": text(script, choice), "refusal": None}
    function = {"name": "look_up", "arguments": "".join(_arguments(script))}
    call = {"id": "call_1", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _finish(script: Script) -> str | None:
    return "tool_calls" if script.tool and script.finish == "stop" else script.finish or None


def _choice(number: int, delta: Json, finish: str | None = None) -> Json:
    return {"index": number, "delta": delta, "logprobs": None, "finish_reason": finish}


def _chunk(model: object, choices: list[Json]) -> Json:
    return {
        "id": ID,
        "object": "chat.completion.chunk",
        "created": 1_741_570_283,
        "model": model,
        "system_fingerprint": "fp_scripted",
        "choices": choices,
    }


def _dump(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
