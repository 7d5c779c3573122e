"""The payloads of one stream as they arrive: all that one read brought, together."""

from collections.abc import Callable
from typing import Self

from aiohttp import ClientError, ClientResponse, StreamReader
from aiohttp.http_exceptions import HttpProcessingError

from workers.completion.core import DONE
from workers.completion.provider.patience import Patience
from workers.completion.provider.sse import Events
from workers.completion.provider.trouble import cut

IsEnd = Callable[[list[bytes]], bool]
"""Whether the last of a stream is among these payloads."""


def has_done(payloads: list[bytes]) -> bool:
    """How OpenAI's streams end."""
    return DONE in payloads


class Batches:
    """Iterates over a stream until its last payload or its end. Raises ApiError when it breaks or falls
    silent."""

    def __init__(
        self, response: ClientResponse, patience: Patience, max_line: int, is_end: IsEnd = has_done
    ) -> None:
        self._content: StreamReader = response.content
        self._patience = patience
        self._events = Events(max_line)
        self._is_end = is_end
        self._over = False
        patience.watch(self._content.set_exception)

    @property
    def over(self) -> bool:
        """Whether the stream came to its end, so that its connection may serve again."""
        return self._over

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[bytes]:
        if self._over:
            raise StopAsyncIteration
        self._patience.begin()
        payloads = await self._next_payloads()
        self._patience.end()
        if not payloads:
            raise StopAsyncIteration
        return payloads

    async def _next_payloads(self) -> list[bytes]:
        """The next payloads; none only at the end of the stream."""
        try:
            while data := await self._content.readany():
                if payloads := self._events.feed(data):
                    self._over = self._is_end(payloads)
                    return payloads
        except (ClientError, HttpProcessingError) as error:
            raise cut() from error
        self._over = True
        return self._events.end()
