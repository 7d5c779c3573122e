"""What seals secrets in the database."""

from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode

from infra.settings.fields import section, words

DEFAULT_SEAL_KEY = "development:jan-development-seal-key"  # refused in production


class SealSettings(BaseSettings):
    """`JAN_SEAL_*`: the keys under which secrets lie in the database."""

    model_config = section("JAN_SEAL_")

    keys: Annotated[tuple[SecretStr, ...], NoDecode, BeforeValidator(words), Field(min_length=1)] = (
        SecretStr(DEFAULT_SEAL_KEY),
    )
    """Each `name:secret`, secrets of at least 16 characters. The first seals, all open. To rotate: add a new
    one at the end everywhere, then put it in front, run `jan secrets reseal`, and take the old one away."""
