"""What identity is made of, opened once for a process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api_edge.auth.accounts import Accounts
from api_edge.auth.bearer import Credentials
from contracts.errors import ApiError, ErrorCode
from infra.database import Database
from infra.identity.issuer import Issuer
from infra.identity.known import Denials, Known
from infra.identity.validator import Validator
from infra.notices import Notices, followed
from infra.settings import Settings
from infra.store.keyring import open_keyring
from infra.store.revoking import Revocations


@dataclass(frozen=True)
class IdentityParts:
    """Everything that identity's routes, and the door before all routes, work with."""

    accounts: Accounts
    credentials: Credentials


class NoKeys:
    """Verifies no API key."""

    async def validate(self, credential: bytes) -> Known:  # noqa: ARG002
        """Refuse it."""
        raise ApiError(ErrorCode.INVALID_API_KEY, "The API key is not known")


@asynccontextmanager
async def open_identity(
    database: Database, notices: Notices, settings: Settings
) -> AsyncIterator[IdentityParts]:
    """Identity on this database, told of what other processes revoke until the block ends.

    Raises ApiError when the signing keys or the denials cannot be read.
    """
    denials = Denials()
    keys = await open_keyring(database, settings.identity)
    revocations = Revocations(database, notices, settings.identity, denials)
    issuer = Issuer(settings.identity, keys)
    accounts = Accounts(database, settings.identity, issuer, revocations)
    credentials = Credentials(Validator(settings.identity, keys, denials), NoKeys())
    async with followed(notices, revocations.heed, revocations.reload):
        yield IdentityParts(accounts, credentials)
