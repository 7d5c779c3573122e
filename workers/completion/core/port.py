"""What the worker needs of a provider; the adapter is `workers.completion.provider`."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from contracts.errors import ApiError
from contracts.events import Usage
from contracts.jobs import Endpoint
from contracts.wire.models import Model
from workers.completion.core.continuation import Prefill


class Provider(Protocol):
    """An upstream LLM. Deadlines are moments of the event loop's clock; every failure is an ApiError."""

    def stream(
        self, endpoint: Endpoint, body: bytes, *, deadline: float, traceparent: str | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[list[bytes]]]:
        """Ask for a stream: batches of `data:` payloads, as many as one read brought, `[DONE]` included.

        Leaving the context before the end closes the connection, which stops the provider's work.
        """

    async def complete(
        self, endpoint: Endpoint, body: bytes, *, deadline: float, traceparent: str | None = None
    ) -> bytes:
        """Ask for a whole answer."""

    async def models(self) -> list[Model]:
        """The models that the provider offers."""


class Candidate(Protocol):
    """An endpoint of a provider that may be asked for a model."""

    @property
    def provider(self) -> str:
        """The provider's name."""

    @property
    def model(self) -> str:
        """What the provider calls the model."""

    @property
    def prefill(self) -> Prefill:
        """How it goes on with an answer that was begun."""

    @property
    def media(self) -> str:
        """How it gets media: `inline`, as data, or by `link`."""

    def cost(self, usage: Usage) -> int | None:
        """What a usage costs there, in millionths of a US dollar; None where no price is known."""

    async def client(self) -> Provider:
        """Who asks it. Raises ApiError where it cannot be asked."""

    def begin(self) -> None:
        """A call begins."""

    async def end(self, failure: ApiError | None) -> None:
        """The call has ended, so. Without a word of this it was cancelled."""

    async def abandon(self) -> None:
        """The call was cancelled."""
