"""The key ring on the database: agrees with the other edges on a first key, then follows the table."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from contracts.errors import ApiError, ErrorCode
from infra.database import Database
from infra.identity.keyring import MAX_AGE, KeyRing
from infra.identity.keys import SigningKey
from infra.sealing import SealBroken, Sealer
from infra.settings import IdentitySettings
from infra.store.signing_keys import ensure_signing_key, verifying_keys

log = logging.getLogger(__name__)


async def open_keyring(database: Database, sealer: Sealer, settings: IdentitySettings) -> KeyRing:
    """A ring with at least one key that signs; a key of age is replaced by whoever reads it first.

    Raises ApiError when the keys cannot be read or opened.
    """

    async def load() -> Sequence[SigningKey]:
        now = datetime.now(UTC)
        try:
            async with database.begin() as session:
                await ensure_signing_key(session, sealer, now, timedelta(days=settings.signing_key_days))
                return await verifying_keys(session, sealer, now - overlap_of(settings))
        except SealBroken as error:
            log.error("signing_key_not_opened", extra={"reason": str(error)})  # noqa: TRY400  it says it all
            raise ApiError(ErrorCode.DEPENDENCY_DOWN, "The signing keys cannot be opened") from error

    keys = KeyRing(load)
    await keys.read()
    return keys


def overlap_of(settings: IdentitySettings) -> timedelta:
    """How long a retired key verifies: the life of a token, and the time in which an edge hears of it."""
    return timedelta(seconds=settings.access_ttl + settings.leeway + MAX_AGE)
