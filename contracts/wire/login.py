"""Login through an external OpenID Connect issuer, as clients of the Go server know it."""

from typing import Literal

from pydantic import ConfigDict, Field

from contracts.base import WireShape


class LoginBegun(WireShape):
    """Where to go on with a login."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "authorization_url": "https://id.example/realms/jan/protocol/openid-connect/auth?client_id=jan",
                "state": "Vb1c0m8Yt2xN6r1rKXbq3pQO4o0P1eWmXl9yAc7uZ5M",
            }
        }
    )

    authorization_url: str = Field(description="The issuer's page: send the same browser there.")
    state: str = Field(description="What the callback has to bring back. It is bound to this browser.")


class LoggedIn(WireShape):
    """The tokens of a new session."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "access_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIwMUoifQ.c2ln",
                "refresh_token": "rt_Vb1c0m8Yt2xN6r1rKXbq3pQO4o0P1eWmXl9yAc7uZ5M",
                "token_type": "Bearer",
                "expires_in": 300,
            }
        }
    )

    access_token: str = Field(description="Send it as `Authorization: Bearer`.")
    refresh_token: str = Field(description="Good for one use of `/auth/refresh-token`.")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105  a scheme, not a token
    expires_in: int = Field(description="Seconds that the access token is good for.")
