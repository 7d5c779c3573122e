"""The key ring on the database: agrees with the other edges on a first key, then follows the table."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from infra.database import Database
from infra.identity.keyring import MAX_AGE, KeyRing
from infra.identity.keys import SigningKey
from infra.settings import IdentitySettings
from infra.store.signing_keys import ensure_signing_key, verifying_keys


async def open_keyring(database: Database, settings: IdentitySettings) -> KeyRing:
    """A ring with at least one key that signs."""
    overlap = timedelta(seconds=settings.access_ttl + settings.leeway + MAX_AGE)

    async def load() -> Sequence[SigningKey]:
        async with database.begin() as session:
            return await verifying_keys(session, datetime.now(UTC) - overlap)

    async with database.begin() as session:
        await ensure_signing_key(session, datetime.now(UTC))
    keys = KeyRing(load)
    await keys.read()
    return keys
