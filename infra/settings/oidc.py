"""An issuer from outside."""

from pydantic import SecretStr
from pydantic_settings import BaseSettings

from infra.settings.fields import Words, section


class OidcSettings(BaseSettings):
    """`JAN_OIDC_*`: an external OpenID Connect issuer, such as Keycloak, beside the embedded one."""

    model_config = section("JAN_OIDC_")

    issuer: str | None = None
    """Its `iss`; None for the embedded issuer alone."""
    discovery_url: str | None = None
    """Where its discovery document is read, if not below the issuer: inside a cluster another name may lead
    there."""
    client_id: str = "jan"
    client_secret: SecretStr | None = None
    """None for a public client, which PKCE alone protects."""
    audience: str = "jan"
    """What an access token's `aud` must hold."""
    scopes: Words = ("openid", "profile", "email")
    algorithms: Words = ("RS256", "ES256")
    """The signatures that are accepted; no token may choose another."""
    roles_claim: str = "realm_access.roles"
    """Where an access token lists roles; `guest`, `user` and `admin` count."""
    key_pause: float = 30.0
    """Seconds between two readings of its keys for the sake of unknown ones."""
    key_ttl: float = 900.0
    """Seconds after which its keys are read again; the known ones go on while it is away."""
    timeout: float = 5.0
    """Seconds for one of its answers."""
