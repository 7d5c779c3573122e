"""Texts become vectors: which model does it, whom to ask for it, in batches, with a few tries."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from contracts.jobs import Endpoint as Asked
from infra.registry.offers import Endpoint, Offer
from infra.registry.registry import Registry
from infra.settings import FileSearchSettings
from workers.tool.file_search.asking import NotEmbedded, Vector
from workers.tool.ports import ToolFailed

PAUSES = (0.2, 1.0)
"""Seconds before each further try of a batch, where everybody who was asked failed in a way that may pass."""

OnBatch = Callable[[int], None]
"""Is told how many texts are done."""


def nobody(done: int) -> None:
    """Nobody is told."""


class Known(Protocol):
    """The registry as this process knows it."""

    current: Registry

    async def fresh(self) -> Registry:
        """The registry, looked at again where that was not done a moment ago."""


class Asks(Protocol):
    """The way to providers."""

    async def embed(self, offer: Offer, endpoint: Endpoint, texts: Sequence[str]) -> list[Vector | None]:
        """A vector for each text. Raises NotEmbedded."""


class Embedder:
    """Embeds by models that are on offer, each called by its catalog's id."""

    def __init__(self, settings: FileSearchSettings, known: Known, asks: Asks) -> None:
        self._settings = settings
        self._known = known
        self._asks = asks

    async def model(self) -> str | None:
        """By which texts are embedded from now on; None where nobody offers any.

        Raises ToolFailed where the one of the settings is not on offer.
        """
        found = self._chosen(self._known.current) or self._chosen(await self._known.fresh())
        if found is None and self._settings.embedding_model is not None:
            raise ToolFailed(
                f"The model {self._settings.embedding_model}, which embeds texts, is not on offer"
            )
        return found

    def offers(self, model: str) -> list[Offer]:
        """Whom to ask for a model now."""
        return [offer for offer in self._known.current.resolve(model) if _embeds(offer)]

    async def embed(
        self, model: str, texts: Sequence[str], on_batch: OnBatch = nobody
    ) -> list[Vector | None]:
        """A vector for each text, all of one length; None where it has no direction. Raises ToolFailed."""
        vectors: list[Vector | None] = []
        for first in range(0, len(texts), self._settings.batch):
            vectors += await self._batch(model, texts[first : first + self._settings.batch])
            on_batch(len(vectors))
        if len({len(vector) for vector in vectors if vector is not None}) > 1:
            raise ToolFailed(f"The model {model} gave embeddings of different lengths for one text")
        return vectors

    def _chosen(self, registry: Registry) -> str | None:
        named = self._settings.embedding_model
        if named is not None:
            return next((offer.catalog_id for offer in registry.resolve(named) if _embeds(offer)), None)
        able = [offer for offer in registry.offers if "embeddings" in offer.supports and _embeds(offer)]
        return min(able, key=lambda offer: (offer.rank, offer.catalog_id)).catalog_id if able else None

    async def _batch(self, model: str, texts: Sequence[str]) -> list[Vector | None]:
        for pause in PAUSES:
            try:
                return await self._round(model, texts)
            except NotEmbedded as failure:
                if not failure.may_pass:
                    raise ToolFailed(str(failure)) from failure
            await asyncio.sleep(pause)
        try:
            return await self._round(model, texts)
        except NotEmbedded as failure:
            raise ToolFailed(str(failure)) from failure

    async def _round(self, model: str, texts: Sequence[str]) -> list[Vector | None]:
        """Ask one after another who has it. Raises NotEmbedded, one that may pass if there is any."""
        worst = NotEmbedded(f"The model {model} is not on offer any more", may_pass=False)
        for offer in self.offers(model):
            for endpoint in sorted(offer.provider.endpoints, key=lambda one: one.priority):
                try:
                    return await self._asks.embed(offer, endpoint, texts)
                except NotEmbedded as failure:
                    worst = worst if worst.may_pass else failure
        raise worst


def _embeds(offer: Offer) -> bool:
    """Whether it may be asked for embeddings: Anthropic's wire has none."""
    return offer.provider.protocol == "openai" and offer.does(Asked.EMBEDDINGS)
