"""The upstream LLM."""

from ipaddress import ip_network
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

from infra.settings.fields import MIB, Words, section


class ProviderSettings(BaseSettings):
    """`JAN_PROVIDER_*`: one upstream LLM that provisioning writes down (name, url, key, models, protocol,
    auth, prefill, tokenizer, media), and how providers without limits of their own are asked."""

    model_config = section("JAN_PROVIDER_")

    name: str = "local"
    url: str = "http://127.0.0.1:8090/v1"
    embeddings_url: str | None = None
    """A server beside it that only embeds: the provider `<name>-embeddings`."""
    key: SecretStr | None = None
    vendor: str = "jan"
    """Whose models those are that don't say so themselves: the first part of their qualified ids."""
    protocol: Literal["openai", "anthropic"] = "openai"
    auth: Literal["bearer", "api-key", "x-api-key", "none"] = "bearer"
    """The header of the key; Azure takes `api-key`, Anthropic `x-api-key`."""
    tokenizer: Literal["none", "llama.cpp", "vllm"] = "none"
    """Whose route counts tokens for us; `none`: they are estimated."""
    file: str | None = Field(None, validation_alias="JAN_PROVIDERS_FILE")
    """A `providers.yaml` that provisioning writes down."""
    networks: Words = Field((), validation_alias="JAN_PROVIDERS_NETWORKS")
    """Private networks in which providers of the admin API may stand, as `10.0.0.0/8`."""
    sync_interval: float = 300.0
    """Seconds between two readings of a provider's list of models."""
    breaker_failures: int = 5
    """Failed calls in a row after which an endpoint is left alone for a while."""
    breaker_pause: float = 10.0
    """Seconds for which it is left alone; then one call tries it."""
    models: Words = ()
    """Ids offered when the provider has no model list of its own; comma-separated in the environment."""
    connect_timeout: float = 5.0
    first_token_timeout: float = 120.0
    token_timeout: float = 60.0
    """Seconds of silence between two tokens."""
    total_timeout: float = 600.0
    max_line: int = 4 * MIB
    """Bytes of one line of a stream."""
    max_answer: int = 64 * MIB
    """Bytes of an answer that is not a stream."""
    max_connections: int = 512
    retries: int = 2
    """Further tries of a call that failed in a way that may pass, before anything of its answer was shown."""
    retry_base: float = 0.5
    """Seconds before the first further try, at most; each next one twice as long, less by chance."""
    retry_limit: float = 15.0
    """Seconds from the first try in which the last one has to begin."""
    prefill: Literal["none", "llama.cpp", "vllm"] = "none"
    """How the provider goes on with an answer whose worker was lost, given its text; `none`: it can't."""
    media: Literal["inline", "link"] = "inline"
    """How the provider gets the media of chats: as data, or by a link to our object store, where it can reach
    that under `JAN_S3_PUBLIC_ENDPOINT`."""

    @field_validator("networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network)
        return networks
