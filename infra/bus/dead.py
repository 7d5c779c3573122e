"""Reading dead letters from the side: those that are meant, without anyone else noticing."""

import heapq
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.topics import Topic, catalogue, dead_topic
from infra.bus.letter import DeadLetter, Place, letter_of
from infra.bus.tail import From, Start, read_topic
from infra.settings import KafkaSettings

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Letters = AsyncGenerator[DeadLetter, None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: those for which everything that is given holds."""

    topic: str | None = None
    """The dead letters' topic, or the one that they come from."""
    reason: str | None = None
    job_id: str | None = None
    tenant: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None
    """A part of the error, in any case."""

    @property
    def is_everything(self) -> bool:
        """Whether every letter is meant."""
        return self == Wanted()

    def topics(self) -> list[Topic]:
        """The topics to look into; none when no topic of that name has dead letters."""
        return [topic for topic in dead_topics() if self.topic in (None, topic.name, origin_of(topic).name)]

    def fits(self, letter: DeadLetter) -> bool:
        """Whether a letter of these topics is meant."""
        return (
            self.reason in (None, letter.reason)
            and self.job_id in (None, letter.job_id)
            and self.tenant in (None, letter.tenant)
            and (self.since is None or letter.at >= self.since)
            and (self.until is None or letter.at < self.until)
            and (self.text is None or self.text.casefold() in letter.error.casefold())
        )


def dead_topics() -> list[Topic]:
    """Every topic of dead letters."""
    return [dead_topic(topic) for topic in catalogue() if topic.dead_letter]


def origin_of(dead: Topic) -> Topic:
    """The topic whose dead letters a topic takes."""
    return next(topic for topic in catalogue() if topic.dead_letter == dead.name)


async def read_letters(settings: KafkaSettings, wanted: Wanted) -> Letters:
    """The letters that are meant, in order within each topic. Raises BusError."""
    for topic in wanted.topics():
        async with aclosing(read_topic(settings, topic, start=_start(settings, wanted))) as records:
            async for record in records:
                letter = letter_of(record)
                if wanted.fits(letter):
                    yield letter


async def newest_letters(settings: KafkaSettings, wanted: Wanted, most: int) -> list[DeadLetter]:
    """The youngest letters that are meant, oldest first. Raises BusError."""
    kept: list[tuple[datetime, Place, DeadLetter]] = []
    async with aclosing(read_letters(settings, wanted)) as letters:
        async for letter in letters:
            heapq.heappush(kept, (letter.at, letter.place, letter))
            if len(kept) > most:
                heapq.heappop(kept)
    return [letter for _, _, letter in sorted(kept)]


async def letter_at(settings: KafkaSettings, place: Place) -> DeadLetter | None:
    """The letter at a place; None when there is none. Raises BusError."""
    if place.topic not in {topic.name for topic in dead_topics()}:
        return None
    start = {place.partition: place.offset}
    async with aclosing(read_topic(settings, place.topic, start=start)) as records:
        async for record in records:
            if (record.partition, record.offset) == (place.partition, place.offset):
                return letter_of(record)
    return None


def _start(settings: KafkaSettings, wanted: Wanted) -> From:
    """The fallback broker knows no moments, and to Kafka those before 1970 mean something else."""
    if wanted.since is None or wanted.since <= EPOCH or settings.flavor != "kafka":
        return Start.BEGINNING
    return wanted.since
