"""The ring: who signs, who verifies, and how seldom the store is asked."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.errors import ApiError, ErrorCode
from infra.identity.keyring import MAX_AGE, MIN_PAUSE, KeyRing
from infra.identity.keys import PUBLISHED_FIRST, Algorithm, SigningKey, new_signing_key

BORN = datetime(2026, 1, 1, tzinfo=UTC)


def key(kid: str, *, age: float = 0, retired: bool = False) -> SigningKey:
    """A key so many hours old now, which is when BORN is."""
    born = BORN - timedelta(hours=age)
    return SigningKey(kid, Algorithm.ES256, "", born, BORN if retired else None)


@dataclass
class Store:
    """A store of keys that counts its readings, and can be down."""

    keys: list[SigningKey] = field(default_factory=list)
    readings: int = 0
    is_down: bool = False
    now: float = 0.0

    async def load(self) -> list[SigningKey]:
        self.readings += 1
        await asyncio.sleep(0)
        if self.is_down:
            raise ApiError(ErrorCode.DEPENDENCY_DOWN, "The database does not answer")
        return list(self.keys)

    def clock(self) -> float:
        return self.now


@pytest.fixture
def store() -> Store:
    return Store([key("one")])


@pytest.fixture
async def ring(store: Store) -> KeyRing:
    ring = KeyRing(store.load, clock=store.clock, wall=BORN.timestamp)
    await ring.read()
    return ring


async def test_newest_key_that_is_not_retired_signs(ring: KeyRing, store: Store) -> None:
    store.keys = [key("old", age=2), key("newest", retired=True), key("newer", age=1)]

    await ring.read()

    assert ring.current().kid == "newer"
    assert [each.kid for each in ring.all()] == ["newest", "newer", "old"]


async def test_new_key_signs_only_when_everybody_had_the_time_to_hear_of_it(
    ring: KeyRing, store: Store
) -> None:
    hour = timedelta(hours=1)
    old = replace(key("old", age=24), retired_at=BORN + timedelta(seconds=1))
    store.keys = [old, key("fresh", age=PUBLISHED_FIRST / hour - 0.01)]
    await ring.read()
    before = ring.current().kid
    store.keys = [old, key("fresh", age=PUBLISHED_FIRST / hour)]

    await ring.read()

    assert (before, ring.current().kid) == ("old", "fresh")


async def test_first_key_signs_at_once(ring: KeyRing, store: Store) -> None:
    store.keys = [key("first")]

    await ring.read()

    assert ring.current().kid == "first"


def test_key_is_published_for_longer_than_its_news_take() -> None:
    assert PUBLISHED_FIRST.total_seconds() > 2 * MAX_AGE


async def test_ring_without_a_key_cannot_sign(store: Store) -> None:
    with pytest.raises(ApiError, match="no signing key"):
        KeyRing(store.load).current()


async def test_unknown_key_is_found_after_another_edge_rotated(ring: KeyRing, store: Store) -> None:
    store.keys.append(key("two"))
    store.now += MIN_PAUSE

    found = await ring.find("two")

    assert found is not None
    assert found.kid == "two"


async def test_storm_of_unknown_keys_costs_one_reading(ring: KeyRing, store: Store) -> None:
    store.now += MIN_PAUSE

    found = await asyncio.gather(*(ring.find(f"unknown-{number}") for number in range(500)))

    assert set(found) == {None}
    assert store.readings == 2


async def test_retired_key_is_forgotten_within_a_minute(ring: KeyRing, store: Store) -> None:
    store.keys = [key("two")]
    store.now += MAX_AGE

    assert await ring.find("one") is None


async def test_known_keys_go_on_while_the_store_is_down(ring: KeyRing, store: Store) -> None:
    store.is_down = True
    store.now += MAX_AGE

    found = [await ring.find("one") for _ in range(10)]

    assert None not in found
    assert store.readings == 2


async def test_unknown_key_while_the_store_is_down_is_an_outage_not_a_refusal(
    ring: KeyRing, store: Store
) -> None:
    store.is_down = True
    store.now += MIN_PAUSE

    with pytest.raises(ApiError) as outage:
        await ring.find("two")

    assert outage.value.detail.status == 503


async def test_store_that_hangs_is_not_waited_for_without_limit() -> None:
    async def hang() -> list[SigningKey]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(ApiError, match="in time"):
        await KeyRing(hang, read_timeout=0.01).read()


def test_key_shows_no_private_half() -> None:
    secret = new_signing_key(BORN, Algorithm.ES256)

    assert "PRIVATE" not in repr(secret)
    assert set(secret.public()) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert set(new_signing_key(BORN).public()) == {"kty", "n", "e", "kid", "use", "alg"}
