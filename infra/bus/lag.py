"""How much work waits, also when no worker runs.

Kafka's own lag (end less committed) counts everything that finished behind one slow job as waiting. The true
backlog subtracts what the commit's metadata tells as done. Workers scale by it, from zero too, and edges
refuse by it, so it is read every second: which partitions there are, where they begin and who coordinates a
group is kept between readings. One reading of four lanes with 48 partitions is one question for the ends and
one for each group: 3 ms of a core.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, NotCoordinatorForGroupError
from aiokafka.structs import OffsetAndMetadata

from contracts.topics import Topic
from infra.bus.client import METADATA_MAX_AGE_MS, patiently
from infra.bus.errors import translated
from infra.bus.offsets import decode_done
from infra.bus.tail import open_reader
from infra.bus.topics import open_admin
from infra.settings import KafkaSettings

Offsets = Mapping[TopicPartition, int]


@dataclass(slots=True)
class Known:
    """What changes seldom, since one moment: forgotten when it may be old, or when a question failed."""

    topics: frozenset[str] = frozenset()
    since: float = 0.0
    """Loop time."""
    beginnings: Offsets = field(default_factory=dict)
    """Of each partition; retention moves them, which only matters to groups that stand behind them."""
    coordinators: dict[str, int] = field(default_factory=dict)
    """The broker that keeps a group's offsets."""


class LagReader:
    """Reads the backlog of consumer groups. Opened by `open_lag`."""

    def __init__(self, settings: KafkaSettings, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer) -> None:
        self._limit = settings.request_timeout_ms / 1000
        self._admin = admin
        self._reader = reader
        self._known = Known()

    async def backlog(self, group_id: str, topics: Sequence[Topic]) -> dict[str, int]:
        """Unfinished records of each topic, for this group; gaps in the log count as records."""
        return (await self.backlogs({group_id: topics}))[group_id]

    async def backlogs(self, groups: Mapping[str, Sequence[Topic]]) -> dict[str, dict[str, int]]:
        """The same for many groups, at one moment: by group, then by topic. Raises BusError."""
        with translated(f"reading the backlog of {', '.join(groups)}"):
            async with asyncio.timeout(self._limit):
                return await patiently(lambda: self._backlogs(groups))

    async def _backlogs(self, groups: Mapping[str, Sequence[Topic]]) -> dict[str, dict[str, int]]:
        try:
            await self._know(frozenset(topic.name for topics in groups.values() for topic in topics))
            ends = await self._ends()
            counts = await asyncio.gather(
                *(self._unfinished(group_id, topics, ends) for group_id, topics in groups.items())
            )
        except KafkaError:
            self._known = Known()
            raise
        return dict(zip(groups, counts, strict=True))

    async def _know(self, topics: frozenset[str]) -> None:
        now = asyncio.get_running_loop().time()
        known = self._known
        if topics <= known.topics and now - known.since < METADATA_MAX_AGE_MS / 1000:
            return
        wanted = topics | known.topics
        described = await self._admin.describe_topics()  # all: asking for one by name may create it
        partitions = [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            if topic["topic"] in wanted
            for partition in topic["partitions"]
        ]
        beginnings = await self._reader.beginning_offsets(partitions) if partitions else {}
        self._known = Known(wanted, now, beginnings, known.coordinators)

    async def _ends(self) -> Offsets:
        partitions = list(self._known.beginnings)
        ends: Offsets = await self._reader.end_offsets(partitions) if partitions else {}
        return ends

    async def _unfinished(self, group_id: str, topics: Sequence[Topic], ends: Offsets) -> dict[str, int]:
        backlog = {topic.name: 0 for topic in topics}
        partitions = [tp for tp in ends if tp.topic in backlog]
        if not partitions:
            return backlog
        coordinator = await self._coordinator(group_id)
        committed = await self._admin.list_consumer_group_offsets(group_id, coordinator, partitions)
        for tp in partitions:
            if tp not in committed:  # the driver passes over the error of a whole answer, which is then empty
                raise NotCoordinatorForGroupError(group_id)
            backlog[tp.topic] += _unfinished(committed[tp], self._known.beginnings[tp], ends[tp])
        return backlog

    async def _coordinator(self, group_id: str) -> int:
        found = self._known.coordinators.get(group_id)
        if found is None:
            found = self._known.coordinators[group_id] = await self._admin.find_coordinator(group_id)
        return found


@asynccontextmanager
async def open_lag(settings: KafkaSettings) -> AsyncIterator[LagReader]:
    """A reader of backlogs, connected. Raises BusError."""
    async with AsyncExitStack() as opened:
        with translated("connecting a reader of backlogs"):
            admin = await opened.enter_async_context(open_admin(settings))
            reader = await opened.enter_async_context(open_reader(settings))
        yield LagReader(settings, admin, reader)


def _unfinished(committed: OffsetAndMetadata, beginning: int, end: int) -> int:
    if committed.offset < 0:
        return max(end - beginning, 0)
    base: int = max(committed.offset, beginning)
    done = decode_done(committed.offset, committed.metadata or "")
    return max(end - base - sum(offset >= base for offset in done), 0)
