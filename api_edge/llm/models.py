"""GET /v1/models and /v1/models/{id}: what callers can ask for."""

from typing import Annotated

from fastapi import APIRouter, Path

from api_edge.errors import shown
from api_edge.llm.catalog import Catalog
from contracts.errors import ApiError, ErrorCode
from contracts.wire.models import Model, ModelList

ModelId = Annotated[str, Path(description="Its id; it may hold slashes", examples=["smollm2-135m-instruct"])]


def models_router(catalog: Catalog) -> APIRouter:
    """The routes of the model list."""
    router = APIRouter(tags=["models"])

    @router.get("/v1/models", summary="List the models")
    async def list_models() -> ModelList:
        """Every model on offer, in order of id."""
        models = await catalog.models()
        return ModelList(
            data=models,
            first_id=models[0].id if models else None,
            last_id=models[-1].id if models else None,
        )

    @router.get("/v1/models/{model_id:path}", summary="Read a model")
    async def read_model(model_id: ModelId) -> Model:
        """One model, by its short id or by its provider's name, a slash and its id."""
        model = await catalog.find(model_id)
        if model is None:
            message = f"The model {shown(model_id)!r} does not exist; GET /v1/models lists those that do"
            raise ApiError(ErrorCode.MODEL_NOT_FOUND, message, param="model")
        return model

    return router
