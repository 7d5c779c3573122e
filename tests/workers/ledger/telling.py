"""Events as edges and workers tell them, and who counts what became of them."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from contracts.envelope import Lane
from contracts.events import Accepted, Claimed, Event, Finished, FirstFrame, Usage
from contracts.topics import EVENTS, Topic
from infra.bus.batches import Batch
from infra.bus.producer import Producer
from infra.bus.record import Record

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Counts:
    """Counts what the ledger tells."""

    def __init__(self) -> None:
        self.events = self.bad = self.lost = 0

    def folded(self, events: int, _seconds: float) -> None:
        self.events += events

    def unreadable(self) -> None:
        self.bad += 1

    def refused(self) -> None:
        self.lost += 1


class Broker:
    """Knows where its one partition ends, and counts who asks."""

    def __init__(self, end: int = 1_000_000) -> None:
        self.end = end
        self.asked = 0

    async def ends(self, partitions: Collection[int]) -> dict[int, int]:
        self.asked += 1
        return dict.fromkeys(partitions, self.end)


def whole_story(job_id: str) -> list[Event]:
    """All events of a job that ends well."""
    return [
        Accepted(job_id=job_id, tenant="t1", at=NOON, kind="completion", lane=Lane.DEFAULT, user_id="u1"),
        claimed(job_id),
        FirstFrame(job_id=job_id, tenant="t1", at=NOON, attempt=1),
        finished(job_id, usage=Usage(input_tokens=2, output_tokens=3)),
    ]


def claimed(job_id: str, attempt: int = 1, worker: str = "w1") -> Claimed:
    return Claimed(job_id=job_id, tenant="t1", at=NOON, attempt=attempt, worker=worker, asked_at=NOON)


def finished(job_id: str, **about: object) -> Finished:
    return Finished.model_validate({"job_id": job_id, "tenant": "t1", "at": NOON, "attempt": 1, **about})


def batch_of(events: Sequence[Event | bytes], first: int = 0) -> Batch:
    values = [one if isinstance(one, bytes) else one.model_dump_json().encode() for one in events]
    return Batch(0, [Record(EVENTS.name, 0, first + at, b"k", value) for at, value in enumerate(values)])


async def post(producer: Producer, topic: Topic, events: Iterable[Event]) -> None:
    """Write events to a topic, by their jobs."""
    for event in events:
        producer.post(topic, event.job_id.encode(), event.model_dump_json().encode(), {})
    await producer.flush()
