"""The connection to Redis or Valkey, with a limit on every wait."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError
from typing_extensions import override

from infra.relay.keys import PROBE
from infra.settings import RedisSettings

HEALTH_CHECK_SECONDS = 30
PROBE_SECONDS = 60
Connections = Redis
"""What `open_redis` gives, for rooms that import no driver."""
RETRIES = 2
"""Quick repeats of one command inside the client; longer patience belongs to the caller."""


@asynccontextmanager
async def open_redis(settings: RedisSettings) -> AsyncIterator[Redis]:
    """A pooled client. It connects at its first command, so that a late Redis delays nobody's start."""
    async with open_pool(settings) as pool:
        client = Redis(connection_pool=pool)
        try:
            yield client
        finally:
            await client.aclose()


@asynccontextmanager
async def open_pool(settings: RedisSettings, *, patient: bool = False) -> AsyncIterator[ConnectionPool]:
    """Connections. `patient` ones have no limit of their own on an answer: who uses them has one."""
    pool = BlockingConnectionPool.from_url(
        settings.url.get_secret_value(),
        max_connections=settings.max_connections,
        timeout=settings.timeout,
        socket_timeout=None if patient else settings.timeout,
        socket_connect_timeout=settings.timeout,
        socket_keepalive=True,
        health_check_interval=0 if patient else HEALTH_CHECK_SECONDS,
        retry=Retry(ExponentialBackoff(cap=0.5, base=0.05), RETRIES),
        retry_on_error=[RedisConnectionError, RedisTimeoutError],
        protocol=2,
    )
    pool.connection_class = type("OwnConnection", (OwnConnection, pool.connection_class), {})
    try:
        yield pool
    finally:
        await pool.disconnect()


class OwnConnection(AbstractConnection):
    """Mixed into the driver's own kinds, plain and TLS, by `open_pool`."""

    @override
    async def send_packed_command(
        self, command: bytes | str | Iterable[bytes], check_health: bool = True
    ) -> None:
        """A connection that was reset while it rested is lost. uvloop says so by RuntimeError (its issue
        506), which redis-py 8.1 would let through."""
        try:
            await super().send_packed_command(command, check_health)
        except RuntimeError as error:
            raise RedisConnectionError(str(error)) from error


async def ping(client: Redis) -> None:
    """Raise RelayDown when Redis does not answer, or takes no writes: a full one still answers PING."""
    try:
        await client.set(PROBE, b"", ex=PROBE_SECONDS)
    except RedisError as error:
        raise RelayDown(str(error)) from error


def heed_cancel() -> None:
    """Raise the CancelledError that redis-py 8.1 swallowed: it loses one that comes while it connects."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


class RelayDown(Exception):
    """Redis cannot be reached, or refuses to work."""
