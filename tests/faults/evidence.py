"""Looks, when a run is over, at what the topics, the ledger and the machine hold of it."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence

import psutil
from sqlmodel import select

from contracts.events import EVENT, Cancelled, Failed, Finished, Usage
from contracts.jobs import CompletionEnvelope
from contracts.topics import COMPLETION, EVENTS, RETRIES, Topic, dead_topic, worker_group
from infra.bus.errors import BusError
from infra.bus.lag import LagReader, open_lag
from infra.bus.tail import read_topic
from infra.database import open_database
from infra.settings import DatabaseSettings, KafkaSettings
from infra.store.jobs import JobRow
from tests.faults.checker import End, JobRecord
from tests.faults.counting import word_of
from tests.faults.seat import Seat

QUIET_LIMIT = 150.0
"""Seconds within which all work is done when nothing breaks any more."""
LOOK = 0.5
GROWTH_MB, GROWTH = 80.0, 1.5
"""What a process may have at the end: this factor of what it had when it was warm, and so much beyond."""
KEPT = (*COMPLETION.values(), EVENTS, *RETRIES.values())


async def quiet(kafka: KafkaSettings, database: DatabaseSettings) -> Mapping[str, int]:
    """The backlog of every group, as soon as it is nothing, or when the limit has passed.

    Without commit metadata there is no telling; then every job has its end in the ledger, and nothing is
    returned.
    """
    if kafka.flavor != "kafka":
        async with asyncio.timeout(QUIET_LIMIT):
            while not await _are_over(kafka, database):
                await asyncio.sleep(LOOK)
        return {}
    groups = {worker_group(topic): [topic] for topic in KEPT}
    until = time.monotonic() + QUIET_LIMIT
    backlog: dict[str, int] = {}
    async with open_lag(kafka) as lag:
        while time.monotonic() < until:
            backlog = await _backlog(lag, groups) or backlog
            if backlog and not any(backlog.values()):
                break
            await asyncio.sleep(LOOK)
    return backlog


async def jobs_in(kafka: KafkaSettings) -> list[JobRecord]:
    """Every record of a job topic."""
    found = []
    for topic in COMPLETION.values():
        async for record in read_topic(kafka, topic):
            envelope = CompletionEnvelope.model_validate_json(record.value or b"")
            found.append(JobRecord(envelope.job_id, word_of(envelope.job.body or {})))
    return found


async def ends_in(kafka: KafkaSettings) -> list[End]:
    """Every terminal event."""
    found = []
    async for record in read_topic(kafka, EVENTS):
        match EVENT.validate_json(record.value or b""):
            case Finished() as end:
                found.append(_end(end.job_id, "finished", end.attempt, None, end.usage))
            case Failed() as end:
                found.append(_end(end.job_id, "failed", end.attempt, end.error.code, end.usage))
            case Cancelled() as end:
                found.append(_end(end.job_id, "cancelled", end.attempt, None, end.usage))
            case _:
                pass
    return found


async def dead_letters_in(kafka: KafkaSettings) -> int:
    """How many records were given up."""
    topics = [dead_topic(topic) for topic in KEPT if topic.dead_letter]
    return sum([1 for topic in topics async for _ in read_topic(kafka, topic)])


async def rows_in(settings: DatabaseSettings) -> list[End]:
    """What the ledger says of each job."""
    async with open_database(settings) as database, database.begin() as session:
        rows = (await session.exec(select(JobRow))).all()
        return [
            End(
                row.job_id,
                row.state,
                row.attempts,
                None if row.error is None or row.state == "cancelled" else row.error["code"],
                None if row.input_tokens is None else (row.input_tokens, row.output_tokens or 0),
                bool(row.usage_estimated),
            )
            for row in rows
        ]


def memory_of(seats: Sequence[Seat]) -> dict[str, float]:
    """MB of each process."""
    return {seat.name: seat.megabytes() for seat in seats}


def bounds_of(warm: Mapping[str, float]) -> dict[str, float]:
    """MB that each may have in the end."""
    return {name: GROWTH * has + GROWTH_MB for name, has in warm.items()}


def processes() -> set[psutil.Process]:
    """What runs below this process."""
    return set(psutil.Process().children(recursive=True))


def processes_left(before: Collection[psutil.Process]) -> list[str]:
    """What runs below this process, and neither ran before nor belongs to one that did.

    A session of tests has servers of its own, and its PostgreSQL has a process for each connection.
    """
    found = {child: _line_of(child) for child in processes() - set(before) if not _belongs_to(child, before)}
    return [line for line in found.values() if line]


def _belongs_to(child: psutil.Process, before: Collection[psutil.Process]) -> bool:
    """Whether one of these started it, itself or through others."""
    try:
        return not set(before).isdisjoint(child.parents())
    except psutil.NoSuchProcess:
        return False


def _line_of(child: psutil.Process) -> str | None:
    """How it was started; nothing of one that has ended."""
    try:
        ended = child.status() == psutil.STATUS_ZOMBIE
        return None if ended else " ".join(child.cmdline())[:100]
    except psutil.NoSuchProcess:
        return None


def _end(job_id: str, kind: str, attempt: int, code: str | None, usage: Usage | None) -> End:
    tokens = None if usage is None else (usage.input_tokens, usage.output_tokens)
    return End(job_id, kind, attempt, code, tokens, usage is not None and usage.estimated)


async def _are_over(kafka: KafkaSettings, database: DatabaseSettings) -> bool:
    over = {row.job_id for row in await rows_in(database) if row.kind in {"finished", "failed", "cancelled"}}
    return {job.job_id for job in await jobs_in(kafka)} <= over


async def _backlog(lag: LagReader, groups: Mapping[str, Sequence[Topic]]) -> dict[str, int]:
    """By topic; nothing where it cannot be read now."""
    try:
        found = await lag.backlogs(groups)
    except BusError:
        return {}
    return {topic: count for topics in found.values() for topic, count in topics.items()}
