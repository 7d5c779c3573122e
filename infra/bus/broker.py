"""The FastStream broker that a worker's subscribers belong to."""

import asyncio
from collections.abc import Coroutine, Sequence

from faststream.kafka import KafkaBroker

from infra.bus.client import METADATA_MAX_AGE_MS
from infra.bus.parallel import ParallelSubscriber
from infra.settings import KafkaSettings


def open_broker(settings: KafkaSettings) -> KafkaBroker:
    """A FastStream broker for consuming only: it makes no topics and has no producer. `serve` starts it."""
    return KafkaBroker(
        settings.bootstrap,
        request_timeout_ms=settings.request_timeout_ms,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        consumer_only=True,
        allow_auto_create_topics=False,
        graceful_timeout=None,
        apply_types=False,
        logger=None,
    )


async def serve(broker: KafkaBroker, until: asyncio.Event) -> None:
    """Run the broker's subscribers until told to stop, then drain them. Raises BusError when one breaks."""
    try:
        await _unless(until, [broker.start()])
        if not until.is_set():
            await _unless(
                until, [sub.watch() for sub in broker.subscribers if isinstance(sub, ParallelSubscriber)]
            )
    finally:
        await broker.stop()


async def _unless(told: asyncio.Event, works: Sequence[Coroutine[None, None, None]]) -> None:
    """Until the first of the works ends, with its error, or until told: then they are cancelled."""
    tasks = [asyncio.create_task(told.wait()), *(asyncio.create_task(work) for work in works)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
