"""Delivers webhooks until told to stop. Run it as `python -m workers.webhook`."""

from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter

from contracts.jobs import WebhookEnvelope
from contracts.topics import WEBHOOK, worker_group
from infra.bus.attempts import AttemptLimits
from infra.bus.broker import open_broker
from infra.bus.consumption import ConsumptionLimits
from infra.bus.parallel import parallel_subscriber
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.posting import Poster, PostTargets, open_poster
from infra.process import run_process
from infra.relay.placed import PlacedLogs
from infra.sealing import Sealer
from infra.settings import Settings, read_settings
from workers.runtime.dead import DeadLetters
from workers.runtime.load import LaneCounts, reported
from workers.runtime.reading import Reading
from workers.runtime.room import run_room
from workers.runtime.rounds import Rounds, kept_up
from workers.runtime.tools import Tools, open_tools
from workers.webhook.burying import DeadDeliveries
from workers.webhook.delivering import Deliveries, DeliveryMeans
from workers.webhook.handler import WebhookWork
from workers.webhook.places import Places

SERVICE = "worker-webhook"
AGENT = "JanServer/1 (+webhooks)"
FORGET_EVERY = timedelta(minutes=10)
"""Between two looks for what is too old."""


async def work(settings: Settings) -> None:
    """Until SIGTERM; tries that run for a word get the drain time to end."""
    hooks = settings.webhooks
    targets = PostTargets(AddressPolicy(hooks.networks), frozenset(hooks.schemes))
    async with (
        open_tools(settings, SERVICE) as tools,
        open_poster(targets, seconds=hooks.timeout, agent=AGENT) as poster,
    ):
        deliveries, due = _deliveries(tools, poster)
        async with kept_up(due.keep), kept_up(_forgetting(deliveries).keep):
            await _consume(tools, deliveries)


def _deliveries(tools: Tools, poster: Poster) -> tuple[Deliveries, Rounds]:
    """What makes the tries, and the rounds of those that are due."""
    hooks = tools.settings.webhooks
    means = DeliveryMeans(
        database=tools.database,
        poster=poster,
        sealer=Sealer(tools.settings.seal),
        dead=DeadDeliveries(tools.producer, tools.name, tools.metrics),
        metrics=tools.metrics,
        settings=hooks,
        failpoints=tools.failpoints,
    )
    places = Places(hooks.per_endpoint, hooks.per_tenant)
    deliveries = Deliveries(means, places)
    rounds = Rounds(
        "webhooks_not_delivered",
        deliveries.deliver_next,
        deliveries.due_at,
        at_once=hooks.at_once,
        longest_wait=hooks.look_seconds,
    )
    places.on_free = rounds.wake
    return deliveries, rounds


def _forgetting(deliveries: Deliveries) -> Rounds:
    async def next_time() -> datetime:
        return datetime.now(UTC) + FORGET_EVERY

    longest = FORGET_EVERY.total_seconds()
    return Rounds("webhooks_not_forgotten", deliveries.forget_some, next_time, longest_wait=longest)


async def _consume(tools: Tools, deliveries: Deliveries) -> None:
    worker = tools.settings.worker
    logs = PlacedLogs(tools.line, tools.settings.relay.retention)
    room = WebhookWork(Reading(TypeAdapter(WebhookEnvelope), worker), tools.database, deliveries, logs)
    broker = open_broker(tools.settings.kafka)
    counts = LaneCounts()
    subscriber = parallel_subscriber(
        broker,
        WEBHOOK,
        settings=tools.settings.kafka,
        group_id=worker_group(WEBHOOK),
        on_dead=DeadLetters([WEBHOOK], tools.producer, room, tools.name, tools.metrics).bury,
        limits=ConsumptionLimits(
            max_jobs=worker.max_jobs,
            drain_timeout=worker.drain_timeout,
            attempts=AttemptLimits(max_attempts=worker.max_attempts),
        ),
        observer=tools.metrics.consumer,
    )
    subscriber(counts.counted(WEBHOOK.name, worker.max_jobs, room.on_record))
    async with reported(tools.board, tools.name, counts):
        await run_room(broker, [subscriber], worker, tools.registry, tools.checks)


if __name__ == "__main__":
    run_process(work(read_settings("workers.webhook")))
