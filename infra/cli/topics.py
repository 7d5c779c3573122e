"""`jan topics`: the catalogue of topics, and how much waits in each."""

import asyncio

from rich.console import Console
from rich.table import Table

from contracts.topics import HOUR_MS, catalogue, worker_group
from infra.bus.errors import BusError
from infra.bus.lag import open_lag
from infra.cli.addresses import stack_kafka
from infra.embedded.server import StackError
from infra.settings import KafkaSettings

Backlogs = dict[str, int]


def topics() -> None:
    """Show each topic, its partitions and retention, and the jobs that no worker has finished."""
    try:
        waiting = asyncio.run(_backlogs(stack_kafka()))
    except BusError as error:
        raise StackError(f"{error}; `jan up` starts the local broker") from error
    table = Table("topic", "partitions", "kept", "unfinished", "what", box=None, pad_edge=False)
    for topic in catalogue():
        kept = f"{topic.retention_ms // HOUR_MS // 24} d"
        unfinished = str(waiting.get(topic.name, ""))
        table.add_row(topic.name, str(topic.partitions), kept, unfinished, topic.summary)
    Console().print(table)


async def _backlogs(settings: KafkaSettings) -> Backlogs:
    jobs = [topic for topic in catalogue() if topic.dead_letter]
    async with open_lag(settings) as lag:
        found = [await lag.backlog(worker_group(topic), [topic]) for topic in jobs]
    return {name: count for one in found for name, count in one.items()}
