"""Consumes a topic whose records are words about rows: what is to be done, the database tells.

Such a record is no job of its own. It needs no claim, no log and no facts; who takes it looks at its row.
"""

from typing import Protocol

from contracts.errors import ErrorDetail
from contracts.topics import Topic, worker_group
from infra.bus.attempts import AttemptLimits
from infra.bus.broker import open_broker
from infra.bus.consumption import ConsumptionLimits
from infra.bus.parallel import parallel_subscriber
from infra.bus.record import Record
from workers.runtime.dead import DeadLetters
from workers.runtime.load import LaneCounts, reported
from workers.runtime.room import run_room
from workers.runtime.tools import Tools


class WordTaker(Protocol):
    """Who takes them."""

    async def on_record(self, record: Record) -> None:
        """Take one word. Raises Poison for what is none."""

    async def on_dead(self, record: Record, error: ErrorDetail) -> None:
        """No attempt could take a word."""


async def consume_words(tools: Tools, topic: Topic, taker: WordTaker) -> None:
    """Until SIGTERM or SIGINT, then drain. Raises BusError when the subscriber breaks."""
    worker = tools.settings.worker
    broker = open_broker(tools.settings.kafka)
    counts = LaneCounts()
    subscriber = parallel_subscriber(
        broker,
        topic,
        settings=tools.settings.kafka,
        group_id=worker_group(topic),
        on_dead=DeadLetters([topic], tools.producer, taker, tools.name, tools.metrics).bury,
        limits=ConsumptionLimits(
            max_jobs=worker.max_jobs,
            drain_timeout=worker.drain_timeout,
            attempts=AttemptLimits(max_attempts=worker.max_attempts),
        ),
        observer=tools.metrics.consumer,
    )
    subscriber(counts.counted(topic.name, worker.max_jobs, taker.on_record))
    async with reported(tools.board, tools.name, counts):
        await run_room(broker, [subscriber], worker, tools.registry, tools.checks)
