"""How much work waits, also when no worker runs.

Kafka's own lag (end less committed) counts everything that finished behind one slow job as waiting. The true
backlog subtracts what the commit's metadata tells as done. Workers scale by it, from zero too.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from contracts.topics import Topic
from infra.bus.client import patiently
from infra.bus.errors import translated
from infra.bus.offsets import decode_done
from infra.bus.tail import open_reader
from infra.bus.topics import open_admin
from infra.settings import KafkaSettings


class LagReader:
    """Reads the backlog of consumer groups. Opened by `open_lag`."""

    def __init__(self, settings: KafkaSettings, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer) -> None:
        self._limit = settings.request_timeout_ms / 1000
        self._admin = admin
        self._reader = reader

    async def backlog(self, group_id: str, topics: Sequence[Topic]) -> dict[str, int]:
        """Unfinished records of each topic, for this group; gaps in the log count as records."""
        with translated(f"reading the backlog of {group_id}"):
            async with asyncio.timeout(self._limit):
                return await patiently(lambda: self._backlog(group_id, topics))

    async def _backlog(self, group_id: str, topics: Sequence[Topic]) -> dict[str, int]:
        described = await self._admin.describe_topics()
        names = {topic.name for topic in topics}
        partitions = [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            if topic["topic"] in names
            for partition in topic["partitions"]
        ]
        backlog: dict[str, int] = defaultdict(int, dict.fromkeys(names, 0))
        if not partitions:
            return backlog
        committed = await self._admin.list_consumer_group_offsets(group_id, partitions=partitions)
        beginnings = await self._reader.beginning_offsets(partitions)
        ends = await self._reader.end_offsets(partitions)
        for tp in partitions:
            backlog[tp.topic] += _unfinished(committed.get(tp), beginnings[tp], ends[tp])
        return dict(backlog)


@asynccontextmanager
async def open_lag(settings: KafkaSettings) -> AsyncIterator[LagReader]:
    """A reader of backlogs, connected."""
    async with open_admin(settings) as admin, open_reader(settings) as reader:
        yield LagReader(settings, admin, reader)


def _unfinished(committed: OffsetAndMetadata | None, beginning: int, end: int) -> int:
    if committed is None or committed.offset < 0:
        return max(end - beginning, 0)
    base: int = max(committed.offset, beginning)
    done = decode_done(committed.offset, committed.metadata or "")
    return max(end - base - sum(offset >= base for offset in done), 0)
