"""Identity on one migrated database, which the tests of this room share: each makes its own guests."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import aiohttp
import pytest
import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from api_edge.app import route_of
from api_edge.auth.accounts import Accounts
from api_edge.auth.parts import IdentityParts, open_identity
from api_edge.auth.routes import identity_routers
from api_edge.errors import install_error_handlers
from api_edge.middleware.conventions import Conventions
from api_edge.middleware.identity import Identity, SignedIn
from api_edge.users.routes import users_router
from contracts.envelope import Caller
from infra.database import open_database
from infra.migrations.upgrade import upgrade
from infra.notices import open_notices
from infra.relay.redis import open_redis
from infra.settings import DatabaseSettings, IdentitySettings, RedisSettings, Settings
from infra.telemetry.metrics import EdgeMetrics
from tests.infra.store.scratch import scratch_database


@pytest.fixture(scope="module")
def migrated(database: DatabaseSettings) -> Iterator[DatabaseSettings]:
    """A migrated database; on a loop of its own, since it outlives the loops of the tests."""
    loop = asyncio.new_event_loop()
    stack = AsyncExitStack()
    try:
        settings = loop.run_until_complete(stack.enter_async_context(scratch_database(database)))
        loop.run_until_complete(upgrade(settings))
        yield settings
    finally:
        loop.run_until_complete(stack.aclose())
        loop.close()


@pytest.fixture
def settings(migrated: DatabaseSettings, valkey: RedisSettings) -> Settings:
    """Those of an edge on these servers."""
    identity = IdentitySettings(issuer="https://jan.example")
    return Settings(database=migrated, redis=valkey, identity=identity)


@pytest.fixture
async def identity(settings: Settings) -> AsyncIterator[IdentityParts]:
    async with (
        open_database(settings.database) as database,
        open_redis(settings.redis) as redis,
        open_notices(redis) as notices,
        open_identity(database, notices, settings) as parts,
    ):
        yield parts


@pytest.fixture
def accounts(identity: IdentityParts) -> Accounts:
    return identity.accounts


@pytest.fixture
async def client(identity: IdentityParts) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of an edge that has identity's routes alone, and `/v1/who`."""
    app = Conventions(
        Identity(small_api(identity), identity.credentials.authenticate),
        EdgeMetrics(CollectorRegistry()),
        route_of,
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(server.serve(sockets=[listening]))
            base = f"http://127.0.0.1:{listening.getsockname()[1]}"
            async with aiohttp.ClientSession(base) as session:
                yield session
            server.should_exit = True


def small_api(identity: IdentityParts) -> FastAPI:
    api = FastAPI()
    install_error_handlers(api)
    for router in identity_routers(identity):
        api.include_router(router)
    api.include_router(users_router(identity.profiles))

    @api.get("/v1/who")
    async def who(caller: SignedIn) -> Caller:
        return caller

    return api
