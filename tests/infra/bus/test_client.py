"""A lost connection is an error that the driver knows, on the loop that the product runs on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvloop
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from infra.bus.client import guard
from infra.settings import KafkaSettings

pytestmark = pytest.mark.stack


@pytest.mark.parametrize(("is_guarded", "error"), [(False, RuntimeError), (True, KafkaConnectionError)])
def test_a_send_on_a_lost_connection_is_a_connection_error_once_guarded(
    kafka: KafkaSettings, *, is_guarded: bool, error: type[Exception]
) -> None:
    async def send() -> None:
        async with open_lost(kafka, is_guarded=is_guarded) as client:
            (node, *_) = [broker.nodeId for broker in client.cluster.brokers()]
            await client.send(node, MetadataRequest([]))

    with pytest.raises(error):
        uvloop.run(send())


def test_metadata_are_read_again_behind_a_lost_connection(kafka: KafkaSettings) -> None:
    async def update() -> tuple[bool, bool]:
        async with open_lost(kafka, is_guarded=True) as client:
            lost = await client._metadata_update(client.cluster, [])
            return lost, await client.force_metadata_update()

    assert uvloop.run(update()) == (False, True)


@asynccontextmanager
async def open_lost(kafka: KafkaSettings, *, is_guarded: bool) -> AsyncIterator[AIOKafkaClient]:
    """A client whose connections were closed a moment ago, before the driver saw it."""
    client = AIOKafkaClient(bootstrap_servers=kafka.bootstrap)
    if is_guarded:
        guard(client)
    await client.bootstrap()
    try:
        for broker in client.cluster.brokers():
            await client.ready(broker.nodeId)
        for connection in client._conns.values():
            connection._writer.transport.abort()
        yield client
    finally:
        await client.close()
