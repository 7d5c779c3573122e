"""Runs completion jobs of every lane until told to stop. Run it as `python -m workers.completion`."""

import asyncio

from pydantic import TypeAdapter

from contracts.jobs import CompletionEnvelope
from contracts.topics import COMPLETION
from infra.process import run_process
from infra.settings import Settings, read_settings
from workers.completion.handler import CompletionWork
from workers.completion.provider import open_provider
from workers.completion.sync import keep_models_known
from workers.runtime.consume import Consumer
from workers.runtime.tools import open_tools

SERVICE = "worker-completion"


async def work(settings: Settings) -> None:
    """Until SIGTERM; running jobs get the drain time to end."""
    upstream = settings.provider
    async with (
        open_tools(settings, SERVICE) as tools,
        open_provider(upstream) as provider,
        asyncio.TaskGroup() as tasks,
    ):
        sync = tasks.create_task(keep_models_known(provider, upstream.name, tools.database))
        room = CompletionWork(provider, upstream, tools.objects, tools.metrics, tools.tracing)
        consumer = Consumer(tools, room, TypeAdapter(CompletionEnvelope))
        consumer.subscribe(list(COMPLETION.values()))
        try:
            await consumer.run()
        finally:
            sync.cancel()


if __name__ == "__main__":
    run_process(work(read_settings("workers.completion")))
