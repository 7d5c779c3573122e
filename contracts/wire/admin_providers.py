"""Providers as admins see them: flat objects in the Go server's shape, and more. No key is ever shown."""

from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from contracts.base import WireShape

MAX_ENDPOINTS = 32
MAX_METADATA = 32
NAME = r"^[a-z0-9][a-z0-9._-]*$"
TEXT = r"^[^\x00-\x1f\x7f]*$"
LIMITS = ("connect_timeout", "first_token_timeout", "token_timeout", "total_timeout", "max_connections")
EXAMPLE: dict[str, JsonValue] = {
    "id": "prov_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "object": "provider",
    "name": "openai",
    "display_name": "OpenAI",
    "vendor": "openai",
    "protocol": "openai",
    "auth": "bearer",
    "base_url": "https://api.openai.com/v1",
    "endpoints": [{"url": "https://api.openai.com/v1", "weight": 1, "priority": 0}],
    "key_hint": "9f3c",
    "models": [],
    "models_count": 42,
    "models_active": 40,
    "prefill": "none",
    "tokenizer": "none",
    "media": "inline",
    "limits": {},
    "metadata": {},
    "auto_enable_new_models": True,
    "active": True,
    "source": "api",
    "health": [{"url": "https://api.openai.com/v1", "state": "closed", "failures": 0, "rests_for": 0}],
    "last_synced_at": "2026-11-22T12:00:00Z",
    "sync_error": None,
    "created_at": "2026-11-22T12:00:00Z",
    "updated_at": "2026-11-22T12:00:00Z",
}
ASK_EXAMPLE: dict[str, JsonValue] = {
    "name": "openai",
    "vendor": "openai",
    "base_url": "https://api.openai.com/v1",
    "api_key": "sk-example-0123456789",
}

Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=NAME)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2_048, pattern=TEXT)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=TEXT)]
Key = Annotated[str, StringConstraints(min_length=1, max_length=4_096, pattern=r"^[!-~]+$")]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=TEXT)]
Protocol = Literal["openai", "anthropic"]
Auth = Literal["bearer", "api-key", "x-api-key", "none"]
Prefill = Literal["none", "llama.cpp", "vllm"]
LimitName = Literal[
    "connect_timeout", "first_token_timeout", "token_timeout", "total_timeout", "max_connections"
]
Limit = Annotated[float, Field(gt=0, le=100_000)]
MetadataKey = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=TEXT)]
MetadataValue = Annotated[str, StringConstraints(max_length=512, pattern=TEXT)]
Metadata = Annotated[dict[MetadataKey, MetadataValue], Field(max_length=MAX_METADATA)]


class EndpointShape(WireShape):
    """One address of a provider."""

    url: Url = Field(description="The base of its API, as https://api.openai.com/v1")
    weight: int = Field(1, strict=True, ge=1, le=1_000, description="How often, beside those of its priority")
    priority: int = Field(0, strict=True, ge=0, le=100, description="Those of the least are asked first")


class ProviderFields(WireShape):
    """What may be set of a provider."""

    display_name: Text | None = Field(None, description="For people; the name, where there is none")
    protocol: Protocol | None = Field(None, description="The wire that it speaks; by default its vendor's")
    auth: Auth | None = Field(None, description="The header of its key; by default its vendor's")
    base_url: Url | None = Field(None, description="Its only address; `url` is the same. Or give `endpoints`")
    url: Url | None = Field(None, description="See `base_url`")
    endpoints: Annotated[list[EndpointShape], Field(min_length=1, max_length=MAX_ENDPOINTS)] | None = None
    api_key: Key | None = Field(None, description="Kept sealed and never shown. Null: it has none")
    models: Annotated[list[ModelName], Field(max_length=1_000)] | None = Field(
        None, description="Offered where it has no list of its own"
    )
    prefill: Prefill | None = Field(None, description="How it goes on with an answer that was begun")
    tokenizer: Prefill | None = Field(None, description="Whose route counts tokens; none: they are estimated")
    media: Literal["inline", "link"] | None = Field(
        None,
        description="How it gets the media of chats: as data, or by links to our store, if it reaches that",
    )
    limits: dict[LimitName, Limit] | None = Field(
        None, description="Seconds, and connections, that differ from the server's own"
    )
    metadata: Metadata | None = None
    auto_enable_new_models: bool | None = Field(
        None, strict=True, description="Whether models that its list is found to have are on offer at once"
    )
    active: bool | None = Field(None, strict=True, description="Whether it may be asked")

    @model_validator(mode="after")
    def _has_one_address(self) -> Self:
        given = [one for one in (self.base_url, self.url, self.endpoints) if one is not None]
        if len(given) > 1:
            message = "give one of base_url, url and endpoints"
            raise ValueError(message)
        return self

    @property
    def addresses(self) -> list[EndpointShape] | None:
        """Its endpoints, however they were given; None where they were not."""
        url = self.base_url or self.url
        return [EndpointShape(url=url)] if url is not None else self.endpoints


class ProviderAsk(ProviderFields):
    """A new provider."""

    model_config = ConfigDict(json_schema_extra={"example": ASK_EXAMPLE})

    name: Name = Field(
        description="What stands before the slash of a qualified model id; it cannot be changed"
    )
    vendor: Name = Field("custom", description="Whose models its models are that don't say so themselves")

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        if self.addresses is None:
            message = "give base_url or endpoints"
            raise ValueError(message)
        return self


class ProviderPatch(ProviderFields):
    """What is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"example": {"active": False, "api_key": None}})

    vendor: Name | None = Field(None, description="Whose models its models are that don't say so themselves")


class EndpointState(WireShape):
    """How an endpoint is, as the worker finds it that finds it worst."""

    url: str
    state: str = Field(description="closed: it works; open: it is left alone; half_open: one call tries it")
    failures: int = Field(description="In a row")
    rests_for: float = Field(description="Seconds for which it is left alone")


class AdminProvider(WireShape):
    """A provider."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    id: str
    object: Literal["provider"] = "provider"
    name: str
    display_name: str
    vendor: str
    protocol: str
    auth: str
    base_url: str = Field(description="The first of its endpoints")
    endpoints: list[EndpointShape]
    key_hint: str | None = Field(description="The end of its key; null where it has none")
    models: list[str]
    models_count: int = Field(description="Models that it lists")
    models_active: int = Field(description="Those of them that are on offer, while the provider is active")
    prefill: str
    tokenizer: str
    media: str
    limits: dict[str, float]
    metadata: dict[str, JsonValue]
    auto_enable_new_models: bool
    active: bool
    source: str = Field(description="api, file or environment; what is declared there is taken over again")
    health: list[EndpointState] = Field(description="As far as workers told lately")
    last_synced_at: AwareDatetime | None
    sync_error: str | None
    created_at: AwareDatetime
    updated_at: AwareDatetime


class ProviderDeleted(WireShape):
    """A provider that is no more."""

    id: str
    object: Literal["provider.deleted"] = "provider.deleted"
    deleted: Literal[True] = True


class AuditEntry(WireShape):
    """One change that an admin or an operator made."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
                "object": "audit_entry",
                "at": "2026-11-22T12:00:00Z",
                "actor_id": "01KB3M5Q8Z7V2T4X6Y8W0R1S2V",
                "action": "provider.update",
                "target_type": "provider",
                "target_id": "prov_01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
                "changes": {"active": [True, False]},
                "request_id": "req_01KB3M5Q8Z7V2T4X6Y8W0R1S2W",
            }
        }
    )

    id: str
    object: Literal["audit_entry"] = "audit_entry"
    at: AwareDatetime
    actor_id: str | None = Field(description="The user; null for who has the server's command line")
    action: str
    target_type: str
    target_id: str
    changes: dict[str, JsonValue] = Field(description="Each field with its old and its new value")
    request_id: str | None
