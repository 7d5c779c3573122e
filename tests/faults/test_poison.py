"""A record that is no job goes to the dead letters with its reason, and the jobs behind it run."""

import pytest

from contracts.ids import new_ulid
from contracts.topics import dead_topic
from infra.bus.producer import Producer
from infra.bus.record import Record
from infra.bus.tail import read_topic
from infra.relay.log import LogReader
from infra.settings import KafkaSettings
from tests.acceptance.exposition import worker_metrics
from tests.acceptance.waiting import until
from tests.faults.jobs import PARTITION, TOPIC, are_over, job_ids, produce
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream


@pytest.mark.parametrize(
    "value",
    [b"", b"\x00\xff nonsense", b"[]", b"{}", b'{"job_id": 7}'],
    ids=["empty", "binary", "list", "{}", "7"],
)
async def test_poison_is_put_aside_with_its_reason_and_the_jobs_behind_it_run(
    product: Product,
    upstream: Upstream,
    producer: Producer,
    logs: LogReader,
    kafka: KafkaSettings,
    value: bytes,
) -> None:
    upstream.always(Script(tokens=1))
    poison, *behind = await job_ids(kafka, 6)
    headers = {"traceparent": "00-" + "a" * 32 + "-" + "b" * 16 + "-01", "mark": new_ulid()}
    buried = (await worker_metrics(product)).value("jan_dead_letters_total", topic=TOPIC.name)

    await producer.send(TOPIC, poison.encode(), value, headers)
    for job_id in behind:
        await produce(producer, job_id)
    await until(lambda: are_over(logs, behind))
    await until(lambda: _is_buried(product, buried))

    [dead] = await _dead_letters(kafka, headers["mark"])
    assert (dead.key, dead.value) == (poison.encode(), value)
    assert dead.headers["x-dead-reason"] == "poison"
    assert dead.headers["x-dead-attempts"] == "1"
    assert dead.headers["x-dead-error"].startswith("Poison: not an envelope of this topic")
    assert dead.headers["x-dead-origin"].startswith(f"{TOPIC.name}/{PARTITION}/")
    assert dead.headers["traceparent"] == headers["traceparent"]


async def _is_buried(product: Product, before: float) -> bool:
    return (await worker_metrics(product)).value("jan_dead_letters_total", topic=TOPIC.name) == before + 1


async def _dead_letters(kafka: KafkaSettings, mark: str) -> list[Record]:
    return [
        record async for record in read_topic(kafka, dead_topic(TOPIC)) if record.headers.get("mark") == mark
    ]
