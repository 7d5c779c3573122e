"""google_search: which engines are asked."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode

from infra.settings.fields import KIB, MIB, section, words

EngineName = Literal["serper", "searxng"]


class SearchSettings(BaseSettings):
    """`JAN_SEARCH_*`: the tool worker reads it. Without an engine, the tool says that there is none."""

    model_config = section("JAN_SEARCH_")

    engines: Annotated[tuple[EngineName, ...], NoDecode, BeforeValidator(words)] = ("serper", "searxng")
    """Which are asked, in this order: the next one when one fails."""
    serper_key: SecretStr | None = None
    """The key of serper.dev; with it, Serper is an engine."""
    serper_url: str = "https://google.serper.dev/search"
    searxng_url: str | None = None
    """The address of a SearXNG whose settings allow the format json; with it, SearXNG is an engine."""
    timeout: float = Field(15.0, gt=0)
    """Seconds that one engine may take, with all its tries and pages."""
    max_answer: int = Field(2 * MIB, gt=0)
    """Bytes of one answer of an engine; one with more is not read."""
    max_raw: int = Field(64 * KIB, ge=0)
    """Bytes of the engine's own answer that a result repeats; more than that is left out."""
    retries: int = Field(2, ge=0)
    """More tries at an engine whose failure may pass."""
    breaker_failures: int = Field(5, gt=0)
    """Failures in a row after which an engine is left alone."""
    breaker_pause: float = Field(30.0, gt=0)
    """Seconds for which it is."""
    cache_seconds: float = Field(600.0, ge=0)
    """Age up to which an answer is given again; 0: never."""
    offline_seconds: float = Field(86_400.0, ge=0)
    """Age up to which offline_mode answers."""
    max_snippet: int = Field(420, gt=0)
    """Characters of a result's snippet."""
