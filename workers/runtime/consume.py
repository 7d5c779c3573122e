"""Consumes job topics until told to stop: a subscriber for each, so that no lane waits for another."""

from collections.abc import Sequence
from typing import Generic

from pydantic import TypeAdapter

from contracts.envelope import Envelope, JobT
from contracts.topics import Topic, worker_group
from infra.bus.attempts import AttemptLimits
from infra.bus.broker import open_broker
from infra.bus.consumption import ConsumptionLimits
from infra.bus.parallel import ParallelSubscriber, parallel_subscriber
from workers.runtime.attempt import Work
from workers.runtime.dead import DeadLetters
from workers.runtime.load import LaneCounts, reported
from workers.runtime.means import Means
from workers.runtime.memory import LedgerMemory
from workers.runtime.postpone import Postponer
from workers.runtime.reading import Reading
from workers.runtime.results import KeptResults
from workers.runtime.room import run_room
from workers.runtime.runner import JobRunner
from workers.runtime.tools import Tools


class Consumer(Generic[JobT]):
    """The subscribers of one kind of job."""

    def __init__(self, tools: Tools, work: Work[JobT], payload: TypeAdapter[Envelope[JobT]]) -> None:
        self._tools = tools
        self._broker = open_broker(tools.settings.kafka)
        self._runner = JobRunner(work, Reading(payload, tools.settings.worker), _means(tools))
        self._counts = LaneCounts()
        self._subscribers: list[ParallelSubscriber] = []

    def subscribe(self, topics: Sequence[Topic]) -> None:
        """Take jobs from these topics, each by a subscriber and a group of its own."""
        tools = self._tools
        dead = DeadLetters(topics, tools.producer, self._runner, tools.name, tools.metrics)
        for topic in topics:
            subscriber = parallel_subscriber(
                self._broker,
                topic,
                settings=tools.settings.kafka,
                group_id=worker_group(topic),
                on_dead=dead.bury,
                limits=self._limits(),
                observer=tools.metrics.consumer,
            )
            places = tools.settings.worker.max_jobs
            subscriber(self._counts.counted(topic.name, places, self._runner.on_record))
            self._subscribers.append(subscriber)

    async def run(self) -> None:
        """Until SIGTERM or SIGINT, then drain. Raises BusError when a subscriber breaks."""
        tools, running = self._tools, self._runner.running
        async with (
            tools.cancels.heard(running.job_ids, running.stop),
            reported(tools.board, tools.name, self._counts),
        ):
            await run_room(
                self._broker, self._subscribers, tools.settings.worker, tools.registry, tools.checks
            )

    def _limits(self) -> ConsumptionLimits:
        worker = self._tools.settings.worker
        return ConsumptionLimits(
            max_jobs=worker.max_jobs,
            drain_timeout=worker.drain_timeout,
            attempts=AttemptLimits(max_attempts=worker.max_attempts),
        )


def _means(tools: Tools) -> Means:
    worker = tools.settings.worker
    return Means(
        worker=tools.name,
        settings=worker,
        claims=tools.claims,
        memory=LedgerMemory(tools.database),
        logs=tools.writer,
        shown=tools.logs,
        results=KeptResults(tools.database, tools.logs, worker),
        postponer=Postponer(tools.producer, worker.retry_delays),
        producer=tools.producer,
        metrics=tools.metrics,
        tracing=tools.tracing,
        failpoints=tools.failpoints,
    )
