"""One endpoint of a provider: the client that asks it, and what is known of its health."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from aiohttp import TCPConnector
from pydantic import SecretStr

from contracts.errors import ApiError
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.connecting import checked_connector
from infra.registry.offers import Endpoint, Provider
from infra.sealing import SealBroken, Sealer
from infra.settings import ProviderSettings
from infra.store.providers import SEALED
from workers.completion.core import (
    Breaker,
    BreakerRule,
    MayPass,
    is_illness,
    is_limit,
)
from workers.completion.core import Provider as Client
from workers.completion.routing.client import Connect, Limit, open_client

LONGEST_REST = 120.0
"""Seconds for which an endpoint that limits us is left alone at most."""
LIMITS = frozenset(
    {
        *("connect_timeout", "first_token_timeout", "token_timeout", "total_timeout"),
        *("max_connections", "max_line", "max_answer"),
    }
)
"""What a provider may have of its own, by the names of ProviderSettings."""


class Contact:
    """An endpoint of a provider at one revision. Its client opens when it is first asked."""

    def __init__(
        self, provider: Provider, endpoint: Endpoint, settings: ProviderSettings, sealer: Sealer, limit: Limit
    ) -> None:
        """`limit`: tokens that a model can write at all, by the provider's name of it."""
        self.provider = provider
        self.endpoint = endpoint
        self.breaker = Breaker(BreakerRule(settings.breaker_failures, settings.breaker_pause))
        self._settings = settings
        self._sealer = sealer
        self._limit = limit
        self._stack = AsyncExitStack()
        self._client: Client | None = None
        self._opening = asyncio.Lock()
        self._calls = 0
        self._is_retired = False

    async def client(self) -> Client:
        """Who asks. Raises SealBroken when the provider's key does not open."""
        async with self._opening:
            if self._client is None:
                settings = own_settings(self.provider, self.endpoint, self._settings, self._sealer)
                opened = open_client(settings, self._connect(), self._limit)
                self._client = await self._stack.enter_async_context(opened)
        return self._client

    def begin(self) -> None:
        """A call begins."""
        self._calls += 1
        self.breaker.begin(asyncio.get_running_loop().time())

    async def end(self, failure: ApiError | None) -> None:
        """A call has ended, so."""
        self._calls -= 1
        now = asyncio.get_running_loop().time()
        if failure is None or not (is_illness(failure) or is_limit(failure)):
            self.breaker.succeeded()
        elif is_limit(failure):
            after = failure.after if isinstance(failure, MayPass) else None
            self.breaker.limited(now + min(after or 0.0, LONGEST_REST))
        else:
            self.breaker.failed(now)
        await self._close_unused()

    async def abandon(self) -> None:
        """A call was cancelled: it tells nothing of the endpoint."""
        self._calls -= 1
        await self._close_unused()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Client]:
        """The client, for what tells nothing of the endpoint's health. Raises SealBroken."""
        self._calls += 1
        try:
            yield await self.client()
        finally:
            await self.abandon()

    async def retire(self) -> None:
        """Another takes its place. Who has it may still call; its connections go with the last call."""
        self._is_retired = True
        await self._close_unused()

    async def close(self) -> None:
        """Let the connections go. A call that comes later opens its own."""
        self._client = None
        await self._stack.pop_all().aclose()

    def _connect(self) -> Connect:
        """Whom an operator named may stand anywhere, others in public networks and those that are allowed."""
        if self.provider.is_trusted:
            return TCPConnector
        return partial(checked_connector, AddressPolicy(self._settings.networks))

    async def _close_unused(self) -> None:
        if self._is_retired and not self._calls:
            await self.close()


def own_settings(
    provider: Provider, endpoint: Endpoint, settings: ProviderSettings, sealer: Sealer
) -> ProviderSettings:
    """How this provider is asked: as all are, but for what is its own. Raises SealBroken."""
    key = None
    if provider.sealed_key is not None:
        key = _key(SEALED.open(sealer, provider.provider_id, provider.sealed_key), provider)
    own = {name: value for name, value in provider.limits.items() if name in LIMITS and _is_limit(value)}
    return settings.model_copy(
        update={
            **own,
            "name": provider.name,
            "url": endpoint.url,
            "key": key,
            "protocol": provider.protocol,
            "auth": provider.auth,
            "prefill": provider.prefill,
            "tokenizer": provider.tokenizer,
            "models": provider.models,
        }
    )


def _is_limit(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _key(text: str, provider: Provider) -> SecretStr:
    text = text.strip()
    if not text.isprintable():
        raise SealBroken(f"the key of {provider.name} holds what no header may")
    return SecretStr(text)
