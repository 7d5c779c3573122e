"""Jobs written straight into their topic, with keys of a chosen partition, and how they end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from contracts.envelope import Caller, Lane
from contracts.frames import is_terminal
from contracts.ids import new_ulid
from contracts.jobs import CompletionEnvelope, CompletionJob
from contracts.topics import COMPLETION
from infra.bus.partitioner import partition_of
from infra.bus.producer import Producer
from infra.bus.tail import open_reader
from infra.relay.log import LogReader
from infra.settings import KafkaSettings
from tests.acceptance.asking import HELLO, STREAM

TOPIC = COMPLETION[Lane.DEFAULT]
PARTITION = 1
"""Where the jobs of `job_ids` go; there are always more than one."""


async def job_ids(kafka: KafkaSettings, count: int) -> list[str]:
    """Ids whose records go to one partition."""
    async with open_reader(kafka, TOPIC.name) as reader:
        partitions = sorted(reader.partitions_for_topic(TOPIC.name) or ())
    return list(islice(_ids(partitions), count))


async def produce(producer: Producer, job_id: str, *, stream: bool = False) -> None:
    """Write a job that nobody waits for; the broker has it when this returns."""
    now = datetime.now(UTC)
    envelope = CompletionEnvelope(
        job_id=job_id,
        kind="completion",
        tenant="test",
        caller=Caller(user_id="test", tenant="test"),
        lane=Lane.DEFAULT,
        asked_at=now,
        deadline=now + timedelta(minutes=2),
        job=CompletionJob(model="scripted", stream=stream, body=STREAM if stream else HELLO),
    )
    await producer.send(TOPIC, job_id.encode(), envelope.model_dump_json().encode(), {})


async def are_over(logs: LogReader, ids: list[str]) -> bool:
    """Whether the log of each job ends with a terminal frame."""
    lengths = await logs.lengths(ids)
    if not all(lengths):
        return False
    lasts = [await logs.read(job_id, length - 1) for job_id, length in zip(ids, lengths, strict=True)]
    return all(is_terminal(frames[-1]) for frames in lasts)


def _ids(partitions: list[int]) -> Iterator[str]:
    while True:
        job_id = new_ulid()
        if partition_of(job_id.encode(), partitions, partitions) == PARTITION:
            yield job_id
