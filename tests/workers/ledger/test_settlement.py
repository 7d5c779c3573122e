"""What jobs were held for is settled when their use is written, and nothing waits for it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from contracts.ids import new_ulid
from contracts.story import Charge, Ended
from infra.database import Database, open_database
from infra.limits.errors import LimitsDown
from infra.settings import DatabaseSettings
from infra.store.budgets import BudgetRow, Standing, set_budget
from infra.store.usage import add_usage
from tests.acceptance.waiting import until
from tests.workers.ledger.telling import Broker, Counts, batch_of, whole_story
from workers.ledger.handler import LedgerWriter
from workers.ledger.settlement import MOST, Settlement, settled

pytestmark = pytest.mark.stack
AWAY = DatabaseSettings(url=SecretStr("postgresql://jan:jan@127.0.0.1:1/jan"), timeout=1)


class Holder:
    """Knows what was settled; away as often as it is told."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.settled: dict[str, int] = {}
        self.told: list[Standing] = []

    async def settle(self, tenant: str, used: Mapping[str, int], standings: Sequence[Standing] = ()) -> int:
        if self.failures:
            self.failures -= 1
            raise LimitsDown
        assert tenant
        self.settled |= used
        self.told = list(standings)
        return len(used)


async def test_what_a_job_used_is_written_and_then_settled_with_what_is_spent(store: Database) -> None:
    job_id, holder = new_ulid(), Holder()
    async with store.begin() as session:
        await set_budget(session, total_budget())
    settlement = Settlement(store, holder)
    writer = LedgerWriter(store, Counts(), Broker().ends, price=lambda *_: 7, limits=settlement)

    for _ in range(2):
        await writer.on_batches([batch_of(whole_story(job_id))])
    await settlement.settle_waiting()

    assert holder.settled == {job_id: 5}
    assert [(one.spent, one.changes) for one in holder.told] == [(5, 1)]


async def test_settlements_wait_while_redis_is_away_and_are_made_once(store: Database) -> None:
    holder = Holder(failures=3)
    settlement = Settlement(store, holder, pause=0.001)

    async with settled(settlement):
        settlement.settle([Ended(str(number), f"t{number % 3}", number) for number in range(10)])

        async def is_done() -> bool:
            return len(holder.settled) == 10

        await until(is_done)

    assert holder.settled == {str(number): number for number in range(10)}


async def test_what_waits_when_the_ledger_ends_is_settled(store: Database) -> None:
    holder = Holder()

    async with settled(Settlement(store, holder)) as settlement:
        settlement.settle([Ended("j", "t", 1)])

    assert holder.settled == {"j": 1}


async def test_jobs_are_held_no_longer_though_the_database_is_away() -> None:
    holder = Holder()
    async with open_database(AWAY) as away:
        settlement = Settlement(away, holder)
        settlement.settle([Ended("j", "t", 1)])
        await settlement.settle_waiting()

    assert (holder.settled, holder.told) == ({"j": 1}, [])


async def test_no_more_than_so_many_wait(store: Database) -> None:
    holder = Holder()
    settlement = Settlement(store, holder)

    settlement.settle([Ended(str(number), "t", 1) for number in range(MOST)])
    settlement.settle([Ended("last", "t", 1)])
    await settlement.settle_waiting()

    assert len(holder.settled) == MOST
    assert "last" in holder.settled
    assert "0" not in holder.settled


def total_budget() -> BudgetRow:
    """Of the tenant whose stories are told."""
    return BudgetRow(
        budget_id=new_ulid(),
        tenant="t1",
        unit="tokens",
        period="total",
        amount=9,
        created_at=datetime.now(UTC),
    )


async def test_use_that_others_wrote_is_told_too(store: Database) -> None:
    holder = Holder()
    async with store.begin() as session:
        await set_budget(session, total_budget())
        await add_usage(session, [Charge("t1", "k", datetime.now(UTC).date(), 100, 0, 0)])
    settlement = Settlement(store, holder)

    settlement.settle([Ended("j", "t1", 1)])
    await settlement.settle_waiting()

    assert [one.spent for one in holder.told] == [100]
