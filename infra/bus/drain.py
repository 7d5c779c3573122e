"""The end of a consumer: its jobs get their grace time inside the group, then it leaves."""

import asyncio
import logging
import time

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

KEEP_ALIVE = TopicPartition("__keepalive__", 0)
"""No such partition: a poll of it returns at once and resets the poll timer."""
KEEP_ALIVE_EVERY = 1.0
CANCEL_LIMIT = 5.0
"""Seconds that cancelled jobs get to clean up."""
CLOSE_LIMIT = 5.0

log = logging.getLogger(__name__)


async def drain(consumer: AIOKafkaConsumer, jobs: set[asyncio.Task[None]], grace: float) -> None:
    """Wait for the jobs, which leave the set as they end; cancel those that need longer."""
    end = time.monotonic() + grace
    while jobs and (left := end - time.monotonic()) > 0:
        await asyncio.wait(set(jobs), timeout=min(KEEP_ALIVE_EVERY, left))
        await _keep_membership(consumer)
    for job in set(jobs):
        job.cancel()
    if jobs:
        await asyncio.wait(set(jobs), timeout=CANCEL_LIMIT)


async def close(consumer: AIOKafkaConsumer) -> None:
    """Leave the group and close the connections, also when the broker does not answer."""
    try:
        async with asyncio.timeout(CLOSE_LIMIT):
            await consumer.stop()
    except (KafkaError, TimeoutError) as error:
        log.warning("bus_close_failed", extra={"error": repr(error)})


async def _keep_membership(consumer: AIOKafkaConsumer) -> None:
    """A poll, so that the group does not take our partitions while their jobs end."""
    try:
        async with asyncio.timeout(KEEP_ALIVE_EVERY):
            await consumer.getmany(KEEP_ALIVE, timeout_ms=0)
    except (KafkaError, TimeoutError) as error:
        log.debug("bus_keep_alive_failed", extra={"error": repr(error)})
