"""A provider that is asked in Anthropic's words and answers in OpenAI's.

It stands on the client of a provider (`workers.completion.provider`), which has the connections, the limits
of time, the key and the header `anthropic-version`.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, contextmanager
from typing import Protocol
from urllib.parse import quote

from contracts.errors import ApiError, ErrorCode
from contracts.jobs import Endpoint
from contracts.wire.models import Model
from workers.completion.core.anthropic import (
    Chunks,
    completion_of,
    has_stop,
    messages_body,
    models_page,
    ours,
)
from workers.completion.core.catalog import MOST_MODELS
from workers.completion.core.jsontext import read_object, write

MESSAGES = "messages"
MODELS = "models?limit=1000"
MAX_PAGES = 20
"""Of a list of models; a list that has no end is given up."""


class Http(Protocol):
    """What is needed of the client of a provider."""

    def stream(
        self,
        endpoint: str,
        body: bytes,
        *,
        deadline: float,
        traceparent: str | None = None,
        is_end: Callable[[list[bytes]], bool],
    ) -> AbstractAsyncContextManager[AsyncIterator[list[bytes]]]:
        """Ask for a stream that ends with the payloads of which `is_end` holds."""

    async def complete(
        self, endpoint: str, body: bytes, *, deadline: float, traceparent: str | None = None
    ) -> bytes:
        """Ask for a whole answer."""

    async def get(self, path: str) -> bytes | None:
        """The body of an answer; None where there is no such route."""


def unlimited(model: str) -> int | None:  # noqa: ARG001  as a Limit
    """Nothing is known of a model's longest answer."""
    return None


Limit = Callable[[str], int | None]
"""How many tokens a model can write at all, by the provider's name of it; None where that is not known."""


class AnthropicProvider:
    """A provider behind Anthropic's API; see `workers.completion.core.Provider`."""

    def __init__(
        self,
        http: Http,
        owner: str,
        limit: Limit = unlimited,
        *,
        named: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`owner` has made its models; `named` are those that it has where it lists none."""
        self._http = http
        self._owner = owner
        self._limit = limit
        self._named = named
        self._clock = clock

    @asynccontextmanager
    async def stream(
        self, endpoint: Endpoint, body: bytes, *, deadline: float, traceparent: str | None = None
    ) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        """Ask for a stream; its payloads are chunks of a chat completion."""
        asked = self._asked(endpoint, body)
        with _ours():
            async with (
                self._http.stream(
                    MESSAGES, asked, deadline=deadline, traceparent=traceparent, is_end=has_stop
                ) as batches,
                aclosing(_translated(batches, Chunks(self._now()))) as translated,
            ):
                yield translated

    async def complete(
        self, endpoint: Endpoint, body: bytes, *, deadline: float, traceparent: str | None = None
    ) -> bytes:
        """Ask for a whole answer, which is a chat completion."""
        asked = self._asked(endpoint, body)
        with _ours():
            answer = await self._http.complete(MESSAGES, asked, deadline=deadline, traceparent=traceparent)
            return completion_of(answer, self._now())

    async def models(self) -> list[Model]:
        """The provider's own list, by id, or those named where it has none."""
        models: list[Model] = []
        path = MODELS
        for _ in range(MAX_PAGES):
            page = await self._http.get(path)
            if page is None:
                return self._those_named()
            found, last = models_page(page, self._owner)
            models += found
            if last is None:
                return sorted(models, key=lambda model: model.id)[:MOST_MODELS]
            path = f"{MODELS}&after_id={quote(last, safe='')}"
        raise ApiError(ErrorCode.PROVIDER_BAD_ANSWER, "The provider's list of models has no end.")

    def _those_named(self) -> list[Model]:
        if not self._named:
            raise ApiError(ErrorCode.PROVIDER_BAD_ANSWER, "The provider has no list of models.")
        return [Model(id=name, created=0, owned_by=self._owner) for name in self._named]

    def _asked(self, endpoint: Endpoint, body: bytes) -> bytes:
        """The request as Anthropic gets it. Raises ApiError for what it cannot be asked."""
        if endpoint is not Endpoint.CHAT:
            sentence = f"This model is at a provider that has chat completions alone, and no {endpoint}."
            raise ApiError(ErrorCode.UNSUPPORTED_PARAMETER, sentence, param="model")
        asked = read_object(body)
        return write(messages_body(asked, self._limit(str(asked.get("model")))))

    def _now(self) -> int:
        return int(self._clock())


async def _translated(batches: AsyncIterator[list[bytes]], chunks: Chunks) -> AsyncGenerator[list[bytes]]:
    """The chunks of each batch of events that brings some."""
    async for batch in batches:
        found = [chunk for data in batch for chunk in chunks.feed(data)]
        if found:
            yield found


@contextmanager
def _ours() -> Iterator[None]:
    try:
        yield
    except ApiError as error:
        told = ours(error)
        if told is error:
            raise
        raise told from None
