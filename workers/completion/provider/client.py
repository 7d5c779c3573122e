"""One pooled HTTP client to a provider, and what it makes of everything that a provider may answer."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientResponse, TCPConnector
from aiohttp.http_exceptions import HttpProcessingError

from contracts.errors import ApiError
from contracts.wire.models import Model
from infra.settings import ProviderSettings
from workers.completion.core import (
    REDACTED,
    ListedModel,
    bad_answer,
    context_of_props,
    listed_models,
    read_said,
    refusal,
    reworded,
    scrubbed,
    seconds_to_wait,
)
from workers.completion.provider.batches import Batches, IsEnd, has_done
from workers.completion.provider.patience import Patience, out_of_time, silent
from workers.completion.provider.pool import Connect, Pool, open_pool
from workers.completion.provider.trouble import cut

PROPS = "/../props"
"""llama.cpp's, beside its `/v1`."""
MAX_ERROR_BODY = 65_536
ERROR_BODY_TIMEOUT = 5.0
MODELS_TIMEOUT = 10.0
DRAIN_TIMEOUT = 1.0
"""Seconds for the end of an answer after its `[DONE]`, so that its connection can serve again."""
MIN_SECRET = 8
"""Characters; shorter keys are placeholders such as `EMPTY`, shorter hosts are ordinary words."""
NO_SUCH_ROUTE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED})
NOT_A_STREAM = frozenset({"application/json", "application/problem+json", "text/html"})
"""Content types that mean no event stream; others are read as one, since some providers misname theirs."""


@asynccontextmanager
async def open_provider(
    settings: ProviderSettings, connect: Connect = TCPConnector
) -> AsyncIterator["HttpProvider"]:
    """A provider with its connections, which are closed at the end."""
    async with open_pool(settings, connect) as pool:
        provider = HttpProvider(pool, settings)
        try:
            yield provider
        finally:
            await provider.drained()


class HttpProvider:
    """A provider behind an address. Its errors name neither the address nor the key."""

    def __init__(self, pool: Pool, settings: ProviderSettings) -> None:
        self._pool = pool
        self._settings = settings
        self._key = settings.key.get_secret_value() if settings.key else ""
        self._secrets = _secrets(settings.url, self._key)
        self._drains: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def stream(
        self,
        endpoint: str,
        body: bytes,
        *,
        deadline: float,
        traceparent: str | None = None,
        is_end: IsEnd = has_done,
    ) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        """Ask for a stream; see `workers.completion.core.Provider`. `endpoint`: any path behind the base."""
        patience = Patience(self._settings, deadline, asyncio.get_running_loop())
        with self._scrubbing():
            response = await self._first_answer(endpoint, body, traceparent, patience)
            batches = Batches(response, patience, self._settings.max_line, is_end)
            try:
                await _expect_stream(response)
                yield batches
            finally:
                patience.close()
                self._leave(response, reusable=batches.over)

    async def complete(
        self, endpoint: str, body: bytes, *, deadline: float, traceparent: str | None = None
    ) -> bytes:
        """Ask for a whole answer; see `workers.completion.core.Provider`."""
        last = min(deadline, asyncio.get_running_loop().time() + self._settings.total_timeout)
        headers = _headers("application/json", traceparent)
        with self._scrubbing():
            try:
                async with asyncio.timeout_at(last):
                    response = await self._pool.post(f"/{endpoint}", body, headers)
                    return self._without_key(await _whole(response, self._settings.max_answer))
            except TimeoutError as error:
                raise out_of_time() from error

    async def models(self) -> list[Model]:
        """The provider's own list, or the configured one where it has none."""
        headers = _headers("application/json", None)
        with self._scrubbing():
            try:
                async with asyncio.timeout(MODELS_TIMEOUT):
                    listed = await self._listed(await self._pool.get("/models", headers))
                    return await self._with_context(listed)
            except TimeoutError as error:
                raise silent("its list of models", MODELS_TIMEOUT) from error

    async def get(self, path: str) -> bytes | None:
        """The body of a good answer to a GET of a path behind the base; None where there is no such route.

        Raises ApiError.
        """
        headers = _headers("application/json", None)
        with self._scrubbing():
            try:
                async with asyncio.timeout(MODELS_TIMEOUT):
                    response = await self._pool.get(f"/{path}", headers)
                    if response.status in NO_SUCH_ROUTE:
                        response.close()
                        return None
                    return self._without_key(await _whole(response, self._settings.max_answer))
            except TimeoutError as error:
                raise silent("its list of models", MODELS_TIMEOUT) from error

    async def drained(self) -> None:
        """Wait for the answers whose ends are still awaited."""
        if self._drains:
            await asyncio.wait(self._drains)

    async def _first_answer(
        self, endpoint: str, body: bytes, traceparent: str | None, patience: Patience
    ) -> ClientResponse:
        headers = _headers("text/event-stream", traceparent)
        try:
            async with asyncio.timeout_at(patience.until):
                return await self._pool.post(f"/{endpoint}", body, headers)
        except TimeoutError as error:
            raise patience.error() from error

    async def _listed(self, response: ClientResponse) -> list[Model]:
        owner = self._settings.name
        if response.status in NO_SUCH_ROUTE and self._settings.models:
            response.close()
            return [Model(id=name, created=0, owned_by=owner) for name in self._settings.models]
        return listed_models(await _whole(response, self._settings.max_answer), owner)

    async def _with_context(self, models: list[Model]) -> list[Model]:
        """The models with the context that llama.cpp was started with, which its list does not tell."""
        if self._settings.tokenizer != "llama.cpp":
            return models
        try:
            response = await self._pool.get(PROPS, _headers("application/json", None))
            length = context_of_props(read_said(await _whole(response, MAX_ERROR_BODY)))
        except ApiError:
            return models
        told = {} if length is None else {"context_length": length}
        return [
            model.model_copy(update=told) if isinstance(model, ListedModel) else model for model in models
        ]

    def _leave(self, response: ClientResponse, *, reusable: bool) -> None:
        """Close the connection, unless only the end of a finished answer is missing."""
        if not reusable or response.closed:
            response.close()
            return
        task = asyncio.create_task(_drain(response))
        self._drains.add(task)
        task.add_done_callback(self._drains.discard)

    def _without_key(self, answer: bytes) -> bytes:
        """An answer is read outside of here, and an error may be in it."""
        if len(self._key) < MIN_SECRET:
            return answer
        return answer.replace(self._key.encode(), REDACTED.encode())

    @contextmanager
    def _scrubbing(self) -> Iterator[None]:
        try:
            yield
        except ApiError as error:
            message = scrubbed(error.detail.message, self._secrets)
            if message == error.detail.message:
                raise
            raise reworded(error, message) from None


async def _expect_ok(response: ClientResponse) -> None:
    if response.status != HTTPStatus.OK:
        body = await _start_of(response)
        date = response.headers.get("Date") or formatdate(usegmt=True)
        wait = seconds_to_wait(response.headers.get("Retry-After"), date)
        raise refusal(response.status, body, wait=wait)


async def _expect_stream(response: ClientResponse) -> None:
    await _expect_ok(response)
    if response.content_type in NOT_A_STREAM:
        read_said(await _start_of(response))
        raise bad_answer(f"The provider answered a request for a stream with {response.content_type}.")


async def _start_of(response: ClientResponse) -> bytes:
    """The first 64 KiB of a body, or as much as comes in time: enough for an error."""
    body = bytearray()
    with suppress(ClientError, HttpProcessingError, TimeoutError):
        async with asyncio.timeout(ERROR_BODY_TIMEOUT):
            while len(body) < MAX_ERROR_BODY and (data := await response.content.readany()):
                body += data
    return bytes(body[:MAX_ERROR_BODY])


async def _whole(response: ClientResponse, limit: int) -> bytes:
    """The body of a good answer."""
    body = bytearray()
    try:
        await _expect_ok(response)
        while data := await response.content.readany():
            body += data
            if len(body) > limit:
                raise bad_answer(f"The provider's answer is larger than {limit:,} bytes.")
    except (ClientError, HttpProcessingError) as error:
        raise cut() from error
    finally:
        response.close()
    return bytes(body)


async def _drain(response: ClientResponse) -> None:
    with suppress(ClientError, HttpProcessingError, TimeoutError):
        async with asyncio.timeout(DRAIN_TIMEOUT):
            while await response.content.readany():
                pass
    response.close()


def _headers(accept: str, traceparent: str | None) -> dict[str, str]:
    headers = {"Accept": accept}
    if traceparent:
        headers["traceparent"] = traceparent
    return headers


def _secrets(url: str, key: str) -> tuple[str, ...]:
    """What no error may show, the longest first: the address, the host, the key."""
    secrets = {url, url.rstrip("/"), key}
    with suppress(ValueError):  # no URL at all: nothing is ever asked there
        address = urlsplit(url)
        secrets |= {address.netloc, address.hostname or ""}
    return tuple(sorted((secret for secret in secrets if len(secret) >= MIN_SECRET), key=len, reverse=True))
