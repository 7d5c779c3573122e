"""Gives postponed jobs back when they are due, until told to stop. Run it as `python -m workers.retry`."""

import os
from importlib.metadata import version

from faststream.kafka import KafkaBroker

from contracts.ids import new_ulid
from contracts.topics import RETRIES, worker_group
from infra.bus.attempts import AttemptLimits, OnDead
from infra.bus.broker import open_broker
from infra.bus.consumption import ConsumptionLimits
from infra.bus.parallel import ParallelSubscriber, parallel_subscriber
from infra.bus.producer import open_producer
from infra.process import run_process
from infra.settings import KafkaSettings, Settings, read_settings
from infra.telemetry.logs import open_logs
from infra.telemetry.metrics import open_registry
from infra.telemetry.readiness import Check
from infra.telemetry.worker_metrics import WorkerMetrics
from workers.retry.handler import Mover
from workers.runtime.dead import DeadLetters
from workers.runtime.room import run_room

SERVICE = "worker-retry"
LIMITS = ConsumptionLimits(
    max_jobs=4_000,  # a sleeper costs its record and a task; what waits behind is due later, but for jitter
    drain_timeout=1.0,  # for the records that go back just now: sleepers sleep on elsewhere
    cancel_lost=True,  # whoever has the partition now waits with its records from the beginning
    attempts=AttemptLimits(max_attempts=720),  # 10 s apart: hours without a broker bury nothing
)


async def work(settings: Settings) -> None:
    """Until SIGTERM; records that are not due stay in their topics."""
    open_logs(settings.telemetry, SERVICE)
    registry = open_registry(SERVICE, version("jan-server"))
    metrics = WorkerMetrics(registry)
    name = f"{settings.worker.name}/{os.getpid()}/{new_ulid()[-6:]}"
    async with open_producer(settings.kafka) as producer:
        mover = Mover(producer)
        dead = DeadLetters(list(RETRIES.values()), producer, mover, name, metrics)
        broker = open_broker(settings.kafka)
        subscribers = subscribe(broker, settings.kafka, mover, dead.bury, metrics)
        kafka = Check("kafka", needed=True, ask=producer.ping)
        await run_room(broker, subscribers, settings.worker, registry, [kafka])


def subscribe(
    broker: KafkaBroker, settings: KafkaSettings, mover: Mover, on_dead: OnDead, metrics: WorkerMetrics
) -> list[ParallelSubscriber]:
    """A subscriber for each retry topic: records that wait long hold no places of those that wait shortly."""
    subscribers = []
    for topic in RETRIES.values():
        subscriber = parallel_subscriber(
            broker,
            topic,
            settings=settings,
            group_id=worker_group(topic),
            on_dead=on_dead,
            limits=LIMITS,
            observer=metrics.consumer,
        )
        subscriber(mover.on_record)
        subscribers.append(subscriber)
    return subscribers


if __name__ == "__main__":
    run_process(work(read_settings("workers.retry")))
