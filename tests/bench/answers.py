"""The bytes that the scripted upstream sends: OpenAI's wire, made once for each answer, not each token."""

import json
import time
from typing import Any

from tests.bench.behaviour import Behaviour
from tests.bench.scenarios import models

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
STREAM_END = b"0\r\n\r\n"
PROMPT_TOKENS = 20
STAMP_DIGITS = 19
STAMP_MARK = "#" * STAMP_DIGITS
REASONS = {200: b"OK", 400: b"Bad Request", 404: b"Not Found"}


def whole(status: int, answer: dict[str, Any]) -> bytes:  # Any: JSON
    """A JSON answer with its head."""
    body = json.dumps(answer, separators=(",", ":")).encode()
    head = b"HTTP/1.1 %d %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % (status, REASONS[status], len(body)) + body


def error(status: int, code: str, message: str) -> bytes:
    """An error in OpenAI's shape."""
    return whole(status, {"error": {"message": message, "type": "invalid_request_error", "code": code}})


def model_list() -> bytes:
    """What /v1/models answers; other names of the same form work as well."""
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "bench"} for name in models()]
    return whole(200, {"object": "list", "data": data})


def completion(number: int, behaviour: Behaviour) -> bytes:
    """A whole answer."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "token " * behaviour.tokens},
        "logprobs": None,
        "finish_reason": "stop",
    }
    named = _named(number, behaviour, "chat.completion")
    return whole(200, {**named, "choices": [choice], "usage": _usage(behaviour)})


def delta_template(number: int, behaviour: Behaviour) -> bytes:
    """One token's chunk as a template of bytes that takes the stamp, an int."""
    chunk = _chunk(number, behaviour, {"role": "assistant", "content": STAMP_MARK}, None)
    return chunk.replace(STAMP_MARK.encode(), b"%%0%dd" % STAMP_DIGITS)


def stream_tail(number: int, behaviour: Behaviour, *, has_usage: bool) -> bytes:
    """What follows the last token: the finish, the usage when asked for, [DONE], and the end of the body."""
    tail = _chunk(number, behaviour, {}, "stop")
    if has_usage:
        named = _named(number, behaviour, "chat.completion.chunk")
        tail += _event({**named, "choices": [], "usage": _usage(behaviour)})
    return tail + _http_chunk(b"data: [DONE]\n\n") + STREAM_END


def _chunk(number: int, behaviour: Behaviour, delta: dict[str, str], finish_reason: str | None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _event({**_named(number, behaviour, "chat.completion.chunk"), "choices": [choice]})


def _named(number: int, behaviour: Behaviour, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{number}", "object": kind, "created": int(time.time()), "model": behaviour.model}


def _usage(behaviour: Behaviour) -> dict[str, int]:
    total = PROMPT_TOKENS + behaviour.tokens
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": behaviour.tokens,
        "total_tokens": total,
    }


def _event(chunk: dict[str, Any]) -> bytes:
    return _http_chunk(b"data: %b\n\n" % json.dumps(chunk, separators=(",", ":")).encode())


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
