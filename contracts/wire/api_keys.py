"""API keys, flat objects; `suffix` and `expires_in` are the Go server's names."""

from enum import StrEnum
from typing import Literal, Self

from pydantic import AwareDatetime, ConfigDict, Field, JsonValue, model_validator

from contracts.base import WireShape

MAX_NAME = 128
MAX_DAYS = 90
DAY_NANOSECONDS = 86_400 * 10**9
MIN_NANOSECONDS = 10**9
_CONTROL = r"\x7f-\x9f\u2028\u2029"
NAME = rf"^[^\x00-\x20{_CONTROL}]([^\x00-\x1f{_CONTROL}]*[^\x00-\x20{_CONTROL}])?$"
"""No control character or line break, and no space at an end."""
EXAMPLE: dict[str, JsonValue] = {
    "id": "01K9ZQ4T7M3N8R5V2X6Y0B1C4D",
    "object": "api_key",
    "name": "ci",
    "prefix": "sk_live",
    "last4": "9f3c",
    "suffix": "9f3c",
    "status": "active",
    "created_at": "2026-11-22T12:00:00Z",
    "expires_at": "2027-02-20T12:00:00Z",
    "revoked_at": None,
    "last_used_at": None,
}
EXAMPLE_KEY = "sk_live_" + "0" * 44 + "9f3c"


class KeyStatus(StrEnum):
    """Whether a key is good, and if not, why."""

    ACTIVE = "active"
    REVOKED = "revoked"
    EXPIRED = "expired"


class ApiKeyAsk(WireShape):
    """A new API key. Without an expiry it is good for as long as the server allows."""

    model_config = ConfigDict(json_schema_extra={"example": {"name": "ci", "expires_in_days": 30}})

    name: str = Field(min_length=1, max_length=MAX_NAME, pattern=NAME, description="For people to read")
    expires_in_days: int | None = Field(
        None, strict=True, ge=1, le=MAX_DAYS, description="Days until it ends; the server may allow fewer"
    )
    expires_in: int | None = Field(
        None,
        strict=True,
        ge=MIN_NANOSECONDS,
        le=MAX_DAYS * DAY_NANOSECONDS,
        description="The same in nanoseconds, for clients of the Go server. Send one of the two",
    )

    @model_validator(mode="after")
    def _has_one_expiry(self) -> Self:
        if self.expires_in is not None and self.expires_in_days is not None:
            raise ValueError("send expires_in_days or expires_in, not both")
        return self


class ApiKey(WireShape):
    """An API key, without the key itself: nobody can show that again."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    id: str
    object: Literal["api_key"] = "api_key"
    name: str
    prefix: str = Field(description="What the key begins with")
    last4: str = Field(description="What the key ends with")
    suffix: str = Field(description="The same as last4")
    status: KeyStatus
    created_at: AwareDatetime
    expires_at: AwareDatetime
    revoked_at: AwareDatetime | None = None
    last_used_at: AwareDatetime | None = Field(None, description="To the minute; null for never")


class NewApiKey(ApiKey):
    """A new API key, with the key itself."""

    model_config = ConfigDict(json_schema_extra={"example": {**EXAMPLE, "key": EXAMPLE_KEY}})

    key: str = Field(
        description="Shown here and never again. Send it as X-API-Key, or as Authorization: Bearer",
        repr=False,
    )
