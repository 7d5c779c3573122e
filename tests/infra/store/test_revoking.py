"""Revocation: with what it revokes or not at all, and known to every process."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from infra.database import Database
from infra.identity.known import Denials
from infra.notices import Notices, followed, open_notices
from infra.relay.redis import open_redis
from infra.settings import IdentitySettings, RedisSettings
from infra.store.denials import denials
from infra.store.revoking import Revocations
from tests.acceptance.waiting import until

pytestmark = pytest.mark.stack

NOW = 1_800_000_000.0
SETTINGS = IdentitySettings(access_ttl=300, leeway=30, key_cache=60)
USUAL = 390.0
"""Seconds of an access token, its leeway, and a minute."""


class Clock:
    """Time that the test sets."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Process:
    """One process's denials."""

    def __init__(self, store: Database, notices: Notices) -> None:
        self.clock = Clock()
        self.denied = Denials()
        self.revocations = Revocations(store, notices, SETTINGS, self.denied, clock=self.clock)

    def denies(self, name: str) -> bool:
        """Whether it refuses a name now."""
        return self.denied.is_denied([name], self.clock.now)


@pytest.fixture
async def notices(valkey: RedisSettings) -> AsyncIterator[Notices]:
    async with open_redis(valkey) as redis, open_notices(redis) as notices:
        yield notices


@pytest.fixture
def here(store: Database, notices: Notices) -> Process:
    return Process(store, notices)


@pytest.fixture
def there(store: Database, notices: Notices) -> Process:
    return Process(store, notices)


async def test_a_denial_is_felt_here_at_once_and_elsewhere_by_the_notice(
    here: Process, there: Process, notices: Notices
) -> None:
    async with followed(notices, there.revocations.heed, there.revocations.reload):
        async with here.revocations.begin() as work:
            work.deny("sid:1")
        assert here.denies("sid:1")

        async def is_felt() -> bool:
            return there.denies("sid:1")

        await until(is_felt)


async def test_a_process_that_starts_later_reads_the_denials_that_still_stand(
    here: Process, there: Process
) -> None:
    async with here.revocations.begin() as work:
        work.deny("sid:1")
        work.deny("sid:2", seconds=10)
    there.clock.now = NOW + 11

    await there.revocations.reload()

    assert (there.denies("sid:1"), there.denies("sid:2")) == (True, False)


async def test_what_fails_revokes_nothing(here: Process, there: Process, store: Database) -> None:
    async def fail() -> None:
        async with here.revocations.begin() as work:
            work.deny("sid:1")
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        await fail()

    async with store.begin() as session:
        assert await denials(session, datetime.fromtimestamp(NOW, UTC)) == []
    assert not here.denies("sid:1")
    assert not there.denies("sid:1")


async def test_a_name_denied_twice_in_one_piece_of_work_is_denied_for_the_longer_time(here: Process) -> None:
    async with here.revocations.begin() as work:
        work.deny("sid:1", seconds=1_000)
        work.deny("sid:1")

    here.clock.now = NOW + USUAL + 1

    assert here.denies("sid:1")


async def test_denials_that_no_credential_can_have_any_more_are_forgotten(
    here: Process, store: Database
) -> None:
    async with here.revocations.begin() as work:
        work.deny("sid:1")
    here.clock.now = NOW + USUAL + 1

    async with here.revocations.begin() as later:
        later.deny("sid:2")

    async with store.begin() as session:
        assert [row.name for row in await denials(session, work.now)] == ["sid:2"]


async def test_work_that_denies_nothing_is_a_plain_transaction(here: Process, store: Database) -> None:
    async with here.revocations.begin() as work:
        assert work.names == {}

    async with store.begin() as session:
        assert await denials(session, work.now) == []
