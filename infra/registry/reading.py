"""The registry, read from the database, and read again when somebody tells that it was changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from typing_extensions import override

from contracts.jobs import Endpoint as Asked
from infra.database import Database
from infra.notices import Notices
from infra.registry.offers import Endpoint, Offer, Price, Provider
from infra.registry.registry import Offers, Registry
from infra.rereading import Kept, kept
from infra.store.catalogs import CatalogRow
from infra.store.provider_models import ProviderModelRow, offered
from infra.store.providers import ProviderRow, active_providers

CHANGED = "registry"
"""The field of a notice that says that providers or models were changed."""
CAPABILITIES = ("images", "tools", "embeddings", "reasoning", "audio", "video")


class Registered(Kept[Registry]):
    """The registry as this process knows it. Opened by `open_registered`."""

    changed = CHANGED

    def __init__(self, database: Database) -> None:
        super().__init__(Registry())
        self._database = database

    def resolve(self, name: str) -> Offers:
        """Whom to ask for a model, as is known now."""
        return self.current.resolve(name)

    async def knows(self, model: str) -> bool:
        """Whether a model can be asked for. Nothing is ruled out before any provider is known."""
        if self.current.knows(model):
            return True
        registry = await self.fresh()
        return registry.is_empty or registry.knows(model)

    def can(self, model: str, endpoint: Asked) -> bool:
        """Whether anybody may be asked that of a model; of one that is not known, nothing is ruled out."""
        offers = self.current.resolve(model)
        return not offers or any(offer.does(endpoint) for offer in offers)

    @override
    async def read(self) -> Registry:
        """As it stands in the database. Raises DatabaseUnavailable."""
        async with self._database.begin() as session:
            providers = {row.provider_id: provider_of(row) for row in await active_providers(session)}
            rows = await offered(session)
        offers = [
            _offer(providers.setdefault(row.provider_id, provider_of(provider)), row, catalog)
            for row, provider, catalog in rows
        ]
        return Registry(offers, list(providers.values()))


@asynccontextmanager
async def open_registered(database: Database, notices: Notices) -> AsyncIterator[Registered]:
    """A registry that is kept as it is in the database until the block ends. Raises ApiError."""
    async with kept(notices, Registered(database)) as registered:
        yield registered


async def tell_changed(notices: Notices) -> None:
    """Let every process read the registry again, after a change was committed."""
    await notices.tell({CHANGED: "1"})


def provider_of(row: ProviderRow) -> Provider:
    """A provider, as its row tells."""
    return Provider(
        provider_id=row.provider_id,
        name=row.name,
        vendor=row.vendor,
        protocol=row.protocol,
        auth=row.auth,
        endpoints=tuple(
            Endpoint(one["url"], one.get("weight", 1), one.get("priority", 0)) for one in row.endpoints
        ),
        models=tuple(row.models),
        sealed_key=row.sealed_key,
        prefill=row.prefill,
        tokenizer=row.tokenizer,
        media=row.media,
        limits=row.limits,
        is_trusted=row.is_trusted,
        is_listed=row.synced_at is not None,
        revision=row.revision,
    )


def _offer(provider: Provider, row: ProviderModelRow, catalog: CatalogRow) -> Offer:
    able = {name: _either(getattr(row, f"supports_{name}"), getattr(catalog, f"supports_{name}"))
            for name in CAPABILITIES}  # fmt: skip
    return Offer(
        provider=provider,
        original_id=row.original_id,
        catalog_id=row.catalog_id,
        owned_by=row.owned_by,
        created=row.created,
        price=_price(row),
        context_length=_first(row.context_length, catalog.context_length),
        max_completion_tokens=_first(row.max_completion_tokens, catalog.max_completion_tokens),
        supports=frozenset(name for name, is_able in able.items() if is_able),
        lacks=frozenset(name for name, is_able in able.items() if is_able is False),
    )


def _price(row: ProviderModelRow) -> Price | None:
    if row.input_price is None and row.output_price is None:
        return None
    return Price(row.input_price or 0, row.output_price or 0, row.cached_price)


def _either(own: bool | None, common: bool | None) -> bool | None:  # noqa: FBT001  two columns
    return common if own is None else own


def _first(own: int | None, common: int | None) -> int | None:
    return common if own is None else own
