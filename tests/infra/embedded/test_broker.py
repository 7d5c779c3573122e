"""Tansu stands in where Apache Kafka can't be had, and says so."""

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.embedded.broker import broker_server
from infra.embedded.child import await_ready, start_child, stop_child
from infra.embedded.java import Java, JavaMissing
from infra.embedded.place import Place

pytestmark = pytest.mark.stack


async def no_java() -> Java:
    message = "no Java at all"
    raise JavaMissing(message)


async def test_the_fallback_says_why_and_what_it_lacks(stand: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.embedded.kafka.find_java", no_java)  # the machine may have one

    server = await broker_server(stand, print, fallback=False)

    assert server.offers["JAN_KAFKA_FLAVOR"] == "tansu"
    assert "no Java at all" in server.note
    assert "records are lost" in server.note


async def test_the_fallback_takes_topics(stand: Place) -> None:
    server = await broker_server(stand, print, fallback=True)
    child = start_child(server, stand.home)
    try:
        await await_ready(child)
        admin = AIOKafkaAdminClient(bootstrap_servers=server.address)
        await admin.start()
        await admin.create_topics([NewTopic("fallback", 1, 1)])
        topics = await admin.list_topics()
        await admin.close()
    finally:
        await stop_child(child)

    assert "fallback" in topics
