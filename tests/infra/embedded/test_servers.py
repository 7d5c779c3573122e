"""Each server of the stack starts and does what the product needs of it."""

import json
import urllib.request

import asyncpg  # type: ignore[import-untyped]
import pytest
import redis.asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from minio import Minio

from infra.settings import DatabaseSettings, KafkaSettings, ObjectSettings, ProviderSettings, RedisSettings

pytestmark = pytest.mark.stack


async def test_the_broker_takes_a_record(kafka: KafkaSettings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("embedded-takes-a-record", 2, 1)])
    await admin.close()

    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all") as producer:
        sent = await producer.send_and_wait("embedded-takes-a-record", b"record", partition=1)

    assert sent.partition == 1


@pytest.mark.kafka
async def test_apache_kafka_takes_idempotent_producers(kafka: KafkaSettings) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic("embedded-idempotent", 1, 1)])
    await admin.close()

    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, enable_idempotence=True) as producer:
        sent = await producer.send_and_wait("embedded-idempotent", b"record")

    assert sent.offset == 0


async def test_the_database_has_vectors(database: DatabaseSettings) -> None:
    connection = await asyncpg.connect(database.url.get_secret_value())
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        distance = await connection.fetchval("SELECT '[1,2]'::vector <-> '[1,5]'::vector")
    finally:
        await connection.close()

    assert distance == 3.0


async def test_valkey_wants_its_password(valkey: RedisSettings) -> None:
    url = valkey.url.get_secret_value()

    async with (
        redis.asyncio.from_url(url) as known,
        redis.asyncio.from_url("redis://" + url.split("@")[1]) as other,
    ):
        assert await known.ping()
        with pytest.raises(redis.AuthenticationError):
            await other.ping()


def test_the_object_store_makes_buckets(objects: ObjectSettings) -> None:
    host = objects.endpoint.removeprefix("http://")
    client = Minio(
        host,
        access_key=objects.access_key,
        secret_key=objects.secret_key.get_secret_value(),
        secure=False,
    )

    client.make_bucket("embedded")

    assert client.bucket_exists("embedded")


def test_the_model_streams_and_counts_its_tokens(model: ProviderSettings) -> None:
    question = {
        "model": model.models[0],
        "messages": [{"role": "user", "content": "Say hello."}],
        "max_tokens": 8,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{model.url}/chat/completions",
        json.dumps(question).encode(),
        {"Content-Type": "application/json"},
    )

    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        lines = [line.removeprefix(b"data: ").strip() for line in answer if line.startswith(b"data: ")]

    assert lines[-1] == b"[DONE]"
    chunks = [json.loads(line) for line in lines[:-1]]
    assert {chunk["model"] for chunk in chunks} == {"smollm2-135m-instruct"}
    assert chunks[-1]["usage"]["completion_tokens"] > 0
