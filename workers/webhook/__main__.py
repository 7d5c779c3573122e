"""Delivers webhooks until told to stop. Run it as `python -m workers.webhook`."""

from datetime import UTC, datetime, timedelta

from pydantic import TypeAdapter

from contracts.jobs import WebhookEnvelope
from contracts.topics import WEBHOOK
from infra.outgoing.addresses import AddressPolicy
from infra.outgoing.posting import Poster, PostTargets, open_poster
from infra.process import run_process
from infra.relay.placed import PlacedLogs
from infra.sealing import Sealer
from infra.settings import Settings, read_settings
from workers.runtime.reading import Reading
from workers.runtime.rounds import Rounds, kept_up
from workers.runtime.tools import Tools, open_tools
from workers.runtime.words import consume_words
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
            await consume_words(tools, WEBHOOK, _room(tools, deliveries))


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


def _room(tools: Tools, deliveries: Deliveries) -> WebhookWork:
    logs = PlacedLogs(tools.line, tools.settings.relay.retention)
    reading = Reading(TypeAdapter(WebhookEnvelope), tools.settings.worker)
    return WebhookWork(reading, tools.database, deliveries, logs)


if __name__ == "__main__":
    run_process(work(read_settings("workers.webhook")))
