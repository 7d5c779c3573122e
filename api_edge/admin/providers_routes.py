"""The routes of providers, for admins."""

from typing import Annotated, Any

from fastapi import APIRouter, Path

from api_edge.admin.acting import Acting
from api_edge.admin.providers import AdminProviders
from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from contracts.errors import ErrorCode
from contracts.wire.admin_providers import AdminProvider, ProviderAsk, ProviderDeleted, ProviderPatch
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "There is no such provider"}}
TAKEN: Answers = {409: {"model": ErrorAnswer, "description": "Another provider has this name"}}
CODES = {"x-codes": [ErrorCode.ADDRESS_REFUSED]}
ProviderId = Annotated[
    str, Path(description="As the list tells it", examples=["prov_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"])
]


def admin_providers_router(providers: AdminProviders) -> APIRouter:
    """Providers."""
    router = APIRouter(prefix="/v1/admin/providers", tags=["admin"])

    @router.get("", summary="List providers")
    async def list_providers(_: SignedIn, paging: Paging) -> Page[AdminProvider]:
        """All of them, the newest first, with the health of their endpoints."""
        return await providers.page(paging)

    @router.post("", summary="Add a provider", responses=TAKEN, openapi_extra=CODES)
    async def create_provider(by: Acting, body: ProviderAsk) -> AdminProvider:
        """Its key is sealed, its list of models read at once. An address must be public, unless it lies in a
        network that the operator allows."""
        return await providers.create(body, by)

    @router.get("/{provider_id}", summary="Read a provider", responses=UNKNOWN)
    async def read_provider(_: SignedIn, provider_id: ProviderId) -> AdminProvider:
        """One of them. Of its key only the end is shown."""
        return await providers.read(provider_id)

    @router.patch("/{provider_id}", summary="Change a provider", responses=UNKNOWN, openapi_extra=CODES)
    async def change_provider(by: Acting, provider_id: ProviderId, body: ProviderPatch) -> AdminProvider:
        """What is left out stays; null clears a key, false switches off. Running streams go on."""
        return await providers.change(provider_id, body, by)

    @router.delete("/{provider_id}", summary="Delete a provider", responses=UNKNOWN)
    async def delete_provider(by: Acting, provider_id: ProviderId) -> ProviderDeleted:
        """With its key and its models. What it answered stays in the ledger."""
        await providers.delete(provider_id, by)
        return ProviderDeleted(id=provider_id)

    @router.post(
        "/{provider_id}/sync", status_code=202, summary="Read a provider's list of models", responses=UNKNOWN
    )
    async def sync_provider(by: Acting, provider_id: ProviderId) -> AdminProvider:
        """A worker reads it now; `last_synced_at` and `sync_error` tell what came of it."""
        return await providers.sync(provider_id, by)

    return router
