"""Runs the subscribers of a room until it is told to stop, beside probes that tell how they are."""

import asyncio
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from faststream.kafka import KafkaBroker
from prometheus_client import CollectorRegistry

from infra.bus.broker import serve
from infra.bus.parallel import ParallelSubscriber
from infra.process import settle_memory
from infra.settings import WorkerSettings
from infra.telemetry.readiness import Check
from infra.telemetry.serving import serve_metrics


async def run_room(
    broker: KafkaBroker,
    subscribers: Sequence[ParallelSubscriber],
    settings: WorkerSettings,
    registry: CollectorRegistry,
    checks: Sequence[Check],
) -> None:
    """Until SIGTERM or SIGINT, then drain. Raises BusError when a subscriber breaks."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    settle_memory()

    async def are_consuming() -> None:
        if not all(subscriber.is_ready for subscriber in subscribers):
            raise ConnectionError("not every topic is being consumed")

    consumers = Check("consumers", needed=True, ask=are_consuming)
    async with open_probes(settings, registry, [*checks, consumers]):
        await serve(broker, told)


@asynccontextmanager
async def open_probes(
    settings: WorkerSettings, registry: CollectorRegistry, checks: Sequence[Check]
) -> AsyncIterator[None]:
    """Metrics and readiness on the room's own port, where it has one."""
    if settings.metrics_port is None:
        yield
        return
    async with serve_metrics(registry, checks, settings.metrics_port, settings.metrics_host):
        yield
