"""Calls tools until told to stop. Run it as `python -m workers.tool`."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from pydantic import TypeAdapter

from contracts.jobs import ToolEnvelope
from contracts.topics import TOOL
from infra.database import Database
from infra.limits.buckets import Buckets
from infra.notices import Notices, open_notices
from infra.process import run_process
from infra.registry.reading import open_registered
from infra.sealing import Sealer
from infra.settings import Settings, read_settings
from infra.store.mcp_tools import BUILT_IN, offer_tool
from infra.tools.reading import open_known_tools, tell_changed
from workers.runtime.consume import Consumer
from workers.runtime.tools import Tools, open_tools
from workers.tool.file_search import open_file_search
from workers.tool.handler import ToolMeans, ToolWork
from workers.tool.janitor import Janitor, cleaned
from workers.tool.ports import Tool
from workers.tool.python.opening import open_python
from workers.tool.records import CallRecords
from workers.tool.remote.opening import open_remote
from workers.tool.scrape import open_scrape
from workers.tool.search import open_search
from workers.tool.toolbox import Toolbox

SERVICE = "worker-tool"


async def work(settings: Settings) -> None:
    """Until SIGTERM; calls that run get the drain time to end."""
    async with (
        open_tools(settings, SERVICE) as tools,
        open_notices(tools.redis) as notices,
        open_known_tools(tools.database, notices) as known,
        _open_own(tools, notices, settings) as own,
        open_remote(settings.mcp, settings.tools, tools.database, notices, Sealer(settings.seal)) as remote,
        cleaned(Janitor(tools.database, settings.tools)),
    ):
        await _offer(tools.database, notices, own)
        means = ToolMeans(
            known=known,
            tools=Toolbox(own, remote),
            records=CallRecords(tools.database),
            limits=Buckets(tools.redis, settings.limits),
            payloads=tools.objects,
            metrics=tools.metrics,
            tracing=tools.tracing,
            settings=settings.tools,
            failpoints=tools.failpoints,
        )
        consumer = Consumer(tools, ToolWork(means), TypeAdapter(ToolEnvelope))
        consumer.subscribe([TOOL])
        await consumer.run()


@asynccontextmanager
async def _open_own(tools: Tools, notices: Notices, settings: Settings) -> AsyncIterator[Sequence[Tool]]:
    """The tools that come with the product."""
    async with (
        open_registered(tools.database, notices) as registered,
        open_scrape(settings.scrape) as scrape,
        open_search(settings.search, tools.redis, tools.metrics) as search,
        open_file_search(
            settings.file_search, tools.database, registered, settings.provider, Sealer(settings.seal)
        ) as file_search,
        open_python(settings.sandbox, settings.media, tools.database, tools.objects) as python,
    ):
        yield [search, scrape, *file_search, python]


async def _offer(database: Database, notices: Notices, own: Sequence[Tool]) -> None:
    """Tell everybody what this worker has, and why it cannot do what it cannot. Raises ApiError."""
    now = datetime.now(UTC)
    async with database.begin() as session:
        news = [
            await offer_tool(session, BUILT_IN, tool.spec.name, tool.spec, now, tool.off_reason)
            for tool in sorted(own, key=lambda tool: tool.spec.name)
        ]
    if any(news):
        await tell_changed(notices)


if __name__ == "__main__":
    run_process(work(read_settings("workers.tool")))
