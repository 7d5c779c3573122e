"""What the scripted provider says in Anthropic's wire (platform.claude.com/docs/en/api/messages).

The same scripts as in OpenAI's: `tokens`, `word`, `tool`, `reasoning`, `finish`, `payloads`, and every way to
misbehave. Payload 0 is `message_start`, 1 begins a block, 2 is the first token. A script that is not `done`
ends its stream without `message_stop`.
"""

import json
from collections.abc import Iterator

from tests.upstream import wire
from tests.upstream.request import Request
from tests.upstream.script import Script
from tests.upstream.wire import Json

PATH = "/v1/messages"
PROMPT_TOKENS = 11
CACHED_TOKENS = 3
CREATED_TOKENS = 2
THOUGHT = "r"
SIGNATURE = "c2lnbmVk"
REASONS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}


def payloads(script: Script, request: Json) -> Iterator[bytes]:
    """The events of a stream; the script's own where it has some."""
    if script.payloads is not None:
        yield from script.payloads
        return
    begun = _message(script, request) | {"content": [], "stop_reason": None, "usage": _usage(1)}
    yield _event("message_start", message=begun)
    for index, block in enumerate(_blocks(script)):
        yield from _written(script, index, block)
    if script.finish:
        delta = {"stop_reason": _reason(script), "stop_sequence": None}
        yield _event("message_delta", delta=delta, usage={"output_tokens": _tokens(script)})
    if script.done:
        yield _event("message_stop")


def completion(script: Script, request: Json) -> bytes:
    """A whole answer."""
    return _dump(_message(script, request) | {"content": _blocks(script)})


def name_of(payload: bytes) -> bytes:
    """The name of an event, which is its type; none for what is no JSON."""
    try:
        return str(json.loads(payload).get("type", "")).encode()
    except ValueError:
        return b""


def is_asked(request: Request) -> bool:
    """Whether a request is in this wire."""
    return "anthropic-version" in request.headers


def models(ids: list[str], query: dict[str, str]) -> bytes:
    """A page of the list of models."""
    ids = sorted(ids)
    start = ids.index(query["after_id"]) + 1 if "after_id" in query else 0
    page = ids[start : start + int(query.get("limit", "20"))]
    entries = [
        {"type": "model", "id": name, "display_name": name.title(), "created_at": "2025-02-19T00:00:00Z"}
        for name in page
    ]
    told = {"first_id": page[0] if page else None, "last_id": page[-1] if page else None}
    return _dump({"data": entries, "has_more": bool(page) and page[-1] != ids[-1], **told})


def error(kind: str, message: str) -> bytes:
    """An error body, or the payload of an error event."""
    return _event("error", error={"type": kind, "message": message}, request_id="req_scripted")


def _message(script: Script, request: Json) -> Json:
    return {
        "id": "msg_upstream",
        "type": "message",
        "role": "assistant",
        "model": request.get("model"),
        "content": [],
        "stop_reason": _reason(script),
        "stop_sequence": None,
        "usage": _usage(_tokens(script)),
    }


def _blocks(script: Script) -> list[Json]:
    blocks: list[Json] = []
    if script.reasoning:
        thought = "".join(f"{THOUGHT}{index} " for index in range(script.reasoning))
        blocks.append({"type": "thinking", "thinking": thought, "signature": SIGNATURE})
    if script.tool:
        word = {"word": "x" * script.tokens}
        return [*blocks, {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": word}]
    return [*blocks, {"type": "text", "text": wire.text(script)}]


def _written(script: Script, index: int, block: Json) -> Iterator[bytes]:
    """A block as it is streamed."""
    begins: Json = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    yield _event("content_block_start", index=index, content_block=block | begins[block["type"]])
    if index == 0:
        yield _event("ping")
    for delta in _deltas(script, block):
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _deltas(script: Script, block: Json) -> Iterator[Json]:
    match block["type"]:
        case "text":
            for index in range(script.tokens):
                yield {"type": "text_delta", "text": wire.piece(index, word=script.word)}
        case "thinking":
            for index in range(script.reasoning):
                yield {"type": "thinking_delta", "thinking": f"{THOUGHT}{index} "}
            yield {"type": "signature_delta", "signature": SIGNATURE}
        case "tool_use":
            whole = json.dumps(block["input"])
            yield {"type": "input_json_delta", "partial_json": ""}
            for piece in [*whole[: script.tokens - 1], whole[script.tokens - 1 :]]:
                yield {"type": "input_json_delta", "partial_json": piece}


def _reason(script: Script) -> str | None:
    if script.tool and script.finish == "stop":
        return "tool_use"
    return REASONS.get(script.finish, script.finish) or None


def _tokens(script: Script) -> int:
    return script.tokens + script.reasoning


def _usage(tokens: int) -> Json:
    return {
        "input_tokens": PROMPT_TOKENS,
        "cache_read_input_tokens": CACHED_TOKENS,
        "cache_creation_input_tokens": CREATED_TOKENS,
        "output_tokens": tokens,
    }


def _event(kind: str, **fields: object) -> bytes:
    return _dump({"type": kind, **fields})


def _dump(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
