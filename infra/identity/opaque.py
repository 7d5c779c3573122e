"""Opaque secrets, such as refresh tokens: random text for the client, a keyed hash for the store."""

import hmac
import secrets

ENTROPY_BYTES = 32


def new_refresh_token() -> str:
    """256 random bits; the prefix tells people and secret scanners what it is."""
    return "rt_" + secrets.token_urlsafe(ENTROPY_BYTES)


def keyed_hash(secret: str, token: str) -> str:
    """HMAC-SHA-256: what a reader of the database holds is neither a token nor a way to test one."""
    return hmac.digest(secret.encode(), token.encode(), "sha256").hex()
