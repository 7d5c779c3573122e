"""What identity is made of, opened once for a process."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from api_edge.auth.accounts import Accounts
from api_edge.auth.bearer import Credentials
from api_edge.auth.key_uses import open_key_uses
from api_edge.auth.key_verifier import KeyVerifier
from api_edge.auth.keys import ApiKeys
from api_edge.auth.login import Login
from api_edge.auth.profile import Profiles
from infra.database import Database
from infra.identity.external import external_policy
from infra.identity.issuer import Issuer
from infra.identity.known import Denials
from infra.identity.oidc import OidcIssuer, open_oidc
from infra.identity.validator import Policy, Validator, embedded_policy
from infra.notices import Notices, followed
from infra.sealing import Sealer
from infra.settings import IdentitySettings, Settings
from infra.store.external_users import ExternalUsers
from infra.store.keyring import open_keyring
from infra.store.revoking import Revocations
from infra.telemetry.readiness import Check


@dataclass(frozen=True)
class IdentityParts:
    """Everything that identity's routes, and the door before all routes, work with."""

    accounts: Accounts
    credentials: Credentials
    profiles: Profiles
    keys: ApiKeys
    login: Login | None = None
    """Through the external issuer, where there is one."""
    checks: Sequence[Check] = ()
    """What readiness tells of identity."""


@asynccontextmanager
async def open_identity(
    database: Database, notices: Notices, settings: Settings
) -> AsyncIterator[IdentityParts]:
    """Identity on this database, told of what other processes revoke until the block ends.

    Raises ApiError when the signing keys or the denials cannot be read.
    """
    denials = Denials()
    keys = await open_keyring(database, Sealer(settings.seal), settings.identity)
    revocations = Revocations(database, notices, settings.identity, denials)
    issuer = Issuer(settings.identity, keys)
    accounts = Accounts(database, settings.identity, issuer, revocations)
    users = ExternalUsers(database, settings.identity.admin_emails)
    async with (
        open_oidc(settings.oidc) as oidc,
        followed(notices, revocations.heed, revocations.reload),
        open_key_uses(database) as uses,
    ):
        policies = [embedded_policy(settings.identity, keys), *_external(oidc, users, settings.identity)]
        yield IdentityParts(
            accounts,
            Credentials(
                Validator(policies, denials), KeyVerifier(database, settings.identity, denials, uses)
            ),
            Profiles(database),
            ApiKeys(database, settings.identity, revocations),
            login=None if oidc is None else Login(settings.identity, oidc, users, accounts),
            checks=[]
            if oidc is None
            else [Check("oidc", needed=False, ask=oidc.keys.check, is_instant=True)],
        )


def _external(oidc: OidcIssuer | None, users: ExternalUsers, settings: IdentitySettings) -> list[Policy]:
    if oidc is None:
        return []
    return [external_policy(oidc.settings, oidc.keys.find, users.person, settings.leeway)]
