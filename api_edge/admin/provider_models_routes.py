"""The routes of providers' models, for admins."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query

from api_edge.admin.acting import Acting
from api_edge.admin.provider_models import ProviderModels
from api_edge.middleware.identity import SignedIn
from api_edge.middleware.paging import Paging
from contracts.wire.admin_models import ProviderModel, ProviderModelPatch, ProviderModelToggle, Toggled
from contracts.wire.errors import ErrorAnswer
from contracts.wire.lists import Page
from infra.store.provider_models import ModelFilter

Answers = dict[int | str, dict[str, Any]]  # FastAPI's own type
UNKNOWN: Answers = {404: {"model": ErrorAnswer, "description": "There is no such model"}}
ModelRowId = Annotated[
    str, Path(description="As the list tells it", examples=["pmdl_01KB3M5Q8Z7V2T4X6Y8W0R1S2T"])
]
Words = Annotated[str | None, Query(max_length=256, pattern="^[^\\x00]*$")]
Flag = Annotated[bool | None, Query()]


def model_filter(
    provider_id: Annotated[Words, Query(description="Of this provider")] = None,
    model_key: Annotated[Words, Query(description="A catalog's id, or a provider's own id")] = None,
    active: Annotated[Flag, Query(description="On offer, or switched off")] = None,
    supports_images: Annotated[Flag, Query(description="Whether they are known to read images")] = None,
) -> ModelFilter:
    """The query of the list."""
    return ModelFilter(provider_id, model_key, active, supports_images)


def admin_provider_models_router(models: ProviderModels) -> APIRouter:
    """What providers offer."""
    router = APIRouter(prefix="/v1/admin/models", tags=["admin"])

    @router.get("/provider-models", summary="List providers' models")
    async def list_provider_models(
        _: SignedIn,
        paging: Paging,
        wanted: Annotated[ModelFilter, Depends(model_filter)],
    ) -> Page[ProviderModel]:
        """All that fit every filter, the newest first."""
        return await models.page(wanted, paging)

    @router.post("/provider-models/bulk-toggle", summary="Switch many providers' models")
    async def toggle_provider_models(by: Acting, body: ProviderModelToggle) -> Toggled:
        """On or off: those of a provider, or all, but those excepted."""
        return await models.toggle(body, by)

    @router.get("/provider-models/{provider_model_id}", summary="Read a provider's model", responses=UNKNOWN)
    async def read_provider_model(_: SignedIn, provider_model_id: ModelRowId) -> ProviderModel:
        """One of them."""
        return await models.read(provider_model_id)

    @router.patch(
        "/provider-models/{provider_model_id}", summary="Change a provider's model", responses=UNKNOWN
    )
    async def change_provider_model(
        by: Acting, provider_model_id: ModelRowId, body: ProviderModelPatch
    ) -> ProviderModel:
        """What is left out stays; a price counts from the next request on. What was set here outlives every
        synchronisation."""
        return await models.change(provider_model_id, body, by)

    return router
