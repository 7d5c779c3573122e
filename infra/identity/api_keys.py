"""API keys as text: `sk_live_` and 48 hex digits, which are 192 random bits."""

import re
import secrets

PREFIX = "sk_live"
RANDOM_BYTES = 24
API_KEY = re.compile(rb"sk_live_[0-9a-f]{48}")


def new_api_key() -> str:
    """A key that nobody has; the prefix tells people and secret scanners what it is."""
    return f"{PREFIX}_{secrets.token_hex(RANDOM_BYTES)}"


def is_api_key(credential: bytes) -> bool:
    """Whether it has the form of a key, in which alone it may reach a hash or a query."""
    return API_KEY.fullmatch(credential) is not None


def last4(key: str) -> str:
    """By which a user tells keys apart."""
    return key[-4:]
