"""Keys that all edges share."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from contracts.errors import ApiError
from infra.database import Database
from infra.identity.issuer import Issuer, Subject
from infra.identity.keys import PUBLISHED_FIRST, Algorithm, SigningKey, new_signing_key
from infra.identity.known import Denials
from infra.identity.validator import Validator, embedded_policy
from infra.sealing import Sealer
from infra.settings import IdentitySettings, SealSettings
from infra.store.keyring import open_keyring, overlap_of
from infra.store.signing_keys import ensure_signing_key, rotate, signing_key_rows, verifying_keys

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SETTINGS = IdentitySettings()
SEALER = Sealer(SealSettings())
SUBJECT = Subject("01USER", "01TENANT", "guest-1", ("guest",), "01SESSION")
MAX_AGE = timedelta(days=90)


async def made(store: Database, at: datetime, algorithm: Algorithm = Algorithm.ES256) -> SigningKey:
    """A key that takes over from the others."""
    key = new_signing_key(at, algorithm)
    async with store.begin() as session:
        await rotate(session, SEALER, key)
    return key


async def verifying(store: Database, since: datetime) -> set[str]:
    async with store.begin() as session:
        return {key.kid for key in await verifying_keys(session, SEALER, since)}


async def test_edges_that_start_at_once_agree_on_one_key(store: Database) -> None:
    rings = await asyncio.gather(*(open_keyring(store, SEALER, SETTINGS) for _ in range(5)))

    assert len({ring.current().kid for ring in rings}) == 1
    assert len(await verifying(store, NOW)) == 1


async def test_key_is_read_back_as_it_was_made(store: Database) -> None:
    async with store.begin() as session:
        first = await ensure_signing_key(session, SEALER, NOW)

    async with store.begin() as session:
        assert await ensure_signing_key(session, SEALER, NOW) == first


async def test_private_half_lies_under_seal(store: Database) -> None:
    key = await made(store, NOW)

    async with store.begin() as session:
        rows = await signing_key_rows(session)

    assert [row.kid for row in rows] == [key.kid]
    assert rows[0].private_pem.startswith("s1.development.")


async def test_key_moved_into_another_row_is_refused(store: Database) -> None:
    await made(store, NOW - timedelta(days=1))
    await made(store, NOW)
    async with store.begin() as session:
        rows = await signing_key_rows(session)
        rows[0].private_pem = rows[1].private_pem

    with pytest.raises(ApiError) as outage:
        await open_keyring(store, SEALER, SETTINGS)

    assert outage.value.detail.status == 503


async def test_keys_under_a_seal_that_is_gone_stop_an_edge_with_the_reason(
    store: Database, caplog: pytest.LogCaptureFixture
) -> None:
    await made(store, NOW)
    other = Sealer(SealSettings(keys=(SecretStr("other:0123456789abcdef"),)))

    with pytest.raises(ApiError, match="cannot be opened") as outage:
        await open_keyring(store, other, SETTINGS)

    assert "development" not in str(outage.value)
    assert "which JAN_SEAL_KEYS does not hold" in str(caplog.records[-1].__dict__["reason"])


async def test_key_from_before_there_were_seals_signs_and_verifies(store: Database) -> None:
    key = new_signing_key(NOW, Algorithm.ES256)
    async with store.begin() as session:
        await (await session.connection()).execute(
            text(
                "INSERT INTO signing_keys (kid, algorithm, private_pem, created_at) VALUES (:k, :a, :p, :c)"
            ),
            {"k": key.kid, "a": "ES256", "p": key.private_pem, "c": datetime.now(UTC)},
        )

    ring = await open_keyring(store, SEALER, SETTINGS)

    assert ring.current().public() == key.public()


async def test_old_key_signs_until_the_new_one_is_known_and_verifies_until_its_last_token_is_dead(
    store: Database,
) -> None:
    old = await made(store, NOW - timedelta(days=1))
    new = await made(store, NOW)
    retired = NOW + PUBLISHED_FIRST

    assert await verifying(store, NOW) == {old.kid, new.kid}
    assert await verifying(store, retired - timedelta(seconds=1)) == {old.kid, new.kid}
    assert await verifying(store, retired) == {new.kid}


async def test_key_of_age_is_replaced_once_by_whoever_comes_first(store: Database) -> None:
    old = await made(store, NOW - MAX_AGE, Algorithm.ES256)

    async def edge() -> SigningKey:
        async with store.begin() as session:
            return await ensure_signing_key(session, SEALER, NOW, MAX_AGE)

    found = await asyncio.gather(*(edge() for _ in range(5)))

    assert len({key.kid for key in found}) == 1
    assert found[0].kid != old.kid
    assert found[0].algorithm is Algorithm.ES256
    assert await verifying(store, NOW) == {old.kid, found[0].kid}


async def test_key_that_is_not_of_age_stays(store: Database) -> None:
    young = await made(store, NOW - MAX_AGE + timedelta(seconds=1))

    async with store.begin() as session:
        assert (await ensure_signing_key(session, SEALER, NOW, MAX_AGE)).kid == young.kid


async def test_ring_that_is_read_replaces_a_key_of_age(store: Database) -> None:
    now = datetime.now(UTC)
    old = await made(store, now - timedelta(days=SETTINGS.signing_key_days))

    ring = await open_keyring(store, SEALER, SETTINGS)

    assert len(ring.all()) == 2
    assert ring.current().kid == old.kid


async def test_tokens_of_the_old_and_the_new_key_are_accepted_on_every_edge(store: Database) -> None:
    now = datetime.now(UTC)
    await made(store, now - timedelta(days=1), Algorithm.RS256)
    behind = await open_keyring(store, SEALER, SETTINGS)
    await made(store, now - PUBLISHED_FIRST)
    ahead = await open_keyring(store, SEALER, SETTINGS)
    tokens = [(await Issuer(SETTINGS, ring).issue(SUBJECT)).value.encode() for ring in (behind, ahead)]

    await behind.read()

    assert behind.current().kid == ahead.current().kid
    for ring in (behind, ahead):
        validator = Validator([embedded_policy(SETTINGS, ring)], Denials())
        known = [await validator.validate(token) for token in tokens]
        assert [one.caller.user_id for one in known] == ["01USER", "01USER"]


def test_retired_key_outlives_its_tokens() -> None:
    longest = timedelta(seconds=SETTINGS.access_ttl + SETTINGS.leeway)

    assert overlap_of(SETTINGS) >= longest
