"""Requests as bodies, and streams as payloads."""

import json
from typing import Any

Json = dict[str, Any]  # OpenAI's wire, open by nature
CHAT = "/v1/chat/completions"
HELLO: Json = {"model": "scripted", "messages": [{"role": "user", "content": "hi"}]}
STREAM: Json = {**HELLO, "stream": True}
ERROR_KEYS = {"type", "code", "message", "param", "request_id"}
DONE = "[DONE]"


def payloads(text: str) -> list[str]:
    """What stands behind `data:` in each event of a stream."""
    lines = [line for line in text.split("\n") if line and not line.startswith(":")]
    assert all(line.startswith("data: ") for line in lines)
    return [line.removeprefix("data: ") for line in lines]


def chunks(text: str) -> list[Json]:
    """The chunks of a whole stream, which must end with `[DONE]`."""
    *given, last = payloads(text)
    assert last == DONE
    return [json.loads(payload) for payload in given]


def said(text: str) -> str:
    """The text of the first choice in a whole stream."""
    return "".join(
        choice["delta"].get("content") or ""
        for chunk in chunks(text)
        for choice in chunk["choices"]
        if choice["index"] == 0
    )


def error_in(answer: Json) -> Json:
    """The error of an answer, which must have the one shape."""
    assert set(answer) == {"error"}
    error: Json = answer["error"]
    assert set(error) == ERROR_KEYS
    assert isinstance(error["type"], str)
    assert isinstance(error["message"], str)
    assert error["message"]
    return error
