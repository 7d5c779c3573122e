"""How much may be asked for."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_settings import BaseSettings, NoDecode

from infra.settings.fields import merged, pairs, section

Amounts = dict[str, Annotated[int, Field(ge=0)]]
TIERS: dict[str, int] = {"free": 10, "starter": 60, "pro": 600, "enterprise": 6_000}
TOKEN_TIERS: dict[str, int] = {
    "free": 20_000,
    "starter": 120_000,
    "pro": 1_200_000,
    "enterprise": 12_000_000,
}
COSTS: dict[str, int] = {"completions": 10, "responses": 5, "writes": 2, "reads": 1}


class LimitSettings(BaseSettings):
    """`JAN_LIMITS_*`: how much a tenant may ask for."""

    model_config = section("JAN_LIMITS_")

    switch: Literal["on", "off", ""] = Field("", validation_alias="JAN_RATE_LIMITS")
    """`on` or `off`; empty: on in production, off elsewhere."""
    tiers: Annotated[Amounts, NoDecode, merged(TIERS)] = Field(default_factory=lambda: dict(TIERS))
    """Completions a minute of each tier, as `free=10,pro=600`. What costs less is allowed more often."""
    token_tiers: Annotated[Amounts, NoDecode, merged(TOKEN_TIERS)] = Field(
        default_factory=lambda: dict(TOKEN_TIERS)
    )
    """Tokens a minute of each tier, those of the prompt and of the answer together."""
    costs: Annotated[Amounts, NoDecode, merged(COSTS)] = Field(default_factory=lambda: dict(COSTS))
    """What a request of each class costs, in tenths of a completion."""
    default_tier: str = "free"
    without_redis: Literal["open", "closed"] = "open"
    """While Redis is away: let requests through, or refuse them with 503."""
    answer_tokens: int = 1_024
    """Tokens that an answer is taken to have until its usage is known, where the request sets no limit."""
    prices: Annotated[dict[str, str], NoDecode, BeforeValidator(pairs)] = Field(default_factory=dict)
    """US dollars for a million tokens of prompt and of answer, as `gpt-x=1.5/6,*=0.5/2`: budgets of money."""
    cache: float = 30.0
    """Seconds for which an edge remembers a tenant's tier and budgets. A change is told at once."""
    timeout: float = 0.25
    """Seconds for Redis to answer; one that is slower counts as away."""

    @model_validator(mode="after")
    def _names_tiers_that_exist(self) -> Self:
        if self.tiers.keys() != self.token_tiers.keys():
            raise ValueError("JAN_LIMITS_TIERS and JAN_LIMITS_TOKEN_TIERS must name the same tiers")
        if self.default_tier not in self.tiers:
            raise ValueError("JAN_LIMITS_DEFAULT_TIER must be one of JAN_LIMITS_TIERS")
        if unknown := self.costs.keys() - COSTS.keys():
            raise ValueError(f"JAN_LIMITS_COSTS knows no {', '.join(sorted(unknown))}")
        return self
