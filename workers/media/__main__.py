"""Takes media in until told to stop. Run it as `python -m workers.media`."""

from pydantic import TypeAdapter

from contracts.jobs import MediaEnvelope
from contracts.topics import MEDIA
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.fetching import FetchLimits, open_fetcher
from infra.process import run_process
from infra.settings import MediaSettings, Settings, read_settings
from workers.media.handler import MediaWork
from workers.media.inspection import Limits, open_inspector
from workers.media.library import MediaLibrary
from workers.media.sweeping import Sweeper, swept
from workers.runtime.consume import Consumer
from workers.runtime.tools import open_tools

SERVICE = "worker-media"


async def work(settings: Settings) -> None:
    """Until SIGTERM; running jobs get the drain time to end."""
    media = settings.media
    policy = AddressPolicy(media.networks)
    async with (
        open_tools(settings, SERVICE) as tools,
        open_inspector(_looking(media)) as inspector,
        open_fetcher(policy, _fetching(media), param="source.url") as fetcher,
        swept(Sweeper(tools.database, tools.objects, media), media.sweep_seconds, tools.metrics),
    ):
        library = MediaLibrary(tools.database, media)
        room = MediaWork(library, tools.objects, fetcher, inspector, media, tools.failpoints)
        consumer = Consumer(tools, room, TypeAdapter(MediaEnvelope))
        consumer.subscribe([MEDIA])
        await consumer.run()


def _looking(media: MediaSettings) -> Limits:
    return Limits(
        pixels=media.max_pixels, side=media.max_side, frames=media.max_frames, seconds=media.inspect_seconds
    )


def _fetching(media: MediaSettings) -> FetchLimits:
    return FetchLimits(most=media.max_bytes, total=media.fetch_seconds)


if __name__ == "__main__":
    run_process(work(read_settings("workers.media")))
