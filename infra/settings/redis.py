"""Redis."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from infra.settings.fields import section


class RedisSettings(BaseSettings):
    """`JAN_REDIS_*`: Redis or Valkey."""

    model_config = section("JAN_REDIS_")

    url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    max_connections: int = 32
    timeout: float = 5.0
    """Seconds for a connection or an answer."""
