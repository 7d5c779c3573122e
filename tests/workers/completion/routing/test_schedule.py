"""Lists of models read on a schedule: a real database and Redis, scripted providers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from typing_extensions import override

from contracts.ids import PROVIDER, new_id
from infra.database import Database, open_database
from infra.migrations.upgrade import upgrade
from infra.notices import Notices, open_notices
from infra.registry.offers import Endpoint, Provider
from infra.registry.reading import Registered, open_registered, tell_changed
from infra.relay.redis import open_redis
from infra.settings import DatabaseSettings, RedisSettings
from infra.store.providers import SEALED, ProviderRow
from tests.acceptance.waiting import until
from tests.infra.store.scratch import scratch_database
from tests.upstream.server import Upstream, open_upstream
from tests.workers.completion.routing.known import SEALER, SETTINGS
from workers.completion.routing.contact import Contact
from workers.completion.routing.directory import Directory, open_directory
from workers.completion.routing.schedule import Schedule, kept

pytestmark = pytest.mark.stack


@dataclass
class World:
    """What workers share."""

    database: Database
    notices: Notices
    registered: Registered

    async def give(self, name: str, *urls: str, **changes: object) -> str:
        """A provider at these addresses, told to everybody; its id."""
        now = datetime.now(UTC)
        row = ProviderRow(
            provider_id=new_id(PROVIDER), name=name, display_name=name, vendor=name, is_trusted=True,
            endpoints=[{"url": url} for url in urls], sync_due_at=now, created_at=now, updated_at=now,
        )  # fmt: skip
        if "key" in changes:
            row.sealed_key = SEALED.seal(SEALER, row.provider_id, str(changes.pop("key")))
        for field, value in changes.items():
            setattr(row, field, value)
        async with self.database.begin() as session:
            session.add(row)
        await tell_changed(self.notices)
        return row.provider_id

    async def row(self, provider_id: str) -> ProviderRow:
        async with self.database.begin() as session:
            row = await session.get(ProviderRow, provider_id)
            assert row is not None
            return row

    async def offering(self, count: int) -> None:
        """Wait until so many models are on offer."""

        async def told() -> bool:
            return len(self.offers()) == count

        await until(told)

    def offers(self) -> list[tuple[str, str]]:
        """What is on offer, by catalog and by the provider's own name."""
        return [(one.catalog_id, one.original_id) for one in self.registered.current.offers]


class Breaking(Directory):
    """Fails at one provider in a way that nobody foresaw."""

    @override
    def contact(self, provider: Provider, endpoint: Endpoint) -> Contact:
        if provider.name == "odd":
            raise RuntimeError("nobody foresaw")
        return super().contact(provider, endpoint)


@pytest.fixture
async def world(database: DatabaseSettings, valkey: RedisSettings) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        own = await stack.enter_async_context(scratch_database(database))
        await upgrade(own)
        opened = await stack.enter_async_context(open_database(own))
        redis = await stack.enter_async_context(open_redis(valkey))
        notices = await stack.enter_async_context(open_notices(redis))
        registered = await stack.enter_async_context(open_registered(opened, notices))
        yield World(opened, notices, registered)


@asynccontextmanager
async def worker(world: World) -> AsyncIterator[None]:
    """Keeps the schedule."""
    async with open_directory(world.registered, SETTINGS, SEALER) as routes:
        schedule = Schedule(routes, world.database, world.notices, SETTINGS)
        async with kept(schedule, world.notices):
            yield


async def test_a_new_providers_models_are_on_offer_at_once(world: World, upstream: Upstream) -> None:
    upstream.listed = ["Big-7B", "other/small"]
    async with worker(world):
        provider_id = await world.give("acme", upstream.url)

        await world.offering(2)

    assert world.offers() == [("acme/big-7b", "Big-7B"), ("other/small", "other/small")]
    row = await world.row(provider_id)
    assert row.synced_at is not None
    assert (row.sync_due_at - row.synced_at).total_seconds() == SETTINGS.sync_interval


async def test_of_many_workers_one_reads_a_list(world: World, upstream: Upstream) -> None:
    async with worker(world), worker(world), worker(world):
        await world.give("acme", upstream.url)

        await world.offering(1)

    assert [request.path for request in upstream.requests] == ["/v1/models"]


async def test_a_provider_that_is_not_there_is_told_and_disturbs_no_other(
    world: World, upstream: Upstream
) -> None:
    async with open_upstream() as gone:
        dead = gone.url
    async with worker(world):
        dead_id = await world.give("dead", dead)
        broken_id = await world.give("broken", upstream.url, sealed_key="s1.other.AAAA")
        await world.give("odd", "http://[::1", limits={"token_timeout": "x"})
        await world.give("acme", upstream.url)

        await world.offering(1)

        async def told() -> bool:
            return all([(await world.row(one)).sync_error for one in (dead_id, broken_id)])

        await until(told)
    assert (await world.row(dead_id)).sync_error == "The provider does not accept connections."
    assert "s1.other" not in str((await world.row(broken_id)).sync_error)


async def test_another_endpoint_lists_where_the_first_is_away(world: World, upstream: Upstream) -> None:
    async with open_upstream() as gone:
        dead = gone.url
    async with worker(world):
        await world.give("acme", dead, upstream.url)

        await world.offering(1)

    assert [request.path for request in upstream.requests] == ["/v1/models"]


async def test_a_provider_without_a_list_offers_what_it_was_given(world: World, upstream: Upstream) -> None:
    async with worker(world):
        await world.give("acme", upstream.url.replace("/v1", "/v2"), models=["a", "b"])

        await world.offering(2)

    assert world.offers() == [("acme/a", "a"), ("acme/b", "b")]


async def test_a_change_is_read_at_once_and_models_that_are_gone_are_off_offer(
    world: World, upstream: Upstream
) -> None:
    upstream.listed = ["old", "both"]
    async with worker(world):
        provider_id = await world.give("acme", upstream.url)
        await world.offering(2)

        upstream.listed = ["both", "new"]
        async with world.database.begin() as session:
            row = await session.get(ProviderRow, provider_id)
            assert row is not None
            row.revision, row.sync_due_at = row.revision + 1, datetime.now(UTC)
        await tell_changed(world.notices)

        async def told() -> bool:
            return ("acme/new", "new") in world.offers()

        await until(told)

    assert world.offers() == [("acme/both", "both"), ("acme/new", "new")]


async def test_a_list_that_breaks_the_reading_does_not_end_it(
    world: World, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    routes = Breaking(world.registered, SETTINGS, SEALER)
    schedule = Schedule(routes, world.database, world.notices, SETTINGS)
    await world.give("odd", upstream.url)
    async with kept(schedule, world.notices):
        await world.give("acme", upstream.url)

        await world.offering(1)
    await routes.close()

    assert world.offers() == [("acme/scripted", "scripted")]
    assert "nobody foresaw" in caplog.text


async def test_lists_are_read_with_the_providers_key(world: World, upstream: Upstream) -> None:
    async with worker(world):
        await world.give("acme", upstream.url, key="sk-0123456789", auth="api-key")

        await world.offering(1)

    assert upstream.requests[0].headers["api-key"] == "sk-0123456789"
