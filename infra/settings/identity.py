"""Who may ask."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from infra.settings.fields import Words, section

DEFAULT_AUTH_SECRET = "jan-development-secret"  # noqa: S105  refused in production
MAX_KEY_DAYS = 90


class IdentitySettings(BaseSettings):
    """`JAN_AUTH_*`: who may ask. The embedded issuer, API keys, logins."""

    model_config = section("JAN_AUTH_")

    issuer: str = "http://127.0.0.1:8000"
    audience: str = "jan"
    access_ttl: int = 300
    """Seconds that an access token is good for."""
    refresh_ttl: int = 30 * 86_400
    secret: SecretStr = SecretStr(DEFAULT_AUTH_SECRET)
    """Keys the hashes under which refresh tokens and API keys are stored; changing it ends them all."""
    leeway: int = 30
    """Seconds of clock difference that validation forgives."""
    signing_key_days: int = Field(90, ge=1)
    """Days after which a new signing key takes over; the old one verifies until its last token has ended."""
    api_keys: int = 5
    """Active API keys of one user, at most."""
    api_key_days: int = Field(MAX_KEY_DAYS, ge=1, le=MAX_KEY_DAYS)
    """Days that an API key is good for, at most and by default."""
    key_cache: float = 60.0
    """Seconds for which an edge remembers an API key that it looked up. A revoked one is told at once."""
    guest_logins: int = 60
    """Guest logins of one address in a minute; 0 for no limit."""
    public_reads: int = 100
    """Reads of shares, or of links that lead nowhere, of one address in a minute; 0 for no limit."""
    failures: int = 60
    """Refused credentials of one address in a minute, from which on unknown ones are not looked up; 0 for
    no limit."""
    admin_key: SecretStr | None = None
    """An API key, as `sk_live_` and 48 hex digits, that `provision` gives to the first admin."""
    admin_emails: Words = ()
    """Verified addresses whose users are admins as soon as they log in through the OIDC issuer."""
    redirect_urls: Words = ()
    """Where a login may lead back to: addresses, of which a query and a fragment are free."""
