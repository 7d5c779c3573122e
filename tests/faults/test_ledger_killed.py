"""Ledger workers are killed and paused while they fold: every event counts once, and none is missed."""

import os
import signal
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text

from contracts.ids import new_ulid
from contracts.topics import EVENTS
from infra.bus.producer import Producer
from infra.database import Database, open_database
from infra.settings import DatabaseSettings
from tests.acceptance.waiting import until
from tests.product import Product
from tests.workers.ledger.telling import post, whole_story

JOBS = 400
LIMIT = 90.0
"""Seconds for a takeover: the dead member's session of 6 s, on a busy machine."""
COUNTED = """
SELECT count(*), coalesce(sum(output_tokens), 0), coalesce(sum(jsonb_array_length(timeline)), 0)
FROM jobs WHERE tenant = :tenant
"""


@pytest.fixture
async def ledger(database: DatabaseSettings) -> AsyncIterator[Database]:
    async with open_database(database) as opened:
        yield opened


@pytest.fixture
async def two_ledgers(product: Product) -> AsyncIterator[Product]:
    """The product with two ledger workers; one lives on afterwards."""
    while len(product.ledgers) < 2:
        await product.add_ledger()
    yield product
    product.ledgers[:] = [one for one in product.ledgers if not one.has_ended()]
    if not product.ledgers:
        await product.add_ledger()


async def counted(ledger: Database, tenant: str) -> tuple[int, ...]:
    """Jobs, their tokens, and the entries of their timelines."""
    async with ledger.begin() as session:
        return tuple((await (await session.connection()).execute(text(COUNTED), {"tenant": tenant})).one())


async def tell(producer: Producer, tenant: str, jobs: int) -> None:
    """Four events and three tokens of each job."""
    stories = [whole_story(new_ulid()) for _ in range(jobs)]
    told = [event.model_copy(update={"tenant": tenant}) for story in stories for event in story]
    await post(producer, EVENTS, told)


@pytest.mark.parametrize("hurt", [signal.SIGKILL, signal.SIGSTOP])
async def test_every_event_counts_once_though_a_ledger_dies_or_sleeps(
    two_ledgers: Product, producer: Producer, ledger: Database, hurt: signal.Signals
) -> None:
    tenant = new_ulid()
    victim = two_ledgers.ledgers[0]

    async def has_begun() -> bool:
        return (await counted(ledger, tenant))[0] > 0

    async def is_whole() -> bool:
        return (await counted(ledger, tenant))[0] == 2 * JOBS

    await tell(producer, tenant, JOBS)
    await until(has_begun, LIMIT)
    os.killpg(victim.pid, hurt)
    await tell(producer, tenant, JOBS)
    await until(is_whole, LIMIT)
    if hurt is signal.SIGSTOP:
        os.killpg(victim.pid, signal.SIGCONT)
    await tell(producer, tenant, 1)

    async def is_told() -> bool:
        return (await counted(ledger, tenant))[2] == 4 * (2 * JOBS + 1)

    await until(is_told, LIMIT)
    assert await counted(ledger, tenant) == (2 * JOBS + 1, 3 * (2 * JOBS + 1), 4 * (2 * JOBS + 1))
