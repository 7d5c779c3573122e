"""The routes of model catalogs, for admins."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query

from api_edge.admin.acting import Acting
from api_edge.admin.catalogs import Catalogs
from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from contracts.wire.admin_models import (
    Catalog,
    CatalogPatch,
    CatalogToggle,
    Toggled,
)
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "There is no such model"}}
CatalogId = Annotated[
    str, Path(max_length=256, description="Its id; it holds a slash", examples=["jan/smollm2-135m-instruct"])
]
Status = Literal["init", "filled", "updated"]


def admin_catalogs_router(catalogs: Catalogs) -> APIRouter:
    """What is known of models."""
    router = APIRouter(prefix="/v1/admin/models", tags=["admin"])

    @router.get("/catalogs", summary="List model catalogs")
    async def list_catalogs(
        _: SignedIn,
        paging: Paging,
        status: Annotated[Status | None, Query(description="How far it is known")] = None,
        active: Annotated[bool | None, Query(description="On offer, or switched off")] = None,
    ) -> Page[Catalog]:
        """All that fit, ordered by their ids."""
        return await catalogs.page(paging, status=status, is_active=active)

    @router.post("/catalogs/bulk-toggle", summary="Switch many catalogs")
    async def toggle_catalogs(by: Acting, body: CatalogToggle) -> Toggled:
        """On or off: those named, or all but those excepted."""
        return await catalogs.toggle(body, by)

    @router.get("/catalogs/{catalog_id:path}", summary="Read a model catalog", responses=UNKNOWN)
    async def read_catalog(_: SignedIn, catalog_id: CatalogId) -> Catalog:
        """One of them."""
        return await catalogs.read(catalog_id)

    @router.patch("/catalogs/{catalog_id:path}", summary="Change a model catalog", responses=UNKNOWN)
    async def change_catalog(by: Acting, catalog_id: CatalogId, body: CatalogPatch) -> Catalog:
        """What is left out stays. No synchronisation changes what was set here."""
        return await catalogs.change(catalog_id, body, by)

    return router
