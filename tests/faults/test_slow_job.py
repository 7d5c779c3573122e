"""A slow job delays nobody, in its own partition neither."""

import asyncio
import time

from infra.bus.producer import Producer
from infra.bus.tail import read_topic
from infra.relay.log import LogReader
from infra.settings import KafkaSettings
from tests.acceptance.waiting import until
from tests.faults.jobs import PARTITION, TOPIC, are_over, job_ids, produce
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

FAST = 200


async def test_a_slow_job_does_not_delay_200_fast_ones_behind_it_in_its_partition(
    product: Product, upstream: Upstream, producer: Producer, logs: LogReader, kafka: KafkaSettings
) -> None:
    slow, *fast = await job_ids(kafka, 1 + FAST)
    upstream.next(Script(tokens=1, hold=-1))
    upstream.always(Script(tokens=1))

    await produce(producer, slow)
    asked = await upstream.asked()
    began = time.monotonic()
    for job_id in fast:
        await produce(producer, job_id)
    await until(lambda: are_over(logs, fast))
    seconds = time.monotonic() - began
    lengths_while_held = await logs.lengths([slow])
    asked.release()
    await until(lambda: are_over(logs, [slow]))

    print(f"{FAST} jobs behind a slow one: {seconds:.2f} s")
    assert lengths_while_held == [0]
    assert len(upstream.chats) == 1 + FAST
    offsets = await _offsets(kafka, {slow, *fast})
    assert offsets[slow] < min(offsets[job_id] for job_id in fast)


async def _offsets(kafka: KafkaSettings, ids: set[str]) -> dict[str, int]:
    """Where the jobs lie, all of which must be in the one partition."""
    offsets = {}
    async with asyncio.timeout(30):
        async for record in read_topic(kafka, TOPIC):
            job_id = (record.key or b"").decode()
            if job_id in ids:
                assert record.partition == PARTITION
                offsets[job_id] = record.offset
    assert set(offsets) == ids
    return offsets
