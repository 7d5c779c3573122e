"""Runs completion jobs of every lane until told to stop. Run it as `python -m workers.completion`."""

from pydantic import TypeAdapter

from contracts.jobs import CompletionEnvelope
from contracts.topics import COMPLETION
from infra.notices import open_notices
from infra.presigning import Presigner
from infra.process import run_process
from infra.registry.health import HealthBoard
from infra.registry.reading import open_registered
from infra.sealing import Sealer
from infra.settings import Settings, read_settings
from workers.completion.handler import CompletionWork
from workers.completion.media import StoredMedia
from workers.completion.memory import Patience, open_memory
from workers.completion.responses import ResponseChats, ResponseCounting, ResponseKeeper, ResponsePreparation
from workers.completion.routing.directory import open_directory
from workers.completion.routing.health import reported
from workers.completion.routing.schedule import Schedule, kept
from workers.completion.tries import open_tries
from workers.runtime.consume import Consumer
from workers.runtime.tools import open_tools

SERVICE = "worker-completion"


async def work(settings: Settings) -> None:
    """Until SIGTERM; running jobs get the drain time to end."""
    upstream, sealer = settings.provider, Sealer(settings.seal)
    async with (
        open_tools(settings, SERVICE) as tools,
        open_notices(tools.redis) as notices,
        open_registered(tools.database, notices) as registered,
        open_directory(registered, upstream, sealer) as directory,
        kept(Schedule(directory, tools.database, notices, upstream), notices),
        reported(directory, HealthBoard(tools.redis), tools.metrics, tools.name),
        open_memory(
            tools.database,
            registered.resolve,
            settings.seal,
            tools.failpoints,
        ) as memory,
    ):
        chats = ResponseChats(tools.database, registered.resolve, memory.tokenizers)
        room = CompletionWork(
            directory, open_tries(upstream), tools.objects, tools.metrics, tools.tracing,
            preparations=[ResponsePreparation(chats), memory.recall],
            keeper=ResponseKeeper(tools.database, memory.keeper, tools.failpoints),
            media=StoredMedia(
                tools.database, tools.objects, Presigner(settings.objects), settings.media, Patience()
            ),
            counting=ResponseCounting(chats, tools.objects),
        )  # fmt: skip
        consumer = Consumer(tools, room, TypeAdapter(CompletionEnvelope))
        consumer.subscribe(list(COMPLETION.values()))
        await consumer.run()


if __name__ == "__main__":
    run_process(work(read_settings("workers.completion")))
