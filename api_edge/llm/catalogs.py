"""GET /v1/models/catalogs[/{id}] and /v1/models/providers: what is known of what is on offer."""

from collections import Counter
from typing import Annotated

from fastapi import APIRouter, Path

from api_edge.middleware.paging import PageAsk, Paging, page_of
from contracts.errors import ApiError, ErrorCode
from contracts.wire.lists import Page
from contracts.wire.models import ModelCatalog, ModelProvider
from infra.database import Database
from infra.registry.reading import Registered
from infra.store.catalogs import CatalogRow, catalog_of, catalogs_page

CatalogId = Annotated[
    str, Path(max_length=256, description="Its id; it holds a slash", examples=["jan/smollm2-135m-instruct"])
]
HIDDEN = {
    "catalog_id",
    "is_active",
    "synced_at",
    "edited",
    "notes",
    "extras",
    "status",
    "created_at",
    "updated_at",
}
"""What is for admins."""


def catalogs_router(registered: Registered, database: Database) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/v1/models", tags=["models"])

    @router.get("/catalogs", summary="List model catalogs")
    async def list_catalogs(paging: Paging) -> Page[ModelCatalog]:
        """What is known of every model, ordered by their ids."""
        return await _page(registered, database, paging)

    @router.get("/catalogs/{catalog_id:path}", summary="Read a model catalog")
    async def read_catalog(catalog_id: CatalogId) -> ModelCatalog:
        """One of them. What was switched off is not there."""
        async with database.begin() as session:
            row = await catalog_of(session, catalog_id)
        if row is None or not row.is_active:
            raise ApiError(ErrorCode.NOT_FOUND, "There is no such model catalog")
        return _view(row, registered)

    @router.get("/providers", summary="List who offers models")
    async def list_providers() -> Page[ModelProvider]:
        """Every provider that is asked, in order of their names. Keys and addresses are not told."""
        registry = registered.current
        counts = Counter(offer.provider.provider_id for offer in registry.offers)
        shown = [
            ModelProvider(
                id=one.provider_id, name=one.name, vendor=one.vendor, models_count=counts[one.provider_id]
            )
            for one in sorted(registry.providers, key=lambda provider: provider.name)
        ]
        return page_of(shown, has_more=False, id_of=lambda provider: provider.id)

    return router


async def _page(registered: Registered, database: Database, ask: PageAsk) -> Page[ModelCatalog]:
    async with database.begin() as session:
        rows, has_more = await catalogs_page(
            session, None, is_active=True, limit=ask.limit, after=ask.after, order=ask.order
        )
    return page_of([_view(row, registered) for row in rows], has_more, lambda catalog: catalog.id)


def _view(row: CatalogRow, registered: Registered) -> ModelCatalog:
    offers = registered.current.known(row.catalog_id)
    providers = list(dict.fromkeys(offer.provider.name for offer in offers))
    return ModelCatalog(
        id=row.catalog_id, active=row.is_active, providers=providers, **row.model_dump(exclude=HIDDEN)
    )
