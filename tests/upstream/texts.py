"""The scripted provider's legacy completions: what a chat says, as text behind a prompt."""

import json
from collections.abc import Iterator

from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.wire import Json

PATH = "/v1/completions"


def payloads(script: Script, request: Json) -> Iterator[bytes]:
    """Those of a stream; the script's own where it has some."""
    if script.payloads is not None:
        yield from script.payloads
        return
    spoken = str(request.get("prompt"))
    for payload in wire.payloads(script, request | {"messages": [_begun(script, spoken)]}):
        yield payload if payload == b"[DONE]" else _dump(_text_chunk(json.loads(payload)))


def completion(script: Script, request: Json) -> bytes:
    """A whole answer."""
    whole = json.loads(wire.completion(script, request))
    whole["object"] = "text_completion"
    whole["choices"] = [
        {
            "index": choice["index"],
            "text": choice["message"]["content"],
            "logprobs": None,
            "finish_reason": choice["finish_reason"],
        }
        for choice in whole["choices"]
    ]
    return _dump(whole)


def name_of(_payload: bytes) -> bytes:
    """Events have no name."""
    return b""


def _begun(script: Script, prompt: str) -> Json:
    """The end of a prompt that is the beginning of the answer, as the assistant's message."""
    begun = [wire.text(script)[:length] for length in range(len(wire.text(script)), 0, -1)]
    return {"role": "assistant", "content": next((text for text in begun if prompt.endswith(text)), "")}


def _text_chunk(chunk: Json) -> Json:
    choices = [
        {
            "index": choice["index"],
            "text": choice["delta"].get("content") or "",
            "logprobs": None,
            "finish_reason": choice["finish_reason"],
        }
        for choice in chunk["choices"]
    ]
    return chunk | {"object": "text_completion", "choices": choices}


def _dump(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
