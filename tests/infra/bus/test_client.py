"""A lost connection is an error that the driver knows, on the loop that the product runs on."""

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
    assert isinstance(uvloop.run(sent_on_a_lost_connection(kafka.bootstrap, is_guarded=is_guarded)), error)


async def sent_on_a_lost_connection(bootstrap: str, *, is_guarded: bool) -> Exception | None:
    """What a send raises when its connection was closed a moment ago, before the driver saw it."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        if is_guarded:
            guard(client)
        (node, *_) = [broker.nodeId for broker in client.cluster.brokers()]
        await client.ready(node)
        for connection in client._conns.values():
            connection._writer.transport.abort()
        await client.send(node, MetadataRequest([]))
    except (RuntimeError, KafkaConnectionError) as error:
        return error
    finally:
        await client.close()
    return None
