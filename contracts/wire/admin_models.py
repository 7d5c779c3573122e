"""Catalogs and providers' models, as admins see and change them; in the Go server's shape, in our lists."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue, StringConstraints

from contracts.base import WireShape

MOST_IDS = 1_000
TEXT = r"^[^\x00]*$"
PRICE_UNITS = (
    *("per_1m_prompt_tokens", "per_1m_completion_tokens", "per_1m_cached_tokens"),
    *("per_1k_prompt_tokens", "per_1k_completion_tokens", "per_1k_cached_tokens"),
)
CATALOG_EXAMPLE: dict[str, JsonValue] = {
    "id": "openai/gpt-4o",
    "object": "model_catalog",
    "display_name": "GPT-4o",
    "description": None,
    "family": None,
    "context_length": 128_000,
    "max_completion_tokens": 16_384,
    "supports_images": True,
    "supports_tools": True,
    "supports_embeddings": None,
    "supports_reasoning": None,
    "supports_audio": None,
    "supports_video": None,
    "architecture": {"modality": "text+image->text"},
    "supported_parameters": {"names": ["temperature", "top_p"], "default": {"temperature": 0.7}},
    "tags": [],
    "notes": None,
    "is_moderated": None,
    "active": True,
    "extras": {},
    "status": "updated",
    "last_synced_at": None,
    "created_at": "2026-11-22T12:00:00Z",
    "updated_at": "2026-11-22T12:00:00Z",
}
MODEL_EXAMPLE: dict[str, JsonValue] = {
    "id": "pmdl_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "object": "provider_model",
    "provider_id": "prov_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "provider_vendor": "openai",
    "model_catalog_id": "openai/gpt-4o",
    "model_public_id": "openai/gpt-4o",
    "provider_original_model_id": "gpt-4o",
    "display_name": "gpt-4o",
    "pricing": {
        "lines": [
            {"unit": "per_1m_prompt_tokens", "amount_micro_usd": 2_500_000, "currency": "USD"},
            {"unit": "per_1m_completion_tokens", "amount_micro_usd": 10_000_000, "currency": "USD"},
        ]
    },
    "token_limits": {"context_length": 128_000, "max_completion_tokens": 16_384},
    "family": None,
    "supports_images": True,
    "supports_tools": True,
    "supports_embeddings": None,
    "supports_reasoning": None,
    "supports_audio": None,
    "supports_video": None,
    "active": True,
    "missing_since": None,
    "created_at": "2026-11-22T12:00:00Z",
    "updated_at": "2026-11-22T12:00:00Z",
}

Text = Annotated[str, StringConstraints(max_length=8_192, pattern=TEXT)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=TEXT)]
Family = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=TEXT)]
Tokens = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Flag = Annotated[bool, Field(strict=True)]
JsonObject = dict[str, JsonValue]
Ids = Annotated[list[Name], Field(max_length=MOST_IDS)]


class Abilities(WireShape):
    """What a model can do; null: that is not known."""

    supports_images: Flag | None = None
    supports_tools: Flag | None = None
    supports_embeddings: Flag | None = None
    supports_reasoning: Flag | None = None
    supports_audio: Flag | None = None
    supports_video: Flag | None = None


class CatalogFields(Abilities):
    """What is known of a model, whoever provides it."""

    display_name: Name | None = None
    description: Text | None = None
    family: Family | None = None
    context_length: Tokens | None = Field(None, description="Tokens of prompt and answer together")
    max_completion_tokens: Tokens | None = None
    architecture: JsonObject | None = None
    supported_parameters: JsonObject | None = None
    tags: Annotated[list[Name], Field(max_length=64)] | None = None
    notes: Text | None = None
    is_moderated: Flag | None = None
    extras: JsonObject | None = None


class CatalogPatch(CatalogFields):
    """What is left out stays; what is given is kept through every synchronisation."""

    model_config = ConfigDict(json_schema_extra={"example": {"context_length": 128_000, "tags": ["chat"]}})

    active: Flag | None = Field(None, description="Whether any provider's model of it is on offer")


class Catalog(CatalogFields):
    """One model of the world."""

    model_config = ConfigDict(json_schema_extra={"example": CATALOG_EXAMPLE})

    id: str
    object: Literal["model_catalog"] = "model_catalog"
    active: bool
    status: str = Field(description="init, filled by a provider's list, or updated by an admin")
    last_synced_at: AwareDatetime | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class PriceLine(WireShape):
    """A part of a price."""

    unit: Literal[
        "per_1m_prompt_tokens",
        "per_1m_completion_tokens",
        "per_1m_cached_tokens",
        "per_1k_prompt_tokens",
        "per_1k_completion_tokens",
        "per_1k_cached_tokens",
    ]
    amount_micro_usd: int = Field(strict=True, ge=0, le=10**12, description="Millionths of a US dollar")
    currency: Literal["USD"] = "USD"


class Pricing(WireShape):
    """What a model costs. No line for a unit: 0, or for cached tokens the price of the prompt."""

    lines: Annotated[list[PriceLine], Field(max_length=6)] = Field(default_factory=list)


class TokenLimits(WireShape):
    """How long a prompt and an answer may be; null: as the catalog has it."""

    context_length: Tokens | None = None
    max_completion_tokens: Tokens | None = None


class ProviderModelPatch(Abilities):
    """What is left out stays; what is given is kept through every synchronisation."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "pricing": {
                    "lines": [
                        {"unit": "per_1m_prompt_tokens", "amount_micro_usd": 2_500_000, "currency": "USD"}
                    ]
                },
                "active": True,
            }
        }
    )

    display_name: Name | None = None
    pricing: Pricing | None = Field(None, description="Null: no price is known")
    token_limits: TokenLimits | None = None
    family: Family | None = None
    active: Flag | None = None


class ProviderModel(Abilities):
    """A model of a provider."""

    model_config = ConfigDict(json_schema_extra={"example": MODEL_EXAMPLE})

    id: str
    object: Literal["provider_model"] = "provider_model"
    provider_id: str
    provider_vendor: str
    model_catalog_id: str
    model_public_id: str = Field(description="The same, as the Go server calls it")
    provider_original_model_id: str
    display_name: str
    pricing: Pricing | None = Field(description="Null: no price is known")
    token_limits: TokenLimits
    family: str | None
    active: bool
    missing_since: AwareDatetime | None = Field(description="When its provider's list was first without it")
    created_at: AwareDatetime
    updated_at: AwareDatetime


class CatalogToggle(WireShape):
    """Switches many at once: those named, or all but those excepted."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"enable": True, "catalog_ids": ["openai/gpt-4o"]}}
    )

    enable: bool = Field(strict=True)
    catalog_ids: Ids | None = Field(None, description="None: all")
    except_models: Ids = Field(default_factory=list)


class ProviderModelToggle(WireShape):
    """Switches many at once: those of a provider, or all; but those excepted, by the provider's own ids."""

    model_config = ConfigDict(json_schema_extra={"example": {"enable": False, "except_models": ["gpt-4o"]}})

    enable: bool = Field(strict=True)
    provider_id: Name | None = Field(None, description="None: of all providers")
    except_models: Ids = Field(default_factory=list)


class Toggled(WireShape):
    """What a switch did."""

    object: Literal["toggled"] = "toggled"
    updated_count: int = Field(description="Those that were the other way")
    skipped_count: int = Field(description="Those that were excepted")
    total_checked: int
