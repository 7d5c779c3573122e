"""The end of a response wherever it can be seen: the store, its stream, Kafka, webhooks. It must be one."""

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from openai import AsyncOpenAI

from contracts.events import EVENT, TERMINAL_EVENTS
from contracts.ids import job_id_of
from contracts.topics import EVENTS
from contracts.wire.webhooks import WebhookEventType
from infra.bus.tail import read_topic
from infra.settings import KafkaSettings
from tests.acceptance.people import guest
from tests.acceptance.responding import OVER
from tests.acceptance.waiting import LIMIT, until
from tests.product import Product
from tests.receiver import Receiver, open_receiver

FACTS = {"completed": "finished", "incomplete": "finished", "failed": "failed", "cancelled": "cancelled"}
"""What the event topic calls the ends of responses."""
LAST_EVENTS = frozenset(f"response.{status}" for status in OVER)


@dataclass
class Witness:
    """A guest with an endpoint for webhooks, who looks everywhere."""

    api: aiohttp.ClientSession
    sdk: AsyncOpenAI
    kafka: KafkaSettings
    receiver: Receiver

    async def begins(self, *tools: Any) -> str:
        """A response in the background with a stream, which is left at once; its id."""
        body: Any = {"model": "scripted", "input": "Go", "tools": tools, "background": True}
        async with await self.sdk.responses.create(**body, stream=True) as stream:
            first = await anext(aiter(stream))
        assert first.type == "response.created"
        return str(first.response.id)

    async def has_ended(self, response_id: str) -> bool:
        """Whether the store says so."""
        return (await self.sdk.responses.retrieve(response_id)).status in OVER

    async def ends(self, *response_ids: str) -> list[str]:
        """How these have ended. Raises AssertionError where one ended twice, or differently somewhere."""
        statuses = [await self._shown(one) for one in response_ids]
        for response_id, status in zip(response_ids, statuses, strict=True):
            assert await self._streamed(response_id) == [f"response.{status}"]
        job_ids = [job_id_of(one) or "" for one in response_ids]
        facts = await ends_of(self.kafka, job_ids)
        assert [facts[one] for one in job_ids] == [[FACTS[status]] for status in statuses]
        told = await self._told(response_ids)
        assert [told[one] for one in response_ids] == [[f"response.{status}"] for status in statuses]
        assert [await self._shown(one) for one in response_ids] == statuses
        return statuses

    async def _shown(self, response_id: str) -> str:
        await until(lambda: self.has_ended(response_id))
        return str((await self.sdk.responses.retrieve(response_id)).status)

    async def _streamed(self, response_id: str) -> list[str]:
        """The last events of its stream, which it must end with."""
        stream = await self.sdk.responses.retrieve(response_id, stream=True)
        events = [event async for event in stream]
        assert [event.sequence_number for event in events] == list(range(len(events)))
        return [event.type for event in events if event.type in LAST_EVENTS or event is events[-1]]

    async def _told(self, response_ids: Collection[str]) -> dict[str, list[str]]:
        """What webhooks were told of each; what is recorded for delivery is as much."""

        async def are_told() -> bool:
            return self._heard().keys() >= set(response_ids)

        await until(are_told)
        async with self.api.get("/v1/webhooks/deliveries", params={"limit": 100}) as answer:
            recorded = (await answer.json())["data"]
        heard = self._heard()
        assert len(recorded) == sum(map(len, heard.values()))
        return heard

    def _heard(self) -> dict[str, list[str]]:
        heard: defaultdict[str, list[str]] = defaultdict(list)
        for got in self.receiver.got:
            event = json.loads(got.body)
            heard[event["data"]["id"]].append(event["type"])
        return heard


@asynccontextmanager
async def open_witness(product: Product) -> AsyncIterator[Witness]:
    """A new guest, told of every end."""
    person = await guest(product)
    async with (
        person.client() as api,
        AsyncOpenAI(
            base_url=f"{product.url}/v1", api_key=person.access_token, max_retries=0, timeout=LIMIT
        ) as sdk,
        open_receiver() as receiver,
    ):
        wanted = [kind.value for kind in WebhookEventType]
        await sdk.webhooks.create(name="all", url=receiver.url, event_types=wanted)  # type: ignore[arg-type]  # texts
        yield Witness(api, sdk, product.servers.kafka, receiver)


async def ends_of(kafka: KafkaSettings, job_ids: Collection[str]) -> dict[str, list[str]]:
    """The terminal events of each of these jobs, as soon as all have one."""
    found: dict[str, list[str]] = {}

    async def have_ended() -> bool:
        found.clear()
        found.update({job_id: [] for job_id in job_ids})
        async for record in read_topic(kafka, EVENTS):
            event = EVENT.validate_json(record.value or b"")
            if event.job_id in found and isinstance(event, TERMINAL_EVENTS):
                found[event.job_id].append(event.type)
        return all(found.values())

    await until(have_ended)
    return found
