"""How much of a caller's limits is left."""

from pydantic import AwareDatetime, Field

from contracts.base import WireShape

EXAMPLE_BUDGET = {
    "key_id": None,
    "unit": "tokens",
    "period": "month",
    "amount": 1_000_000,
    "spent": 120_450,
    "reserved": 1_050,
    "remaining": 878_500,
    "resets_at": "2026-12-01T00:00:00Z",
}


class RateQuota(WireShape):
    """A rate: what is allowed in a minute, and what is left of it now."""

    limit: int = Field(description="In a minute", examples=[60])
    remaining: int = Field(description="Now", examples=[59])
    reset_seconds: float = Field(description="Until all of it is there again", examples=[1.0])


class BudgetQuota(WireShape):
    """A budget of the tenant, or of one of its API keys."""

    key_id: str | None = Field(description="The API key that it is for; null: all of the tenant")
    unit: str = Field(description="tokens, or micro_usd: millionths of a US dollar")
    period: str = Field(description="day, month or total, in UTC")
    amount: int = Field(description="What may be used in a period")
    spent: int = Field(description="What was used by jobs that have ended")
    reserved: int = Field(description="What running jobs are held for until their use is known")
    remaining: int
    resets_at: AwareDatetime | None = Field(description="When counting begins again; null: never")


class Quota(WireShape):
    """All limits of a caller. Without limits only `enforced` says something."""

    enforced: bool = Field(description="Whether this server has limits switched on", examples=[True])
    tier: str | None = Field(None, examples=["starter"])
    requests: RateQuota | None = Field(
        None, description="Chat completions; a response costs half of one, a write a fifth, a read a tenth"
    )
    tokens: RateQuota | None = Field(None, description="Tokens of prompts and answers together")
    budgets: list[BudgetQuota] = Field(default_factory=list, examples=[[EXAMPLE_BUDGET]])
