"""Asks a provider for embeddings: one request, one answer, and what goes wrong in one sentence."""

import io
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.http_exceptions import HttpProcessingError
from pydantic import BaseModel, Field, ValidationError
from pydantic_core import to_json

from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.connecting import checked_connector
from infra.registry.offers import Endpoint, Offer, Provider
from infra.sealing import SealBroken, Sealer
from infra.settings import ProviderSettings
from infra.store.providers import SEALED

KEEP_ALIVE = 4.0
"""Seconds that an idle connection is kept; many servers close it after 5."""
CONNECTIONS = 32
MOST_DIMENSIONS = 16_000
"""pgvector's own limit."""
LARGEST = 1e30
"""Of a number: its square is still one of 64 bits, itself one of 32."""
PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
"""Refusals, beside those of the server's own, that the same request may not get again."""

Vector = Sequence[float]
_Number = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]


class NotEmbedded(Exception):
    """A provider gave no embeddings. The message names it, and neither its address nor its key."""

    def __init__(self, message: str, *, may_pass: bool) -> None:
        super().__init__(message)
        self.may_pass = may_pass


class _One(BaseModel):
    index: int | None = None
    embedding: Annotated[list[_Number], Field(min_length=1, max_length=MOST_DIMENSIONS)]


class _Answer(BaseModel):
    data: list[_One]


@dataclass(frozen=True)
class Sessions:
    """Connections to those whom an operator named, and to all others at checked addresses alone."""

    trusted: ClientSession
    checked: ClientSession


class Asking:
    """Asks. Opened by `open_asking`."""

    def __init__(self, sessions: Sessions, sealer: Sealer, most_bytes: int) -> None:
        self._sessions = sessions
        self._sealer = sealer
        self._most_bytes = most_bytes

    async def embed(self, offer: Offer, endpoint: Endpoint, texts: Sequence[str]) -> list[Vector | None]:
        """A vector for each text; None where it has no direction. Raises NotEmbedded."""
        provider = offer.provider
        session = self._sessions.trusted if provider.is_trusted else self._sessions.checked
        body = to_json({"model": offer.original_id, "input": texts})
        try:
            async with session.post(
                _url(endpoint.url),
                data=io.BytesIO(body),  # aiohttp warns of plain bytes over 1 MiB
                headers=self._credentials(provider),
                allow_redirects=False,
            ) as response:
                return _vectors(await self._whole(response, provider), len(texts), provider)
        except TimeoutError as error:
            raise _failure(provider, "did not answer in time", may_pass=True) from error
        except (ClientError, HttpProcessingError, OSError) as error:
            raise _failure(provider, "cannot be reached", may_pass=True) from error

    async def _whole(self, response: ClientResponse, provider: Provider) -> bytes:
        if response.status != HTTPStatus.OK:
            is_ill = response.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            may_pass = response.status in PASSING or is_ill
            raise _failure(provider, f"answered {response.status}", may_pass=may_pass)
        body = bytearray()
        while data := await response.content.readany():
            body += data
            if len(body) > self._most_bytes:
                raise _failure(provider, "answered more than is read", may_pass=False)
        return bytes(body)

    def _credentials(self, provider: Provider) -> dict[str, str]:
        if provider.sealed_key is None or provider.auth == "none":
            return {}
        try:
            key = SEALED.open(self._sealer, provider.provider_id, provider.sealed_key).strip()
        except SealBroken as error:
            raise _failure(provider, "has a key that cannot be opened", may_pass=False) from error
        if not key.isprintable():
            raise _failure(provider, "has a key that no header can hold", may_pass=False)
        return {"Authorization": f"Bearer {key}"} if provider.auth == "bearer" else {provider.auth: key}


@asynccontextmanager
async def open_asking(settings: ProviderSettings, sealer: Sealer, seconds: float) -> AsyncIterator[Asking]:
    """Connections of its own, closed at the end. `seconds`: of one request, with its answer."""
    checked = checked_connector(
        AddressPolicy(settings.networks), limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE
    )
    trusted = TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE)
    timeout = ClientTimeout(total=seconds, connect=settings.connect_timeout)
    async with AsyncExitStack() as stack:
        sessions = Sessions(
            trusted=await stack.enter_async_context(_session(trusted, timeout)),
            checked=await stack.enter_async_context(_session(checked, timeout)),
        )
        yield Asking(sessions, sealer, settings.max_answer)


def _session(connector: TCPConnector, timeout: ClientTimeout) -> ClientSession:
    headers = {"User-Agent": "jan-server", "Content-Type": "application/json"}
    return ClientSession(connector=connector, headers=headers, timeout=timeout, cookie_jar=DummyCookieJar())


def _url(base: str) -> str:
    """The route behind the base, whose query, as Azure's `api-version`, stays behind it."""
    base, mark, query = base.partition("?")
    return f"{base.rstrip('/')}/embeddings{mark}{query}"


def _vectors(body: bytes, count: int, provider: Provider) -> list[Vector | None]:
    """The vectors of an answer, in the order of the texts. Raises NotEmbedded."""
    try:
        data = _Answer.model_validate_json(body).data
    except ValidationError as error:
        raise _failure(provider, "answered what are no embeddings", may_pass=False) from error
    if any(one.index is not None for one in data):
        data = sorted(data, key=lambda one: -1 if one.index is None else one.index)
    indices = {index if one.index is None else one.index for index, one in enumerate(data)}
    if indices != set(range(count)) or len(data) != count:
        raise _failure(provider, f"answered {len(data)} embeddings for {count} texts", may_pass=False)
    if len({len(one.embedding) for one in data}) > 1:
        raise _failure(provider, "answered embeddings of different lengths", may_pass=False)
    return [_directed(one.embedding) for one in data]


def _directed(numbers: list[float]) -> Vector | None:
    """The numbers with 32 bits each; None where all are 0, which no cosine compares."""
    vector = array("f", numbers)
    return vector if any(vector) else None


def _failure(provider: Provider, what: str, *, may_pass: bool) -> NotEmbedded:
    return NotEmbedded(
        f"The provider {provider.name} {what} when texts were to be embedded", may_pass=may_pass
    )
