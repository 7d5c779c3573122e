"""Models as OpenAI lists them (platform.openai.com/docs/api-reference/models), and what is known of each."""

from typing import Literal

from pydantic import ConfigDict, Field, JsonValue

from contracts.base import WireShape


class Model(WireShape):
    """One model that a provider offers."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str


class ModelList(WireShape):
    """All models, in order of id."""

    object: Literal["list"] = "list"
    data: list[Model]
    first_id: str | None = None
    last_id: str | None = None
    has_more: bool = False
    next_after: str | None = None


class ModelCatalog(WireShape):
    """What is known of a model, whoever provides it; null: that is not known."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "jan/smollm2-135m-instruct",
                "object": "model_catalog",
                "display_name": "smollm2-135m-instruct",
                "description": None,
                "family": None,
                "context_length": 2048,
                "max_completion_tokens": None,
                "supports_images": None,
                "supports_tools": None,
                "supports_embeddings": None,
                "supports_reasoning": None,
                "supports_audio": None,
                "supports_video": None,
                "architecture": {},
                "supported_parameters": {},
                "tags": [],
                "is_moderated": None,
                "providers": ["local"],
                "active": True,
            }
        }
    )

    id: str
    object: Literal["model_catalog"] = "model_catalog"
    display_name: str
    description: str | None
    family: str | None
    context_length: int | None = Field(description="Tokens of prompt and answer together")
    max_completion_tokens: int | None
    supports_images: bool | None
    supports_tools: bool | None
    supports_embeddings: bool | None
    supports_reasoning: bool | None
    supports_audio: bool | None
    supports_video: bool | None
    architecture: dict[str, JsonValue]
    supported_parameters: dict[str, JsonValue]
    tags: list[str]
    is_moderated: bool | None
    providers: list[str] = Field(description="Who offers it, the cheapest first")
    active: bool


class ModelProvider(WireShape):
    """Somebody who offers models. Addresses are for admins."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "prov_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
                "object": "provider",
                "name": "local",
                "vendor": "jan",
                "models_count": 1,
                "active": True,
            }
        }
    )

    id: str
    object: Literal["provider"] = "provider"
    name: str
    vendor: str
    models_count: int = Field(description="Models of it that are on offer")
    active: bool = True
