"""The endpoints of the registry's providers, each with one client until its provider is changed."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

from contracts.errors import ApiError, ErrorCode
from contracts.events import Usage
from contracts.jobs import Endpoint as Asked
from infra.registry.offers import Endpoint, Offer, Provider
from infra.registry.registry import Registry
from infra.sealing import SealBroken, Sealer
from infra.settings import ProviderSettings
from workers.completion.core import Candidate, Prefill
from workers.completion.core import Provider as Client
from workers.completion.routing.contact import Contact

Place = tuple[str, str]
"""A provider's id and an endpoint's URL."""


class OfferedCandidate:
    """An offer at one endpoint of its provider."""

    def __init__(self, offer: Offer, contact: Contact) -> None:
        self.offer = offer
        self.contact = contact

    @property
    def provider(self) -> str:
        """See `Candidate`."""
        return self.offer.provider.name

    @property
    def model(self) -> str:
        """See `Candidate`."""
        return self.offer.original_id

    @property
    def prefill(self) -> Prefill:
        """See `Candidate`."""
        return self.offer.provider.prefill  # type: ignore[return-value]  # checked where it is written

    @property
    def media(self) -> str:
        """See `Candidate`."""
        return self.offer.provider.media

    def cost(self, usage: Usage) -> int | None:
        """See `Candidate`."""
        return None if self.offer.price is None else self.offer.price.cost(usage)

    async def client(self) -> Client:
        """See `Candidate`."""
        try:
            return await self.contact.client()
        except SealBroken as error:
            message = "The provider's key cannot be opened by this server"
            raise ApiError(ErrorCode.PROVIDER_UNREACHABLE, message) from error

    def begin(self) -> None:
        """See `Candidate`."""
        self.contact.begin()

    async def end(self, failure: ApiError | None) -> None:
        """See `Candidate`."""
        await self.contact.end(failure)

    async def abandon(self) -> None:
        """See `Candidate`."""
        await self.contact.abandon()


class Known(Protocol):
    """The registry as this process knows it."""

    @property
    def current(self) -> Registry:
        """Now."""

    async def fresh(self) -> Registry:
        """The same, looked at again where that was not done a moment ago."""


class Directory:
    """Whom to ask for a model. Opened by `open_directory`."""

    def __init__(
        self,
        registered: Known,
        settings: ProviderSettings,
        sealer: Sealer,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._registered = registered
        self._settings = settings
        self._sealer = sealer
        self._chance = chance
        self._contacts: dict[Place, Contact] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    async def candidates(self, model: str, endpoint: Asked) -> Sequence[OfferedCandidate]:
        """Every endpoint that offers it, provider by provider, the cheapest first.

        Raises ApiError where nobody does.
        """
        offers = self._registered.current.resolve(model) or (await self._registered.fresh()).resolve(model)
        able = [offer for offer in offers if offer.does(endpoint)]
        found = [
            OfferedCandidate(offer, self.contact(offer.provider, one))
            for offer in able
            for one in offer.provider.endpoints
        ]
        if not found:
            raise _nobody(model, endpoint, is_known=bool(offers) and not able)
        return found

    def ordered(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Provider by provider; of one's endpoints the least priority first, by weight. Who is ill or has
        enough of us comes last, the soonest to be well before the others: to ask is better than to refuse."""
        now = asyncio.get_running_loop().time()
        known = [one for one in candidates if isinstance(one, OfferedCandidate)]
        providers = {name: at for at, name in enumerate(dict.fromkeys(one.provider for one in known))}

        def place(one: OfferedCandidate) -> tuple[float, int, int, float]:
            breaker, endpoint = one.contact.breaker, one.contact.endpoint
            rest = 0.0 if breaker.lets_through(now) else max(breaker.rests_until, now)
            weight = max(endpoint.weight, 1)
            return rest, providers[one.provider], endpoint.priority, -(self._chance() ** (1 / weight))

        return sorted(known, key=place)

    def contact(self, provider: Provider, endpoint: Endpoint) -> Contact:
        """The contact of an endpoint, made anew when its provider was changed."""
        place = (provider.provider_id, endpoint.url)
        found = self._contacts.get(place)
        if found is not None and found.provider.revision >= provider.revision:
            return found
        limit = partial(self._most_tokens, provider.name)
        contact = self._contacts[place] = Contact(provider, endpoint, self._settings, self._sealer, limit)
        if found is not None:
            self._retire(found)
        return contact

    def forget_others(self) -> None:
        """Let go of the endpoints that no provider has any more."""
        providers = self._registered.current.providers
        places = {(provider.provider_id, one.url) for provider in providers for one in provider.endpoints}
        for place in [place for place in self._contacts if place not in places]:
            self._retire(self._contacts.pop(place))

    def contacts(self) -> list[Contact]:
        """All that were asked for so far."""
        return list(self._contacts.values())

    async def close(self) -> None:
        """Let all connections go."""
        await asyncio.gather(*self._retiring, return_exceptions=True)
        for contact in self._contacts.values():
            await contact.close()

    def _most_tokens(self, provider: str, model: str) -> int | None:
        offers = self._registered.current.resolve(f"{provider}/{model}")
        return next((offer.max_completion_tokens for offer in offers), None)

    def _retire(self, contact: Contact) -> None:
        task = asyncio.create_task(contact.retire())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)


@asynccontextmanager
async def open_directory(
    registered: Known, settings: ProviderSettings, sealer: Sealer
) -> AsyncIterator[Directory]:
    """A directory whose connections are closed at the end."""
    directory = Directory(registered, settings, sealer)
    try:
        yield directory
    finally:
        await directory.close()


def _nobody(model: str, endpoint: Asked, *, is_known: bool) -> ApiError:
    if is_known:
        return ApiError(ErrorCode.INVALID_VALUE, f"The model {model!r} has no {endpoint}", param="model")
    message = f"The model {model!r} does not exist; GET /v1/models lists those that do"
    return ApiError(ErrorCode.MODEL_NOT_FOUND, message, param="model")
