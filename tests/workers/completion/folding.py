"""A stream to fold, and payloads for it."""

import json
from typing import Any

import pytest

from contracts.errors import ApiError
from workers.completion.core import Stream

PUBLIC_ID = "chatcmpl-01JD0000000000000000000000"
TOLD = {
    "prompt_tokens": 5,
    "completion_tokens": 7,
    "total_tokens": 12,
    "prompt_tokens_details": {"cached_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
Json = dict[str, Any]  # OpenAI's wire, open by nature


def stream(*, wants_usage: bool = False, first_seq: int = 0, choices: int = 1) -> Stream:
    return Stream(PUBLIC_ID, "flex", wants_usage=wants_usage, first_seq=first_seq, choices=choices)


def chunk(delta: Json | None = None, finish: str | None = None, index: int = 0, **more: object) -> bytes:
    choice = {"index": index, "delta": delta or {}, "finish_reason": finish}
    return json.dumps({"id": "up", "model": "m-1", "choices": [choice], **more}).encode()


def usage_chunk(**more: object) -> bytes:
    return json.dumps({"id": "up", "model": "m-1", "choices": [], "usage": TOLD, **more}).encode()


def fed(folding: Stream, *payloads: bytes) -> list[Json]:
    """The chunks that come out."""
    return [json.loads(out) for payload in payloads if (out := folding.feed(payload)) is not None]


def failure_of(payload: bytes) -> ApiError:
    with pytest.raises(ApiError) as caught:
        stream().feed(payload)
    return caught.value
