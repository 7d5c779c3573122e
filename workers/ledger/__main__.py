"""Folds the events of all jobs until told to stop. Run it as `python -m workers.ledger`."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version

from contracts.topics import EVENTS, worker_group
from infra.bus.batches import BatchConsumer, open_batches
from infra.database import Database, open_database
from infra.limits.admission import open_admissions
from infra.limits.prices import Prices
from infra.process import run_process, settle_memory
from infra.settings import Settings, read_settings
from infra.telemetry.ledger_metrics import LedgerMetrics
from infra.telemetry.logs import open_logs
from infra.telemetry.metrics import open_registry
from infra.telemetry.readiness import Check
from infra.telemetry.worker_metrics import ConsumerMetrics
from workers.ledger.handler import LedgerWriter, Limits, NoLimits, keep_swept
from workers.ledger.settlement import Settlement, settled
from workers.runtime.room import open_probes

SERVICE = "worker-ledger"


async def work(settings: Settings) -> None:
    """Until SIGTERM; the batch that is being written is ended."""
    open_logs(settings.telemetry, SERVICE)
    registry = open_registry(SERVICE, version("jan-server"))
    ledger, group = settings.ledger, worker_group(EVENTS)
    async with (
        open_database(settings.database) as database,
        open_batches(
            settings.kafka,
            EVENTS,
            group,
            gather=ledger.gather,
            most=ledger.batch,
            observer=ConsumerMetrics(registry),
        ) as consumer,
        _open_limits(database, settings) as limits,
        open_probes(settings.worker, registry, _checks(database, consumer)),
        asyncio.TaskGroup() as tasks,
    ):
        told = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
        settle_memory()
        sweeping = tasks.create_task(keep_swept(database, timedelta(days=ledger.days)))
        price = Prices(settings.limits.prices).cost
        writer = LedgerWriter(database, LedgerMetrics(registry), consumer.ends, price=price, limits=limits)
        await consumer.run(writer.on_batches, told)
        sweeping.cancel()


@asynccontextmanager
async def _open_limits(database: Database, settings: Settings) -> AsyncIterator[Limits]:
    """Where jobs are held, if anywhere."""
    if not settings.has_limits:
        yield NoLimits()
        return
    async with (
        open_admissions(settings.redis, settings.limits) as admissions,
        settled(Settlement(database, admissions)) as settlement,
    ):
        yield settlement


def _checks(database: Database, consumer: BatchConsumer) -> list[Check]:
    async def is_consuming() -> None:
        if not consumer.is_ready:
            raise ConnectionError("the events are not being consumed")

    return [
        Check("database", needed=True, ask=database.ping),
        Check("consumers", needed=True, ask=is_consuming),
    ]


if __name__ == "__main__":
    run_process(work(read_settings("workers.ledger")))
