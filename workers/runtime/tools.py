"""What every worker process holds open: the bus, Redis, the object store, logs, metrics and traces."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import CollectorRegistry

from contracts.ids import new_ulid
from infra.bus.producer import Producer, open_producer
from infra.database import Database, open_database
from infra.failpoints import Failpoints, planned
from infra.objects import ObjectStore, open_objects
from infra.relay.cancels import Cancels
from infra.relay.claims import Claims
from infra.relay.line import ScriptLine, open_line
from infra.relay.load import LoadBoard
from infra.relay.log import LogReader
from infra.relay.redis import Connections, open_redis, ping
from infra.relay.writer import RelayWriter
from infra.settings import Settings
from infra.telemetry.logs import open_logs
from infra.telemetry.metrics import open_registry
from infra.telemetry.readiness import Check
from infra.telemetry.spans import Tracing
from infra.telemetry.tracing import open_tracing
from infra.telemetry.worker_metrics import WorkerMetrics


@dataclass(frozen=True)
class Tools:
    """Everything that is open for as long as a worker runs."""

    settings: Settings
    name: str
    """Who claims: host, process, and what tells it from a former process of that number."""
    redis: Connections
    line: ScriptLine
    producer: Producer
    cancels: Cancels
    board: LoadBoard
    claims: Claims
    writer: RelayWriter
    logs: LogReader
    database: Database
    objects: ObjectStore
    metrics: WorkerMetrics
    registry: CollectorRegistry
    tracing: Tracing
    failpoints: Failpoints
    checks: tuple[Check, ...]


@asynccontextmanager
async def open_tools(settings: Settings, service: str) -> AsyncIterator[Tools]:
    """Open what a worker needs; what was opened last is closed first."""
    open_logs(settings.telemetry, service)
    registry = open_registry(service, version("jan-server"))
    metrics = WorkerMetrics(registry)
    name = f"{settings.worker.name}/{os.getpid()}/{new_ulid()[-6:]}"
    async with (
        open_tracing(settings.telemetry, service) as tracing,
        open_redis(settings.redis) as redis,
        open_line(settings.redis) as line,
        open_database(settings.database) as database,
        open_objects(settings.objects) as objects,
        open_producer(settings.kafka) as producer,
        _open_claims(line, name, settings) as claims,
    ):
        yield Tools(
            settings=settings,
            name=name,
            redis=redis,
            line=line,
            producer=producer,
            cancels=Cancels(redis),
            board=LoadBoard(redis),
            claims=claims,
            writer=RelayWriter(line, settings.relay, metrics, name, lease=settings.worker.lease),
            logs=LogReader(redis),
            database=database,
            objects=objects,
            metrics=metrics,
            registry=registry,
            tracing=tracing,
            failpoints=planned(settings.failpoints),
            checks=(
                Check("kafka", needed=True, ask=producer.ping),
                Check("redis", needed=True, ask=lambda: ping(redis)),
                Check("database", needed=False, ask=database.ping),
                Check("objects", needed=False, ask=objects.ping),
            ),
        )


@asynccontextmanager
async def _open_claims(line: ScriptLine, worker: str, settings: Settings) -> AsyncIterator[Claims]:
    """Claims whose leases are renewed for as long as they are open."""
    claims = Claims(line, worker, retention=settings.relay.retention, lease=settings.worker.lease)
    keeping = asyncio.create_task(claims.keep())
    try:
        yield claims
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
