"""Memory, opened: the preparation and the keeper of a completion worker."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from infra.database import Database
from infra.failpoints import Failpoints
from infra.registry.offers import Offer, Provider
from infra.sealing import SealBroken, Sealer
from infra.settings import SealSettings
from infra.store.providers import SEALED
from workers.completion.memory.keeping import TurnKeeper
from workers.completion.memory.recall import Recall
from workers.completion.memory.tokenizers import Tokenizers, open_tokenizers

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Memory:
    """What a worker needs for conversations."""

    tokenizers: Tokenizers
    recall: Recall
    keeper: TurnKeeper


@asynccontextmanager
async def open_memory(
    database: Database,
    offers: Callable[[str], Sequence[Offer]],
    seal: SealSettings,
    failpoints: Failpoints,
) -> AsyncIterator[Memory]:
    """Memory until the block ends; `offers` says who may be asked for a model's name."""
    sealer = Sealer(seal)

    def key_of(provider: Provider) -> str | None:
        """A provider's key, for its tokenizer."""
        if provider.sealed_key is None:
            return None
        try:
            return SEALED.open(sealer, provider.provider_id, provider.sealed_key)
        except SealBroken as error:
            log.warning("tokenizer_key_broken", extra={"provider": provider.name, "error": str(error)})
            return None

    async with open_tokenizers(key_of) as tokenizers:
        yield Memory(tokenizers, Recall(database, offers, tokenizers), TurnKeeper(database, failpoints))
