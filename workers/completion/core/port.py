"""What the worker needs of a provider; the adapter is `workers.completion.provider`."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from contracts.wire.models import Model


class Provider(Protocol):
    """An upstream LLM. Deadlines are moments of the event loop's clock; every failure is an ApiError."""

    def stream(
        self, body: bytes, *, deadline: float, traceparent: str | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[list[bytes]]]:
        """Ask for a stream: batches of `data:` payloads, as many as one read brought, `[DONE]` included.

        Leaving the context before the end closes the connection, which stops the provider's work.
        """

    async def complete(self, body: bytes, *, deadline: float, traceparent: str | None = None) -> bytes:
        """Ask for a whole answer."""

    async def models(self) -> list[Model]:
        """The models that the provider offers."""
