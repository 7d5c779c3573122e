"""The scripted provider's embeddings: a vector tells how long its text is, and where it stood."""

import base64
import json
import struct
from collections.abc import Iterator

from tests.upstream.script import Script
from tests.upstream.wire import Json

PATH = "/v1/embeddings"
DIMENSIONS = 4


def vector(text: object, index: int) -> list[float]:
    """The vector of a text, or of its tokens."""
    length = float(len(text) if isinstance(text, str | list) else 0)
    return [length, float(index), 0.5, -1.0]


def payloads(_script: Script, _request: Json) -> Iterator[bytes]:
    """Nothing is streamed."""
    yield b""


def completion(_script: Script, request: Json) -> bytes:
    """A whole answer, in base64 where that is asked for."""
    given = request["input"]
    texts = given if isinstance(given, list) and not isinstance(given[0], int) else [given]
    in_base64 = request.get("encoding_format") == "base64"
    vectors = [vector(text, index) for index, text in enumerate(texts)]
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(one) if in_base64 else one}
        for index, one in enumerate(vectors)
    ]
    tokens = sum(len(str(text)) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json.dumps(
        {"object": "list", "data": data, "model": request.get("model"), "usage": usage}
    ).encode()


def name_of(_payload: bytes) -> bytes:
    """Events have no name."""
    return b""


def _packed(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
