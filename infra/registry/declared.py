"""Providers as the environment and `providers.yaml` declare them.

    providers:
      - name: openai
        url: https://api.openai.com/v1
        api_key: ${OPENAI_API_KEY}
        vendor: openai
      - name: claude
        protocol: anthropic
        url: https://api.anthropic.com/v1
        api_key: ${ANTHROPIC_API_KEY:-}
        prices: {claude-sonnet-4-5: "3/15"}

Texts of the environment are filled in as `infra.declaring` tells. An entry whose key is empty is there
without one.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from infra.declaring import BadDeclaration, entries_of, reason_of
from infra.settings import ProviderSettings

NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"


class DeclaredEndpoint(BaseModel):
    """One address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(min_length=8, max_length=2_048)
    weight: int = Field(1, ge=1, le=1_000)
    priority: int = Field(0, ge=0, le=100)


class DeclaredProvider(BaseModel):
    """One entry of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: str = Field(pattern=NAME)
    display_name: str | None = Field(None, max_length=256)
    vendor: str = Field("jan", pattern=NAME)
    protocol: Literal["openai", "anthropic"] = "openai"
    auth: Literal["bearer", "api-key", "x-api-key", "none"] | None = None
    """None: as its protocol and vendor usually have it."""
    url: str | None = None
    endpoints: tuple[DeclaredEndpoint, ...] = ()
    api_key: SecretStr | None = None
    models: tuple[str, ...] = ()
    prefill: Literal["none", "llama.cpp", "vllm"] = "none"
    tokenizer: Literal["none", "llama.cpp", "vllm"] = "none"
    media: Literal["inline", "link"] = "inline"
    limits: dict[
        Literal[
            "connect_timeout", "first_token_timeout", "token_timeout", "total_timeout", "max_connections"
        ],
        float,
    ] = Field(default_factory=dict)
    prices: dict[str, str] = Field(default_factory=dict)
    """US dollars for a million tokens of prompt and of answer, by the provider's own ids, as `1.5/6`."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    enables_models: bool = True
    active: bool = True

    @field_validator("api_key", mode="before")
    @classmethod
    def _is_there(cls, given: object) -> object:
        """An empty key is none."""
        return given or None

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if bool(self.url) == bool(self.endpoints):
            message = "give either url or endpoints"
            raise ValueError(message)
        for model, price in self.prices.items():
            if re.fullmatch(r"\d{1,6}(\.\d{1,6})?/\d{1,6}(\.\d{1,6})?", price) is None:
                message = f"the price of {model} must be two numbers, as 1.5/6"
                raise ValueError(message)
        return self

    @property
    def addresses(self) -> list[dict[str, Any]]:
        """Its endpoints, as they are stored."""
        given = self.endpoints or (DeclaredEndpoint(url=self.url or ""),)
        return [one.model_dump() for one in given]

    @property
    def header(self) -> str:
        """The header of its key."""
        if self.auth is not None:
            return self.auth
        if self.protocol == "anthropic":
            return "x-api-key"
        return "api-key" if self.vendor.startswith("azure") else "bearer"


def of_environment(settings: ProviderSettings) -> DeclaredProvider:
    """The one provider that `JAN_PROVIDER_*` names. Raises BadDeclaration."""
    own = settings.model_fields_set
    try:
        return DeclaredProvider(
            name=settings.name.lower(),
            vendor=settings.vendor,
            protocol=settings.protocol,
            auth=settings.auth if "auth" in own else None,
            url=settings.url,
            api_key=settings.key,
            models=settings.models,
            prefill=settings.prefill,
            tokenizer=settings.tokenizer,
            media=settings.media,
        )
    except ValidationError as error:
        raise BadDeclaration(f"JAN_PROVIDER_*: {reason_of(error)}") from error


def of_embeddings(settings: ProviderSettings) -> list[DeclaredProvider]:
    """The server that only embeds, where `JAN_PROVIDER_EMBEDDINGS_URL` names one. Raises BadDeclaration."""
    if not settings.embeddings_url:
        return []
    name = f"{settings.name.lower()}-embeddings"
    try:
        return [DeclaredProvider(name=name, url=settings.embeddings_url)]
    except ValidationError as error:
        raise BadDeclaration(f"JAN_PROVIDER_EMBEDDINGS_URL: {reason_of(error)}") from error


def of_file(path: Path, environment: Mapping[str, str]) -> list[DeclaredProvider]:
    """The providers of a file. Raises BadDeclaration."""
    return entries_of(path, "providers", DeclaredProvider, environment)
