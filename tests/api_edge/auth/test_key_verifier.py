"""API keys verified: how often the database is asked, and what happens while it is away."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession
from typing_extensions import override

from api_edge.auth.key_uses import NOTE_SECONDS, KeyUses, open_key_uses
from api_edge.auth.key_verifier import REFUSED_SECONDS, KeyVerifier, RefusedKeys
from api_edge.auth.parts import IdentityParts
from contracts.envelope import AuthMethod, Caller
from contracts.errors import ApiError
from contracts.wire.api_keys import ApiKeyAsk, NewApiKey
from infra.database import Database, DatabaseUnavailable
from infra.identity.api_keys import new_api_key
from infra.identity.known import Denials, key_name, user_name
from infra.settings import IdentitySettings
from infra.store.api_keys import ApiKeyRow
from tests.acceptance.waiting import until

pytestmark = pytest.mark.stack

SETTINGS = IdentitySettings()


class CountingDatabase(Database):
    """Counts the transactions, and can be away."""

    def __init__(self, real: Database) -> None:
        super().__init__(real.engine)
        self.transactions = 0
        self.is_away = False

    @override
    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncSession]:
        self.transactions += 1
        if self.is_away:
            raise DatabaseUnavailable
        async with super().begin() as session:
            yield session


@dataclass
class Clock:
    """Moves when told to."""

    now: float = field(default_factory=lambda: datetime.now(UTC).timestamp())

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counted(identity: IdentityParts) -> CountingDatabase:
    return CountingDatabase(identity.keys.database)


@pytest.fixture
def denials() -> Denials:
    return Denials()


@pytest.fixture
def uses(identity: IdentityParts) -> KeyUses:
    return KeyUses(identity.keys.database)


@pytest.fixture
def verifier(counted: CountingDatabase, denials: Denials, uses: KeyUses, clock: Clock) -> KeyVerifier:
    return KeyVerifier(counted, SETTINGS, denials, uses, clock=clock)


@dataclass(frozen=True)
class Owner:
    """A guest with a key."""

    user_id: str
    key: NewApiKey

    @property
    def credential(self) -> bytes:
        return self.key.key.encode()


@pytest.fixture
async def owner(identity: IdentityParts) -> Owner:
    guest = await identity.accounts.guest_login()
    caller = Caller(user_id=guest.user_id, tenant=guest.user_id)
    return Owner(guest.user_id, await identity.keys.create(caller, ApiKeyAsk(name="ci")))


async def refusal(verifier: KeyVerifier, credential: bytes) -> tuple[str | None, int, str]:
    with pytest.raises(ApiError) as refused:
        await verifier.validate(credential)
    detail = refused.value.detail
    return detail.code, detail.status, detail.message


async def change(identity: IdentityParts, statement: str, name: str) -> None:
    async with identity.keys.database.begin() as session:
        await (await session.connection()).execute(text(statement), {"name": name})


async def test_key_speaks_for_its_user_as_a_key(verifier: KeyVerifier, owner: Owner, clock: Clock) -> None:
    known = await verifier.validate(owner.credential)

    assert known.caller == Caller(
        user_id=owner.user_id,
        tenant=owner.user_id,
        roles=("guest",),
        auth_method=AuthMethod.API_KEY,
        key_id=owner.key.id,
    )
    assert known.names == {key_name(owner.key.id), user_name(owner.user_id, 1)}
    assert known.session_id is None
    assert known.expires_at == clock.now + SETTINGS.key_cache


async def test_known_key_costs_no_query_until_the_memory_ends(
    verifier: KeyVerifier, owner: Owner, counted: CountingDatabase, clock: Clock
) -> None:
    for _ in range(100):
        await verifier.validate(owner.credential)
    in_time = counted.transactions
    clock.now += SETTINGS.key_cache

    await verifier.validate(owner.credential)

    assert (in_time, counted.transactions) == (1, 2)


async def test_key_is_not_remembered_beyond_its_end(
    verifier: KeyVerifier, owner: Owner, clock: Clock
) -> None:
    clock.now = owner.key.expires_at.timestamp() - 1.0

    known = await verifier.validate(owner.credential)
    clock.now += 1.0

    assert known.expires_at == owner.key.expires_at.timestamp()
    assert (await refusal(verifier, owner.credential))[:2] == ("invalid_api_key", 401)


@pytest.mark.parametrize(
    "credential",
    [b"", b"sk_", b"sk_live_", b"sk_live_" + b"g" * 48, b"sk_live_ " + b"0" * 47, b"sk_live_" + b"0" * 9999],
)
async def test_what_has_not_the_form_of_a_key_reaches_no_query(
    verifier: KeyVerifier, counted: CountingDatabase, credential: bytes
) -> None:
    assert (await refusal(verifier, credential))[:2] == ("invalid_api_key", 401)
    assert counted.transactions == 0


async def test_all_bad_keys_are_refused_alike_by_one_query_each(
    verifier: KeyVerifier, owner: Owner, identity: IdentityParts, counted: CountingDatabase
) -> None:
    almost = owner.credential[:-1] + (b"0" if owner.credential[-1:] != b"0" else b"1")
    await change(identity, "UPDATE api_keys SET revoked_at = now() WHERE key_id = :name", owner.key.id)

    answers = [await refusal(verifier, key) for key in (new_api_key().encode(), almost, owner.credential)]

    assert len(set(answers)) == 1
    assert counted.transactions == 3
    assert owner.key.key not in answers[0][2]


async def test_wrong_key_repeated_costs_one_query(
    verifier: KeyVerifier, counted: CountingDatabase, clock: Clock
) -> None:
    wrong = new_api_key().encode()
    for _ in range(100):
        await refusal(verifier, wrong)
    in_time = counted.transactions
    clock.now += REFUSED_SECONDS

    await refusal(verifier, wrong)

    assert (in_time, counted.transactions) == (1, 2)


async def test_key_of_a_deactivated_user_is_refused(
    verifier: KeyVerifier, owner: Owner, identity: IdentityParts
) -> None:
    await change(identity, "UPDATE users SET deactivated_at = now() WHERE user_id = :name", owner.user_id)

    assert (await refusal(verifier, owner.credential))[:2] == ("invalid_api_key", 401)


async def test_denied_key_is_refused_though_it_was_known(
    verifier: KeyVerifier, owner: Owner, identity: IdentityParts, denials: Denials, clock: Clock
) -> None:
    await verifier.validate(owner.credential)
    await change(identity, "UPDATE api_keys SET revoked_at = now() WHERE key_id = :name", owner.key.id)
    denials.deny(key_name(owner.key.id), clock.now + 100, clock.now)

    assert (await refusal(verifier, owner.credential))[:2] == ("invalid_api_key", 401)


async def test_changed_user_is_read_again_and_goes_on(
    verifier: KeyVerifier, owner: Owner, identity: IdentityParts, denials: Denials, clock: Clock
) -> None:
    await verifier.validate(owner.credential)
    await change(
        identity,
        "UPDATE users SET version = 2, roles = ARRAY['user', 'admin'] WHERE user_id = :name",
        owner.user_id,
    )
    denials.deny(user_name(owner.user_id, 1), clock.now + 100, clock.now)

    known = await verifier.validate(owner.credential)

    assert known.caller.roles == ("user", "admin")


async def test_while_the_database_is_away_known_keys_go_on_and_no_other_is_let_through(
    verifier: KeyVerifier, owner: Owner, counted: CountingDatabase, clock: Clock
) -> None:
    await verifier.validate(owner.credential)
    counted.is_away = True

    assert (await verifier.validate(owner.credential)).caller.user_id == owner.user_id
    assert (await refusal(verifier, new_api_key().encode()))[1] == 503
    clock.now += SETTINGS.key_cache
    assert (await refusal(verifier, owner.credential))[1] == 503
    counted.is_away = False
    assert (await verifier.validate(owner.credential)).caller.user_id == owner.user_id


async def test_other_secret_knows_no_key(
    counted: CountingDatabase, denials: Denials, uses: KeyUses, owner: Owner
) -> None:
    other = IdentitySettings(secret=SecretStr("another-secret"))

    assert (await refusal(KeyVerifier(counted, other, denials, uses), owner.credential))[1] == 401


def test_memory_of_refused_keys_is_bounded() -> None:
    refused = RefusedKeys(limit=3)
    for number in range(10):
        refused.add(str(number), until=100.0, now=0.0)

    assert len(refused) == 3
    assert [refused.has(str(number), 0.0) for number in (6, 7, 9)] == [False, True, True]
    refused.add("later", until=300.0, now=200.0)
    assert len(refused) == 1


async def last_used(database: Database, owner: Owner) -> datetime | None:
    async with database.begin() as session:
        row = await session.get(ApiKeyRow, owner.key.id)
    assert row is not None
    return row.last_used_at


async def test_use_is_noted_in_the_background(identity: IdentityParts, owner: Owner) -> None:
    async def is_noted() -> bool:
        return await last_used(identity.keys.database, owner) is not None

    await identity.credentials.authenticate([(b"x-api-key", owner.credential)])

    await until(is_noted)


async def test_use_is_noted_once_a_minute(owner: Owner, counted: CountingDatabase) -> None:
    uses = KeyUses(counted)
    for second in (0.0, 1.0, NOTE_SECONDS - 1, NOTE_SECONDS):
        uses.note(owner.key.id, second)
        await uses.write()

    assert counted.transactions == 2


async def test_use_is_noted_when_the_process_ends(identity: IdentityParts, owner: Owner) -> None:
    async with open_key_uses(identity.keys.database) as uses:
        uses.note(owner.key.id, 0.0)

    assert await last_used(identity.keys.database, owner) is not None


async def test_uses_that_cannot_be_noted_disturb_nobody(
    counted: CountingDatabase, owner: Owner, caplog: pytest.LogCaptureFixture
) -> None:
    counted.is_away = True
    async with open_key_uses(counted) as uses:
        uses.note(owner.key.id, 0.0)

    assert "key_uses_not_noted" in caplog.text
    assert owner.key.key not in caplog.text
