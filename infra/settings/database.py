"""PostgreSQL."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from infra.settings.fields import section


class DatabaseSettings(BaseSettings):
    """`JAN_DATABASE_*`: PostgreSQL."""

    model_config = section("JAN_DATABASE_")

    url: SecretStr = SecretStr("postgresql://jan:jan@127.0.0.1:5432/jan")
    pool_size: int = 10
    timeout: float = 10.0
    """Seconds for a connection or a statement."""
