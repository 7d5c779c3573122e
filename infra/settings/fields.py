"""How the environment's text becomes values, and what every section has in common."""

from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode, SettingsConfigDict

KIB = 1024
MIB = 1024 * KIB


def words(value: object) -> object:
    """`a,b` as two words."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def pairs(value: object) -> object:
    """`llm=8080,mcp=8091` as a mapping."""
    if not isinstance(value, str):
        return value
    return dict(pair.strip().partition("=")[::2] for pair in value.split(",") if pair.strip())


def merged(defaults: dict[str, int]) -> BeforeValidator:
    """`free=5` in an environment keeps the other names at their defaults."""

    def over_defaults(value: object) -> object:
        given = pairs(value)
        return defaults | given if isinstance(given, dict) else given

    return BeforeValidator(over_defaults)


Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(words)]
Seconds = Annotated[
    tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...], NoDecode, BeforeValidator(words)
]
Pairs = Annotated[dict[str, int], NoDecode, BeforeValidator(pairs)]


def section(prefix: str) -> SettingsConfigDict:
    """What a section of that prefix is configured as."""
    return SettingsConfigDict(
        env_prefix=prefix, frozen=True, extra="ignore", str_strip_whitespace=True, hide_input_in_errors=True
    )
