"""The FastStream broker that a worker's subscribers belong to."""

import asyncio
from collections.abc import Sequence

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
        await broker.start()
        await _first_of(until, [sub for sub in broker.subscribers if isinstance(sub, ParallelSubscriber)])
    finally:
        await broker.stop()


async def _first_of(until: asyncio.Event, subscribers: Sequence[ParallelSubscriber]) -> None:
    watches = [asyncio.create_task(subscriber.watch()) for subscriber in subscribers]
    told = asyncio.create_task(until.wait())
    done, pending = await asyncio.wait({told, *watches}, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()
