"""The local stack."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from infra.settings.fields import section


class StackSettings(BaseSettings):
    """`JAN_STACK_*`: the local stack, and which of its parts an address in the environment replaces."""

    model_config = section("JAN_STACK_")

    home: Path = Path(".jan")
    """Data, logs and secrets of the stack."""
    cache: Path | None = None
    """Kafka's jars and class archive, the same for every stack; None keeps them in the home."""
    broker: Literal["kafka", "tansu"] = "kafka"
    """`tansu` starts the fallback broker though Apache Kafka could be had."""
    model_threads: int = 1
    """Threads of the local model: a second one gives a fifth more tokens, and spins where cores are busy."""
    given_kafka: str | None = Field(None, validation_alias="JAN_KAFKA_BOOTSTRAP")
    given_database: SecretStr | None = Field(None, validation_alias="JAN_DATABASE_URL")
    given_redis: SecretStr | None = Field(None, validation_alias="JAN_REDIS_URL")
    given_objects: str | None = Field(None, validation_alias="JAN_S3_ENDPOINT")
    given_provider: str | None = Field(None, validation_alias="JAN_PROVIDER_URL")
    given_embeddings: str | None = Field(None, validation_alias="JAN_PROVIDER_EMBEDDINGS_URL")
