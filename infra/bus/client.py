"""What every connection to the broker has in common."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from aiokafka.errors import KafkaConnectionError, KafkaError

from infra.bus.errors import BusError
from infra.settings import KafkaSettings

METADATA_MAX_AGE_MS = 30_000
"""Time after which new partitions and topics made anew are seen."""
PARTITION_FETCH_BYTES = 1_048_576
"""Most bytes of one partition in one fetch, and so in memory: the next fetch waits until they are taken."""
RETRY_PAUSE = 0.3
"""Seconds between tries while a broker is still starting."""

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker is and how long it may take to answer, as the driver's own arguments."""

    bootstrap_servers: str
    request_timeout_ms: int
    metadata_max_age_ms: int = METADATA_MAX_AGE_MS


def address_of(settings: KafkaSettings) -> Address:
    """The broker's address."""
    return Address(bootstrap_servers=settings.bootstrap, request_timeout_ms=settings.request_timeout_ms)


def own_sticky_assignor() -> type[StickyPartitionAssignor]:
    """A sticky assignor for one consumer: aiokafka keeps its state on the class, so no two may share one."""
    return type("OwnStickyAssignor", (StickyPartitionAssignor,), {})


def guard(client: AIOKafkaClient) -> None:
    """Make writing to a lost connection the error that the driver expects, which then connects again.

    uvloop raises RuntimeError for it where asyncio raises OSError, and that would end the driver's own tasks
    (github.com/aio-libs/aiokafka/issues/1038): the coordinator's, or the one that reads the metadata.
    """
    connect, bootstrap = client._get_conn, client.bootstrap  # noqa: SLF001

    async def guarded_connect(*args: Any, **more: Any) -> Any:  # as the driver's own, which has no types
        try:
            connection = await connect(*args, **more)
        except RuntimeError as error:
            log.warning("bus_connection_lost", extra={"error": str(error)})
            client.force_metadata_update()
            return None
        if connection is not None and "send" not in vars(connection):
            connection.send = _guarded(connection.send)
        return connection

    async def guarded_bootstrap() -> None:
        with _known_errors():
            await bootstrap()

    client._get_conn, client.bootstrap = guarded_connect, guarded_bootstrap  # noqa: SLF001


def _guarded(send: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    def guarded(*args: Any, **more: Any) -> Awaitable[Any]:
        with _known_errors():
            return send(*args, **more)

    return guarded


@contextmanager
def _known_errors() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise KafkaConnectionError(str(error)) from error


def check_driver(consumer: AIOKafkaConsumer) -> None:
    """Look after aiokafka's own tasks: when one has died, polls return nothing for ever, without an error.

    Raises BusError.
    """
    fetcher, coordinator, client = consumer._fetcher, consumer._coordinator, consumer._client  # noqa: SLF001
    for task in (fetcher.error_future, coordinator._coordination_task, client._sync_task):  # noqa: SLF001
        if task.done():
            raise BusError("a background task of the Kafka client has ended")


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the broker is ready: one that has just started knows neither controller nor coordinator yet.

    Ends by the caller's limit.
    """
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if not error.retriable:
                raise
            log.info("bus_not_ready", extra={"error": repr(error)})
        await asyncio.sleep(RETRY_PAUSE)
