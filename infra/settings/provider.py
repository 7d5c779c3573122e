"""The upstream LLM."""

from typing import Literal

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from infra.settings.fields import MIB, Words, section


class ProviderSettings(BaseSettings):
    """`JAN_PROVIDER_*`: the upstream LLM. Any OpenAI-compatible server."""

    model_config = section("JAN_PROVIDER_")

    name: str = "local"
    url: str = "http://127.0.0.1:8090/v1"
    key: SecretStr | None = None
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
