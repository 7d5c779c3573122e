"""Keys that all edges share."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from infra.database import Database
from infra.identity.issuer import Issuer, Subject
from infra.identity.keys import Algorithm, new_signing_key
from infra.identity.known import Denials
from infra.identity.validator import Validator, embedded_policy
from infra.settings import IdentitySettings
from infra.store.keyring import open_keyring
from infra.store.signing_keys import ensure_signing_key, rotate, verifying_keys

pytestmark = pytest.mark.stack

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SETTINGS = IdentitySettings()
SUBJECT = Subject("01USER", "01TENANT", "guest-1", ("guest",), "01SESSION")


async def test_edges_that_start_at_once_agree_on_one_key(store: Database) -> None:
    rings = await asyncio.gather(*(open_keyring(store, SETTINGS) for _ in range(5)))

    assert len({ring.current().kid for ring in rings}) == 1
    async with store.begin() as session:
        assert len(await verifying_keys(session, NOW)) == 1


async def test_key_is_read_back_as_it_was_made(store: Database) -> None:
    async with store.begin() as session:
        made = await ensure_signing_key(session, NOW)

    async with store.begin() as session:
        assert await ensure_signing_key(session, NOW) == made


async def test_retired_key_verifies_until_its_last_token_is_dead(store: Database) -> None:
    async with store.begin() as session:
        old = await ensure_signing_key(session, NOW - timedelta(days=1))
        new = new_signing_key(NOW, Algorithm.ES256)
        await rotate(session, new, NOW)

    async with store.begin() as session:
        overlapping = await verifying_keys(session, NOW - timedelta(seconds=1))
        later = await verifying_keys(session, NOW)
        signing = await ensure_signing_key(session, NOW)

    assert {key.kid for key in overlapping} == {old.kid, new.kid}
    assert [key.kid for key in later] == [new.kid]
    assert signing.kid == new.kid


async def test_tokens_of_the_old_and_the_new_key_are_accepted_on_every_edge(store: Database) -> None:
    behind = await open_keyring(store, SETTINGS)
    now = datetime.now(UTC)
    async with store.begin() as session:
        await rotate(session, new_signing_key(now, Algorithm.ES256), now)
    ahead = await open_keyring(store, SETTINGS)
    tokens = [(await Issuer(SETTINGS, ring).issue(SUBJECT)).value.encode() for ring in (behind, ahead)]

    await behind.read()

    for ring in (behind, ahead):
        known = [
            await Validator([embedded_policy(SETTINGS, ring)], Denials()).validate(token) for token in tokens
        ]
        assert [one.caller.user_id for one in known] == ["01USER", "01USER"]
