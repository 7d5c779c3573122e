"""A user's API keys: made, listed, ended."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from api_edge.middleware.paging import PageAsk, page_of
from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import is_ulid, new_ulid
from contracts.wire.api_keys import ApiKey, ApiKeyAsk, KeyStatus, NewApiKey
from contracts.wire.lists import Page
from infra.database import Database
from infra.identity.api_keys import PREFIX, last4, new_api_key
from infra.identity.known import key_name
from infra.identity.opaque import keyed_hash
from infra.settings import IdentitySettings
from infra.store.api_keys import ApiKeyRow, active_keys, add_api_key, keys_of, revoke_api_key
from infra.store.revoking import Revocations
from infra.store.users import locked_user


@dataclass(frozen=True)
class ApiKeys:
    """What a user does with their keys, by a token or by one of the keys."""

    database: Database
    settings: IdentitySettings
    revocations: Revocations

    async def create(self, caller: Caller, ask: ApiKeyAsk) -> NewApiKey:
        """A new key, which is shown here only. Raises ApiError: 409 when the user has as many as allowed."""
        now = datetime.now(UTC)
        key = new_api_key()
        row = self._row(caller.user_id, ask.name, key, now, self._life(ask))
        async with self.database.begin() as session:
            user = await locked_user(session, caller.user_id)
            if user is None or user.deactivated_at is not None:
                raise ApiError(ErrorCode.INVALID_TOKEN, "The user is not active any more")
            if await active_keys(session, caller.user_id, now) >= self.settings.api_keys:
                message = f"A user has at most {self.settings.api_keys} active API keys; delete one first"
                raise ApiError(ErrorCode.CONFLICT, message)
            await add_api_key(session, row)
        return NewApiKey(**_view(row, now).model_dump(), key=key)

    async def page(self, caller: Caller, ask: PageAsk) -> Page[ApiKey]:
        """The caller's keys. Raises ApiError for an unknown `after`."""
        now = datetime.now(UTC)
        async with self.database.begin() as session:
            rows, has_more = await keys_of(
                session, caller.user_id, limit=ask.limit, after=ask.after, order=ask.order
            )
        return page_of([_view(row, now) for row in rows], has_more, lambda key: key.id)

    async def revoke(self, caller: Caller, key_id: str) -> None:
        """End a key, on every edge. Raises ApiError: 404 when the caller has no such key."""
        async with self.revocations.begin() as work:
            if not is_ulid(key_id) or not await revoke_api_key(
                work.session, caller.user_id, key_id, work.now
            ):
                raise ApiError(ErrorCode.NOT_FOUND, "There is no such API key")
            work.deny(key_name(key_id))

    def _life(self, ask: ApiKeyAsk) -> timedelta:
        most = timedelta(days=self.settings.api_key_days)
        if ask.expires_in is not None:
            life, param = timedelta(microseconds=ask.expires_in // 1_000), "expires_in"
        elif ask.expires_in_days is not None:
            life, param = timedelta(days=ask.expires_in_days), "expires_in_days"
        else:
            return most
        if life > most:
            message = f"{param}: an API key is good for at most {self.settings.api_key_days} days"
            raise ApiError(ErrorCode.INVALID_VALUE, message, param=param)
        return life

    def _row(self, user_id: str, name: str, key: str, now: datetime, life: timedelta) -> ApiKeyRow:
        return ApiKeyRow(
            key_id=new_ulid(),
            user_id=user_id,
            name=name,
            key_hash=keyed_hash(self.settings.secret.get_secret_value(), key),
            prefix=PREFIX,
            last4=last4(key),
            created_at=now,
            expires_at=now + life,
        )


def _view(row: ApiKeyRow, now: datetime) -> ApiKey:
    return ApiKey(
        id=row.key_id,
        name=row.name,
        prefix=row.prefix,
        last4=row.last4,
        suffix=row.last4,
        status=_status(row, now),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )


def _status(row: ApiKeyRow, now: datetime) -> KeyStatus:
    if row.revoked_at is not None:
        return KeyStatus.REVOKED
    return KeyStatus.EXPIRED if row.expires_at <= now else KeyStatus.ACTIVE
