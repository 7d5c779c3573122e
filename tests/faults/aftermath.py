"""What is left of one job when all is over: its end in the event topic, and its account in the ledger."""

import json
from collections.abc import AsyncIterator

import aiohttp

from contracts.events import EVENT, TERMINAL_EVENTS, Cancelled, Failed, Finished
from contracts.topics import EVENTS
from infra.bus.tail import read_topic
from infra.embedded.child import Child
from infra.settings import KafkaSettings
from tests.acceptance.asking import Json
from tests.acceptance.waiting import LIMIT, until
from tests.product import Product

End = Finished | Failed | Cancelled


async def end_of(kafka: KafkaSettings, job_id: str) -> End:
    """How a job ended, however often that was told. Raises ValueError when it has no end, or several."""
    ends = [end async for end in _ends_of(kafka, job_id)]
    (end,) = {one.model_dump_json(exclude={"at"}): one for one in ends}.values()
    return end


async def account_of(product: Product, api: aiohttp.ClientSession, job_id: str) -> Json:
    """What the ledger says of a job, as soon as it knows of its end."""
    if not product.ledgers:
        await product.add_ledger()
    found: Json = {}

    async def has_ended() -> bool:
        async with api.get(f"/v1/jobs/{job_id}") as answer:
            found.update((await answer.json()).get("data", {}))
            return found.get("ended_at") is not None

    await until(has_ended, 2 * LIMIT)
    return found


async def became_stale(worker: Child, job_id: str) -> None:
    """Wait until a worker has found out that its job is another's."""

    async def is_logged() -> bool:
        lines = worker.log.read_bytes()[worker.log_start :].splitlines()
        told = [json.loads(line) for line in lines if b'"outcome": "stale"' in line]
        return any(one["job_id"] == job_id for one in told)

    await until(is_logged, 2 * LIMIT)


async def _ends_of(kafka: KafkaSettings, job_id: str) -> AsyncIterator[End]:
    async for record in read_topic(kafka, EVENTS):
        if record.key == job_id.encode():
            event = EVENT.validate_json(record.value or b"")
            if isinstance(event, TERMINAL_EVENTS):
                yield event
