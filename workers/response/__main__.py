"""Lets responses go on until told to stop. Run it as `python -m workers.response`."""

from pydantic import TypeAdapter

from contracts.jobs import ResponseEnvelope
from contracts.topics import RESPONSE, worker_group
from infra.bus.attempts import AttemptLimits
from infra.bus.broker import open_broker
from infra.bus.consumption import ConsumptionLimits
from infra.bus.parallel import parallel_subscriber
from infra.process import run_process
from infra.relay.placed import PlacedLogs
from infra.settings import Settings, read_settings
from workers.response.due import DueResponses, looked_at
from workers.response.handler import ResponseMeans, ResponseWork
from workers.response.keeping import Afterwards
from workers.response.relaying import Relaying
from workers.response.sending import Sending
from workers.runtime.dead import DeadLetters
from workers.runtime.load import LaneCounts, reported
from workers.runtime.reading import Reading
from workers.runtime.room import run_room
from workers.runtime.tools import Tools, open_tools

SERVICE = "worker-response"


async def work(settings: Settings) -> None:
    """Until SIGTERM; steps that are being taken end."""
    async with open_tools(settings, SERVICE) as tools:
        room = _room(tools)
        async with looked_at(DueResponses(tools.database, room.step)):
            await _consume(tools, room)


def _room(tools: Tools) -> ResponseWork:
    relaying = Relaying(tools.redis, tools.settings.relay.retention)
    logs = PlacedLogs(tools.line, tools.settings.relay.retention)
    means = ResponseMeans(
        worker=tools.name,
        database=tools.database,
        looks=relaying,
        sending=Sending(tools.database, tools.producer, logs, relaying, tools.failpoints),
        afterwards=Afterwards(tools.database, tools.producer),
        metrics=tools.metrics,
        failpoints=tools.failpoints,
    )
    return ResponseWork(Reading(TypeAdapter(ResponseEnvelope), tools.settings.worker), means)


async def _consume(tools: Tools, room: ResponseWork) -> None:
    worker = tools.settings.worker
    broker = open_broker(tools.settings.kafka)
    dead = DeadLetters([RESPONSE], tools.producer, room, tools.name, tools.metrics)
    counts = LaneCounts()
    subscriber = parallel_subscriber(
        broker,
        RESPONSE,
        settings=tools.settings.kafka,
        group_id=worker_group(RESPONSE),
        on_dead=dead.bury,
        limits=ConsumptionLimits(
            max_jobs=worker.max_jobs,
            drain_timeout=worker.drain_timeout,
            attempts=AttemptLimits(max_attempts=worker.max_attempts),
        ),
        observer=tools.metrics.consumer,
    )
    subscriber(counts.counted(RESPONSE.name, worker.max_jobs, room.on_record))
    async with reported(tools.board, tools.name, counts):
        await run_room(broker, [subscriber], worker, tools.registry, tools.checks)


if __name__ == "__main__":
    run_process(work(read_settings("workers.response")))
