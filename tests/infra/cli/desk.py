"""An operator's terminal with the servers behind it: what `jan dlq` says, and what lies in the topics."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from typer.testing import CliRunner, Result

from contracts.envelope import Lane
from contracts.errors import ErrorDetail
from contracts.events import EVENT, Event
from contracts.topics import COMPLETION, EVENTS, dead_topic
from infra.bus.broker import open_broker
from infra.bus.consumption import ConsumptionLimits
from infra.bus.dead import Wanted, read_letters
from infra.bus.errors import Poison
from infra.bus.parallel import parallel_subscriber
from infra.bus.producer import open_producer
from infra.bus.record import Record
from infra.bus.tail import read_topic
from infra.cli.main import app
from infra.settings import KafkaSettings
from infra.telemetry.worker_metrics import WorkerMetrics
from tests.conftest import run
from tests.infra.bus.letters import HEADERS
from workers.runtime.dead import DeadLetters

ORIGIN = COMPLETION[Lane.BATCH]
DEAD = dead_topic(ORIGIN)
LIMIT = 30.0
Fields = dict[str, Any]
"""An object of JSON."""


class Silent:
    """Mourns nobody."""

    async def on_dead(self, record: Record, error: ErrorDetail) -> None:
        """Nobody waits."""


@dataclass
class Desk:
    """An operator's terminal, and the servers behind it."""

    kafka: KafkaSettings
    group: str

    def jan(self, *words: str) -> Result:
        """Call `jan dlq`."""
        return CliRunner().invoke(app, ["dlq", *words])

    def told(self, *words: str, code: int = 0) -> Fields:
        """What it prints as JSON."""
        result = self.jan(*words, "--json")
        assert result.exit_code == code, result.output
        found: Fields = json.loads(result.stdout)
        return found

    def letters(self, *words: str) -> list[Fields]:
        """What is listed."""
        found: list[Fields] = self.told("list", *words)["letters"]
        return found

    def produce(self, job_id: str, value: bytes) -> None:
        """Write a record of the job topic."""

        async def send() -> None:
            async with open_producer(self.kafka) as producer:
                await producer.send(ORIGIN, job_id.encode(), value, {"traceparent": HEADERS["traceparent"]})

        run(send())

    def bury(self, job_id: str, value: bytes, **headers: str) -> None:
        """Write a dead letter."""

        async def send() -> None:
            async with open_producer(self.kafka) as producer:
                told = HEADERS | {name.replace("_", "-"): text for name, text in headers.items()}
                await producer.send(DEAD, job_id.encode(), value, told)

        run(send())

    def work(self, job_id: str, deaths: int) -> None:
        """Run a worker that finds the job's record poisonous, until it has died so often."""
        run(self._work(job_id, deaths))

    def records(self, job_id: str) -> list[Record]:
        """What was written to the job topic for this job."""

        async def read() -> list[Record]:
            return [
                record async for record in read_topic(self.kafka, ORIGIN) if record.key == job_id.encode()
            ]

        return run(read())

    def events(self, job_id: str) -> list[Event]:
        """The job's events."""

        async def read() -> list[Event]:
            records = read_topic(self.kafka, EVENTS)
            return [EVENT.validate_json(one.value) async for one in records if one.key == job_id.encode()]

        return run(read())

    async def _work(self, job_id: str, deaths: int) -> None:
        async def on_record(record: Record) -> None:
            if record.key == job_id.encode():
                raise Poison("no worker likes it")

        broker = open_broker(self.kafka)
        async with asyncio.timeout(LIMIT), open_producer(self.kafka) as producer:
            letters = DeadLetters([ORIGIN], producer, Silent(), "w1", WorkerMetrics(CollectorRegistry()))
            limits = ConsumptionLimits(commit_every=0.1)
            subscriber = parallel_subscriber(
                broker,
                ORIGIN,
                settings=self.kafka,
                group_id=self.group,
                on_dead=letters.bury,
                limits=limits,
            )
            subscriber(on_record)
            await broker.start()
            try:
                while await self._deaths(job_id) < deaths:
                    await asyncio.sleep(0.05)
            finally:
                await broker.stop()

    async def _deaths(self, job_id: str) -> int:
        return len([letter async for letter in read_letters(self.kafka, Wanted(DEAD.name, job_id=job_id))])
