"""What Anthropic refuses of a request: the rules that a translation most easily breaks.

They are those of the published reference and of the messages that its API is known to answer with.
"""

import re
from collections.abc import Iterator

from tests.upstream.request import Request
from tests.upstream.wire import Json

FIELDS = frozenset(
    {
        *("model", "max_tokens", "messages", "system", "stream", "temperature", "top_p", "top_k"),
        *("stop_sequences", "metadata", "tools", "tool_choice", "thinking", "output_config"),
    }
)
BLOCKS = {
    "user": {"text", "image", "document", "tool_result"},
    "assistant": {"text", "tool_use", "thinking", "redacted_thinking"},
}
LEAST_BUDGET = 1_024
_ID = re.compile(r"[a-zA-Z0-9_-]+")


def complaint(request: Request) -> str | None:
    """The first thing that is wrong with a request for messages; None when it is good."""
    return next(_complaints(request), None)


def _complaints(request: Request) -> Iterator[str]:
    if request.headers.get("anthropic-version") != "2023-06-01":
        yield "anthropic-version: header is required"
    body = request.json
    for name in sorted(body.keys() - FIELDS):
        yield f"{name}: Extra inputs are not permitted"
    if not isinstance(body.get("max_tokens"), int) or body["max_tokens"] < 1:
        yield "max_tokens: Field required"
    if not body.get("messages"):
        yield "messages: at least one message is required"
    yield from _of_settings(body)
    yield from _of_turns(body.get("messages") or [])


def _of_settings(body: Json) -> Iterator[str]:
    if not 0 <= body.get("temperature", 0) <= 1:
        yield "temperature: range: 0..1"
    budget = (body.get("thinking") or {}).get("budget_tokens")
    if budget is not None and not LEAST_BUDGET <= budget < body["max_tokens"]:
        yield "`max_tokens` must be greater than `thinking.budget_tokens`"
    if "tool_choice" in body and not body.get("tools"):
        yield "tool_choice may only be specified while providing tools"
    for block in body.get("system") or ():
        if not block["text"].strip():
            yield "system: text content blocks must contain non-whitespace text"


def _of_turns(turns: list[Json]) -> Iterator[str]:
    open_calls: set[str] = set()
    for index, turn in enumerate(turns):
        if turn["role"] not in BLOCKS:
            yield f"messages: Unexpected role {turn['role']!r}"
            return
        results = {block["tool_use_id"] for block in turn["content"] if block["type"] == "tool_result"}
        if results != open_calls:
            yield f"messages.{index}: `tool_use` ids without `tool_result` blocks immediately after"
        yield from _of_blocks(turn, f"messages.{index}")
        open_calls = {block["id"] for block in turn["content"] if block["type"] == "tool_use"}


def _of_blocks(turn: Json, place: str) -> Iterator[str]:
    kinds = [block["type"] for block in turn["content"]]
    if not set(kinds) <= BLOCKS[turn["role"]]:
        yield f"{place}: unexpected blocks {kinds}"
    if sorted(kinds, key=lambda kind: kind != "tool_result") != kinds:
        yield f"{place}: tool_result blocks must come first"
    for block in turn["content"]:
        if block["type"] == "text" and not block["text"].strip():
            yield f"{place}: text content blocks must be non-empty"
        if block["type"] == "tool_use" and not _ID.fullmatch(block["id"]):
            yield f"{place}: tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
        if block["type"] == "tool_use" and not isinstance(block["input"], dict):
            yield f"{place}: tool_use.input: Input should be a valid dictionary"
