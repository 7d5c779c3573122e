"""GET /v1/models and /v1/models/{id}: what callers can ask for."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Path

from api_edge.errors import shown
from contracts.errors import ApiError, ErrorCode
from contracts.wire.models import Model, ModelList
from infra.registry.offers import Offer
from infra.registry.reading import Registered

ModelId = Annotated[str, Path(description="Its id; it may hold slashes", examples=["smollm2-135m-instruct"])]


def models_router(registered: Registered) -> APIRouter:
    """The routes of the model list."""
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", summary="List the models")
    async def list_models() -> ModelList:
        """Every model on offer, in order of id."""
        models = list(_models(registered.current.offers).values())
        return ModelList(
            data=models,
            first_id=models[0].id if models else None,
            last_id=models[-1].id if models else None,
        )

    @router.get("/v1/models/{model_id:path}", summary="Read a model")
    async def read_model(model_id: ModelId) -> Model:
        """One model, by its short id or by its provider's name, a slash and its id."""
        offers = registered.current.known(model_id) or (await registered.fresh()).known(model_id)
        if not offers:
            message = f"The model {shown(model_id)!r} does not exist; GET /v1/models lists those that do"
            raise ApiError(ErrorCode.MODEL_NOT_FOUND, message, param="model")
        return _models(offers[:1])[offers[0].original_id]

    return router


def _models(offers: Iterable[Offer]) -> dict[str, Model]:
    """Each once, as its cheapest provider has it."""
    found: dict[str, Model] = {}
    for offer in offers:
        model = Model(id=offer.original_id, created=offer.created, owned_by=offer.owned_by)
        found.setdefault(offer.original_id, model)
    return found
