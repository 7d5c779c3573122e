"""The first admin: a user of the deployment itself, by an API key from its environment.

The key is made known once, as given, and lives on for as long as it stays in the environment and somebody
provisions. A key that was revoked stays so: it must be replaced, and another one in the environment ends the
last. What an operator changed of the user, such as taking the role away, stays until another key is given.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import SecretStr
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from contracts.envelope import Role
from contracts.ids import new_ulid
from infra.identity.known import key_name
from infra.identity.opaque import keyed_hash
from infra.settings import IdentitySettings
from infra.store.api_keys import ApiKeyRow
from infra.store.denials import add_denials
from infra.store.users import User, add_user

NAME = "admin"
ISSUER = "urn:jan:provision"
"""No external issuer has this name, so that nobody else can be this user, whatever they are called."""
KEY_NAME = "first admin"
KEY = re.compile(r"(sk_live)_[0-9a-f]{48}")
FIRST_ADMIN_LOCK = 0x6A616E_61646D
"""Advisory lock (a constant of our own) under which the first admin is looked after by one at a time."""
DENIED_SECONDS = 120.0
"""Beyond what an edge remembers of a key."""


class UnfitKey(ValueError):
    """The key in the environment does not look like one."""

    def __init__(self) -> None:
        super().__init__("JAN_AUTH_ADMIN_KEY must be sk_live_ and 48 hex digits in lower case")


@dataclass(frozen=True)
class AdminKey:
    """The first admin's key, as it is to be stored."""

    prefix: str
    last4: str
    key_hash: str = field(repr=False)
    lifetime: timedelta


def admin_key(given: SecretStr, settings: IdentitySettings) -> AdminKey:
    """The key that the environment gives. Raises UnfitKey."""
    value = given.get_secret_value()
    fit = KEY.fullmatch(value)
    if fit is None:
        raise UnfitKey
    hashed = keyed_hash(settings.secret.get_secret_value(), value)
    return AdminKey(fit[1], value[-4:], hashed, timedelta(days=settings.api_key_days))


async def ensure_first_admin(session: AsyncSession, key: AdminKey, now: datetime) -> str:
    """See that there is an admin with this key; what became of it, in a few words."""
    await session.exec(select(func.pg_advisory_xact_lock(FIRST_ADMIN_LOCK)))
    user = await _admin(session, now)
    row = (await session.exec(select(ApiKeyRow).where(col(ApiKeyRow.key_hash) == key.key_hash))).first()
    if row is None:
        await _replace(session, user, key, now)
        return f"{user.username} {user.user_id}, with a new key"
    if row.user_id != user.user_id:
        return "not made: JAN_AUTH_ADMIN_KEY is another user's key"
    if row.revoked_at is not None:
        return f"{user.username} {user.user_id}, whose key was revoked: give another JAN_AUTH_ADMIN_KEY"
    row.expires_at = now + key.lifetime
    return f"{user.username} {user.user_id}, already there"


async def _admin(session: AsyncSession, now: datetime) -> User:
    ours = (col(User.issuer) == ISSUER, col(User.subject) == NAME)
    user = (await session.exec(select(User).where(*ours))).first()
    if user is not None:
        return user
    user_id = new_ulid()
    is_free = (await session.exec(select(User).where(col(User.username) == NAME))).first() is None
    user = User(
        user_id=user_id,
        tenant=user_id,
        username=NAME if is_free else f"{NAME}-{user_id.lower()}",
        is_guest=False,
        roles=[Role.USER.value, Role.ADMIN.value],
        created_at=now,
        issuer=ISSUER,
        subject=NAME,
    )
    await add_user(session, user)
    return user


async def _replace(session: AsyncSession, user: User, key: AdminKey, now: datetime) -> None:
    """Another key than before: the earlier ones end, and the user is an admin, again."""
    await _end(session, await _earlier(session, user), now)
    if Role.ADMIN.value not in user.roles:
        user.roles = [*user.roles, Role.ADMIN.value]
    session.add(
        ApiKeyRow(
            key_id=new_ulid(),
            user_id=user.user_id,
            name=KEY_NAME,
            key_hash=key.key_hash,
            prefix=key.prefix,
            last4=key.last4,
            created_at=now,
            expires_at=now + key.lifetime,
        )
    )
    await session.flush()


async def _earlier(session: AsyncSession, user: User) -> Sequence[ApiKeyRow]:
    given = (
        col(ApiKeyRow.user_id) == user.user_id,
        col(ApiKeyRow.name) == KEY_NAME,
        col(ApiKeyRow.revoked_at).is_(None),
    )
    return (await session.exec(select(ApiKeyRow).where(*given))).all()


async def _end(session: AsyncSession, keys: Sequence[ApiKeyRow], now: datetime) -> None:
    """Nobody tells the edges, who read the denials within half a minute."""
    for key in keys:
        key.revoked_at = now
    names = [key_name(key.key_id) for key in keys]
    await add_denials(session, names, now + timedelta(seconds=DENIED_SECONDS), now)
