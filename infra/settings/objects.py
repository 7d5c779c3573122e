"""The object store."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from infra.settings.fields import section


class ObjectSettings(BaseSettings):
    """`JAN_S3_*`: any S3."""

    model_config = section("JAN_S3_")

    endpoint: str = "http://127.0.0.1:8333"
    public_endpoint: str | None = None
    """Where clients reach the store by links and forms, if not at `endpoint`: scheme, host and port."""
    access_key: str = "jan"
    secret_key: SecretStr = SecretStr("jan-secret")
    region: str = "us-east-1"
    bucket: str = "jan"
    timeout: float = 10.0
    """Seconds for a connection or for silence in an answer."""
