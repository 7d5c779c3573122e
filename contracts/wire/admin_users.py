"""Users as admins see them: flat objects, without settings or anything secret."""

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue

from contracts.base import WireShape
from contracts.wire.auth import PRINTABLE

MAX_NAME = 256
USER_EXAMPLE: dict[str, JsonValue] = {
    "id": "01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
    "object": "user",
    "username": "ada",
    "email": "ada@example.com",
    "email_verified": True,
    "name": "Ada Lovelace",
    "roles": ["user"],
    "is_guest": False,
    "is_admin": False,
    "is_active": True,
    "tier": None,
    "effective_tier": "free",
    "created_at": "2026-11-22T12:00:00Z",
    "updated_at": "2026-11-22T12:00:00Z",
    "deactivated_at": None,
}
BUDGET_EXAMPLE: dict[str, JsonValue] = {
    "id": "01KB3M5Q8Z7V2T4X6Y8W0R1S2V",
    "object": "budget",
    "key_id": None,
    "unit": "micro_usd",
    "period": "month",
    "amount": 12_500_000,
    "spent": 1_500_000,
    "remaining": 11_000_000,
    "resets_at": "2026-12-01T00:00:00Z",
    "created_at": "2026-11-22T12:00:00Z",
}


class GivenRole(StrEnum):
    """A role that can be given and taken; `guest` cannot: it marks who has not registered."""

    USER = "user"
    ADMIN = "admin"


class BudgetUnit(StrEnum):
    """What a budget counts."""

    TOKENS = "tokens"
    MICRO_USD = "micro_usd"
    USD = "usd"
    """The same as micro_usd, for whoever writes it so."""


class BudgetPeriod(StrEnum):
    """When counting begins again, in UTC."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class AdminUser(WireShape):
    """A user."""

    model_config = ConfigDict(json_schema_extra={"example": USER_EXAMPLE})

    id: str
    object: Literal["user"] = "user"
    username: str
    email: str | None = None
    email_verified: bool
    name: str | None = Field(None, description="A name to show")
    roles: list[str] = Field(description="guest, user, admin")
    is_guest: bool
    is_admin: bool
    is_active: bool = Field(description="Whether the user may do anything at all")
    tier: str | None = Field(None, description="As it was set; null: the default tier")
    effective_tier: str = Field(description="By which the user is limited")
    created_at: AwareDatetime
    updated_at: AwareDatetime
    deactivated_at: AwareDatetime | None = None


class UserPatch(WireShape):
    """What of a user shall be another. What is left out stays; null clears."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"tier": "pro"}})

    tier: Annotated[str, Field(min_length=1, max_length=32, pattern=PRINTABLE)] | None = Field(
        None, description="One of the configuration's tiers; null: the default one"
    )
    name: Annotated[str, Field(max_length=MAX_NAME, pattern=PRINTABLE)] | None = Field(
        None, description="A name to show"
    )


class BudgetAsk(WireShape):
    """How much a user, or one of the user's API keys, may use in a period. One for the same key, unit and
    period is replaced."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"unit": "usd", "period": "month", "amount": 12.5}}
    )

    unit: BudgetUnit
    period: BudgetPeriod
    amount: (
        Annotated[int, Field(strict=True, ge=0)]
        | Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
    ) = Field(description="Whole tokens or micro_usd, or US dollars with up to six places")
    key_id: str | None = Field(None, description="The id of one API key of the user; null: all of the user's")


class UserBudget(WireShape):
    """A budget, and what was spent of it by jobs that have ended."""

    model_config = ConfigDict(json_schema_extra={"example": BUDGET_EXAMPLE})

    id: str
    object: Literal["budget"] = "budget"
    key_id: str | None = Field(description="The API key that it is for; null: all of the user's")
    unit: str = Field(description="tokens, or micro_usd: millionths of a US dollar")
    period: str = Field(description="day, month or total, in UTC")
    amount: int = Field(description="What may be used in a period")
    spent: int
    remaining: int = Field(description="Never less than 0")
    resets_at: AwareDatetime | None = Field(description="When counting begins again; null: never")
    created_at: AwareDatetime


class DayUsage(WireShape):
    """What was used on one day, UTC, counted at the end of the jobs."""

    date: date
    input_tokens: int
    output_tokens: int
    total_tokens: int
    micro_usd: int = Field(description="Millionths of a US dollar")


class UserUsage(WireShape):
    """What a user used, by day; a day without any is left out."""

    start_date: date
    end_date: date = Field(description="The last day that is counted")
    input_tokens: int
    output_tokens: int
    total_tokens: int
    micro_usd: int
    days: list[DayUsage]
