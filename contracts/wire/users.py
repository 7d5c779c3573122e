"""Users as they see themselves: flat objects."""

from typing import Any

from pydantic import ConfigDict, Field, RootModel

from contracts.base import WireShape
from contracts.envelope import AuthMethod

JsonObject = dict[str, Any]  # any JSON: what a client keeps is its own


class Me(WireShape):
    """Who asks."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
                "username": "ada",
                "email": "ada@example.com",
                "subject": "01KB3M5Q8Z7V2T4X6Y8W0R1S2T",
                "auth_method": "jwt",
                "name": "Ada Lovelace",
                "roles": ["user"],
                "is_guest": False,
                "is_admin": False,
            }
        }
    )

    id: str
    username: str
    email: str | None = Field(description="Null for a guest")
    subject: str = Field(description="The issuer's name for the user; the id where this server is the issuer")
    auth_method: AuthMethod
    name: str | None = Field(description="A name to show")
    roles: list[str] = Field(description="What this request's credential may do: guest, user, admin")
    is_guest: bool
    is_admin: bool


class UserSettings(RootModel[JsonObject]):
    """A user's preferences: any JSON object."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"theme": "dark", "chat": {"model": "smollm2-135m-instruct"}}}
    )


class SettingsPatch(RootModel[JsonObject]):
    """A merge patch (RFC 7396): members are set, objects are merged deeply, null removes a member."""

    model_config = ConfigDict(json_schema_extra={"example": {"theme": "dark", "language": None}})
