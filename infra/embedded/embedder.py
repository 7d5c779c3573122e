"""The process of the local embeddings: OpenAI's route on the word vectors of the wheel `wordllama`.

It knows words and no sentences: good enough to find a passage by what it is about, and far below a model that
reads. Run it as `python -m infra.embedded.embedder --port 8093`.
"""

import argparse
import asyncio
import base64
import struct
from collections.abc import Sequence
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from contracts.wire.embeddings import EmbeddingRequest
from infra.embedded.ports import HOST
from infra.embedded.wheel import wheel_file
from infra.embedded.word_vectors import WordVectors, read_word_vectors
from infra.embedded.wordpieces import Wordpieces, read_wordpieces

MODEL = "wordllama-256"
WHEEL = "wordllama"
"""Taken without its dependencies, so it can be found but not imported."""
MOST_TOKENS = 8_192
"""Of one text."""
MOST_BYTES = 64 * 1024 * 1024
"""Of a request; the edge takes less."""

JsonObject = dict[str, Any]  # OpenAI's wire


class Refused(Exception):
    """The request asks for what cannot be had. `param` is its field."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


class Embedder:
    """What answers."""

    def __init__(self, pieces: Wordpieces, vectors: WordVectors) -> None:
        self._pieces = pieces
        self._vectors = vectors

    async def embeddings(self, request: web.Request) -> web.Response:
        """POST /v1/embeddings."""
        try:
            asked = EmbeddingRequest.model_validate_json(await request.read(), strict=True)
            return web.json_response(await self._answer(asked))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            return _refusal(Refused(first["msg"], str(first["loc"][0]) if first["loc"] else None))
        except Refused as error:
            return _refusal(error)

    async def _answer(self, asked: EmbeddingRequest) -> JsonObject:
        dimensions = self._vectors.dimensions if asked.dimensions is None else asked.dimensions
        if dimensions > self._vectors.dimensions:
            raise Refused(f"dimensions must be at most {self._vectors.dimensions}", "dimensions")
        data, tokens = [], 0
        for index, text in enumerate(_texts(asked.input)):
            pieces = self._pieces_of(text)
            tokens += len(pieces)
            vector = self._vectors.mean(pieces, dimensions)
            written = _packed(vector) if asked.encoding_format == "base64" else vector
            data.append({"object": "embedding", "index": index, "embedding": written})
            await asyncio.sleep(0)  # others ask, too
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": MODEL, "usage": usage}

    def _pieces_of(self, text: str | list[int]) -> Sequence[int]:
        pieces = self._pieces.split(text, MOST_TOKENS) if isinstance(text, str) else text
        if len(pieces) > MOST_TOKENS:
            raise Refused(f"A text has at most {MOST_TOKENS:,} tokens", "input")
        if not all(0 <= piece < self._vectors.size for piece in pieces):
            raise Refused(f"A token is a number from 0 to {self._vectors.size - 1:,}", "input")
        return pieces


def embedder_app(embedder: Embedder) -> web.Application:
    """Its routes."""
    app = web.Application(client_max_size=MOST_BYTES)
    app.router.add_get("/health", _health)
    app.router.add_get("/v1/models", _models)
    app.router.add_post("/v1/embeddings", embedder.embeddings)
    return app


def read_embedder() -> Embedder:
    """Made of the wheel's files. Raises StackError where it isn't installed."""
    return Embedder(
        read_wordpieces(wheel_file(WHEEL, "tokenizers/l2_supercat_tokenizer_config.json")),
        read_word_vectors(wheel_file(WHEEL, "weights/l2_supercat_256.safetensors")),
    )


def main() -> None:
    """Serve on the port until a signal comes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    web.run_app(embedder_app(read_embedder()), host=HOST, port=port, access_log=None)


async def _health(_request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def _models(_request: web.Request) -> web.Response:
    """Its one model, with what it can do as Mistral's list tells it."""
    model = {
        "id": MODEL,
        "object": "model",
        "created": 0,
        "owned_by": "wordllama",
        "capabilities": {"embeddings": True},
        "context_length": MOST_TOKENS,
    }
    return web.json_response({"object": "list", "data": [model]})


def _texts(given: object) -> list[Any]:  # texts, or lists of tokens: checked before
    is_one = isinstance(given, str) or (isinstance(given, list) and isinstance(given[0], int))
    return [given] if is_one else list(given)  # type: ignore[call-overload]  # a list, as checked


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _refusal(error: Refused) -> web.Response:
    about = {"message": str(error), "type": "invalid_request_error", "param": error.param, "code": None}
    return web.json_response({"error": about}, status=400)


if __name__ == "__main__":
    main()
