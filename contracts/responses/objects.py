"""The response object, with every key that OpenAI and OpenResponses (www.openresponses.org) name.

What repeats the request stands in `asked`, with its defaults: it is filled once, when the response is asked
for, and each object is that and how far the response is.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

JsonObject = dict[str, Any]  # OpenAI's wire, open by nature

DEFAULTS: JsonObject = {
    "instructions": None,
    "tools": [],
    "tool_choice": "auto",
    "truncation": "disabled",
    "parallel_tool_calls": True,
    "text": {"format": {"type": "text"}, "verbosity": "medium"},
    "top_p": 1.0,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.0,
    "top_logprobs": 0,
    "temperature": 1.0,
    "reasoning": {"effort": None, "summary": None},
    "max_output_tokens": None,
    "max_tool_calls": None,
    "service_tier": "default",
    "metadata": {},
    "safety_identifier": None,
    "prompt_cache_key": None,
    "user": None,
    "prompt": None,
}
"""What a request leaves out, as the object tells it."""
FUNCTION: JsonObject = {"description": None, "parameters": None, "strict": None}
"""What the tool that is a function always tells."""


class ResponseLike(Protocol):
    """A response's row."""

    response_id: str
    status: str
    model: str
    previous_response_id: str | None
    conversation_id: str | None
    is_stored: bool
    is_background: bool
    asked: JsonObject
    plan: JsonObject
    turn: int
    usage: JsonObject | None
    error: JsonObject | None
    incomplete_reason: str | None
    created_at: datetime
    ended_at: datetime | None


def asked_of(request: Mapping[str, Any]) -> JsonObject:
    """What the object repeats of a request: what it said, else the default."""
    said = {name: request[name] for name in DEFAULTS if request.get(name) is not None}
    asked = DEFAULTS | said
    for name in ("text", "reasoning"):
        asked[name] = DEFAULTS[name] | dict(asked[name])
    tools: Sequence[JsonObject] = asked["tools"]
    asked["tools"] = [FUNCTION | tool if tool.get("type") == "function" else tool for tool in tools]
    return asked


def response_object(row: ResponseLike, output: Sequence[JsonObject]) -> JsonObject:
    """The object as it is now."""
    reason = row.incomplete_reason
    ended = row.ended_at
    return {
        "id": row.response_id,
        "object": "response",
        "created_at": int(row.created_at.timestamp()),
        "completed_at": int(ended.timestamp()) if ended and row.status == "completed" else None,
        "status": row.status,
        "background": row.is_background,
        "error": row.error,
        "incomplete_details": None if reason is None else {"reason": reason},
        "model": row.model,
        "output": list(output),
        "previous_response_id": row.previous_response_id,
        "conversation": None if row.conversation_id is None else {"id": row.conversation_id},
        "store": row.is_stored,
        "usage": row.usage,
        **row.asked,
        "execution_metadata": _execution(row),
    }


def _execution(row: ResponseLike) -> JsonObject:
    """How deep the tools went: Jan's own."""
    took = None if row.ended_at is None else round((row.ended_at - row.created_at).total_seconds() * 1000)
    return {
        "max_depth": row.plan.get("max_turns"),
        "actual_depth": row.turn,
        "total_duration_ms": took,
    }
