"""How busy each lane is, as workers tell it and one edge sums it up for all.

    worker ─ tell, every second ─▶ what runs here, how fast       ┐
                                                                  ├─▶ the one edge that leads ─ publish ─▶ all
    Kafka  ─ backlog ──────────────────────────────────────────── ┘

Lanes are named by their topic. A picture's age is what its life in Redis has run down, so that no two
machines need the same clock.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.base import Message
from contracts.envelope import Lane
from infra.relay.redis import RelayDown

REPORT_SECONDS = 5
"""Life of a worker's report: one that tells nothing for so long is taken for dead."""
PICTURE_SECONDS = 10.0
"""Life of a picture: an older one says nothing about now."""
LEAD_SECONDS = 4.0
"""An edge that leads and dies is followed by another after so long."""
WORKERS = "workers"
"""The set of workers that told of themselves lately; its life is longer than a report's."""
WORKERS_SECONDS = 60
PICTURE = "lanes:picture"
LEADER = "lanes:leader"
RESIGN = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

MessageT = TypeVar("MessageT", bound=Message)

log = logging.getLogger(__name__)


class LaneReport(Message):
    """What one worker does for a lane, or all of them together."""

    running: int = 0
    places: int = 0
    """Jobs that can run at once."""
    rate: float = 0.0
    """Jobs that begin in a second, or would if every place was taken; 0 when nothing is known."""


class WorkerReport(Message):
    """One worker process, by lane."""

    worker: str
    lanes: dict[str, LaneReport]


class LanePicture(LaneReport):
    """A lane at one moment."""

    backlog: int
    """Jobs that are not finished, the running ones too."""


class Picture(Message):
    """All lanes at one moment, and which workers live."""

    lanes: dict[str, LanePicture]
    workers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LaneLoad:
    """How busy a lane is."""

    lane: Lane
    waiting: int
    """Jobs that no worker has begun."""
    running: int
    free: int
    """Places that no job has taken."""
    rate: float
    """Jobs that begin in a second, or would if every place was taken."""
    expected_wait: float | None
    """Seconds until a job accepted now begins; None when no worker lives, or none has begun a job yet."""
    measured_at: float
    """Unix time in seconds."""


def picture_of(backlogs: Mapping[str, int], reports: Iterable[WorkerReport]) -> Picture:
    """What Kafka and the workers tell, as one."""
    told = list(reports)
    lanes = {}
    for topic, backlog in backlogs.items():
        mine = [report.lanes[topic] for report in told if topic in report.lanes]
        lanes[topic] = LanePicture(
            backlog=backlog,
            running=sum(one.running for one in mine),
            places=sum(one.places for one in mine),
            rate=sum(one.rate for one in mine),
        )
    return Picture(lanes=lanes, workers=tuple(sorted(report.worker for report in told)))


def load_of(lane: Lane, picture: LanePicture, measured_at: float) -> LaneLoad:
    """A lane's load. What fits into free places does not wait."""
    waiting = max(0, picture.backlog - picture.running)
    free = max(0, picture.places - picture.running)
    wait: float | None = None
    if picture.places and waiting <= free:
        wait = 0.0
    elif picture.places and picture.rate > 0:
        wait = (waiting - free) / picture.rate
    return LaneLoad(lane, waiting, picture.running, free, picture.rate, wait, measured_at)


class LoadBoard:
    """Where workers and edges tell each other. Every call raises RelayDown when Redis does not answer."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def tell(self, report: WorkerReport) -> None:
        """A worker's report, good for REPORT_SECONDS."""
        with _translated():
            async with self._client.pipeline(transaction=False) as pipeline:
                pipeline.set(_report_key(report.worker), report.model_dump_json(), ex=REPORT_SECONDS)
                pipeline.sadd(WORKERS, report.worker)
                pipeline.expire(WORKERS, WORKERS_SECONDS)
                await pipeline.execute()

    async def leave(self, worker: str) -> None:
        """A worker ends: its places are gone at once."""
        with _translated():
            async with self._client.pipeline(transaction=False) as pipeline:
                pipeline.delete(_report_key(worker))
                pipeline.srem(WORKERS, worker)
                await pipeline.execute()

    async def reports(self) -> list[WorkerReport]:
        """Of the workers that live; names without a report are taken off the list."""
        with _translated():
            names = sorted(_text(name) for name in await self._client.smembers(WORKERS))
            if not names:
                return []
            texts = await self._client.mget([_report_key(name) for name in names])
            gone = [name for name, text in zip(names, texts, strict=True) if text is None]
            if gone:
                await self._client.srem(WORKERS, *gone)
        found = [_read(WorkerReport, text) for text in texts if text is not None]
        return [report for report in found if report is not None]

    async def lead(self, edge_id: str) -> bool:
        """Whether this edge is the one that reads Kafka, for the next LEAD_SECONDS."""
        life = int(LEAD_SECONDS * 1000)
        with _translated():
            holder = await self._client.set(LEADER, edge_id, nx=True, get=True, px=life)
            if holder is None:
                return True
            if _text(holder) != edge_id:
                return False
            return bool(await self._client.pexpire(LEADER, life))

    async def resign(self, edge_id: str) -> None:
        """Let another edge lead at once, if this one does."""
        with _translated():
            await self._client.eval(RESIGN, 1, LEADER, edge_id)

    async def publish(self, picture: Picture, age: float) -> None:
        """A picture that was taken `age` seconds ago, for every edge; one that is too old is not."""
        life = int((PICTURE_SECONDS - age) * 1000)
        if life <= 0:
            return
        with _translated():
            await self._client.set(PICTURE, picture.model_dump_json(), px=life)

    async def picture(self) -> tuple[Picture, float] | None:
        """The last picture and its age in seconds, while it says anything."""
        with _translated():
            async with self._client.pipeline(transaction=False) as pipeline:
                pipeline.get(PICTURE)
                pipeline.pttl(PICTURE)
                text, left = await pipeline.execute()
        picture = _read(Picture, text) if text is not None else None
        return None if picture is None else (picture, PICTURE_SECONDS - max(0, left) / 1000)


def _report_key(worker: str) -> str:
    return f"worker:{worker}"


def _text(answer: object) -> str:
    """The client is typed for either form; it is opened for bytes."""
    return answer.decode() if isinstance(answer, bytes) else str(answer)


def _read(message: type[MessageT], text: bytes | str) -> MessageT | None:
    """What another process wrote; None when this version cannot read it."""
    try:
        return message.model_validate_json(text)
    except ValidationError as error:
        log.warning("load_unreadable", extra={"what": message.__name__, "error": str(error)})
        return None


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise RelayDown(str(error)) from error
