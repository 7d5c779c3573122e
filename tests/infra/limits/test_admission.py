"""One tenant's limits on a real server: all at once or not at all, settled once, never more than there is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
from redis.asyncio import Redis

from contracts.ids import new_ulid
from infra.limits.admission import (
    KEEP_SECONDS,
    KNOWN,
    Admissions,
    Ask,
    BudgetField,
    Reservation,
    Verdict,
    field_of,
    open_admissions,
    reading,
)
from infra.limits.errors import LimitsDown
from infra.settings import LimitSettings, RedisSettings
from infra.store.budgets import Period, Standing, Unit
from tests.infra.limits.conftest import PATIENT

pytestmark = pytest.mark.stack
CAPACITY, TOKENS = 10_000, 1_000_000
MONTHLY = BudgetField(None, "tokens", "month", 1_000)
SOON = datetime.now(UTC) + timedelta(days=3)


def standing(
    spent: int, changes: int, *, budget: BudgetField = MONTHLY, ends_at: datetime | None = SOON
) -> Standing:
    return Standing(
        budget.key_id, Unit(budget.unit), Period(budget.period), budget.amount, ends_at, spent, changes
    )


def asked(
    tenant: str, tokens: int, *, budgets: tuple[BudgetField, ...] = (MONTHLY,), seconds: float = 600
) -> Ask:
    job = Reservation(new_ulid(), tokens, tokens * 2, seconds)
    return Ask(tenant, None, 10, CAPACITY, TOKENS, job, budgets)


def job_of(ask: Ask) -> str:
    assert ask.job is not None
    return ask.job.job_id


@pytest.fixture
async def admissions(valkey: RedisSettings) -> AsyncIterator[Admissions]:
    async with open_admissions(valkey, PATIENT) as admissions:
        yield admissions


@pytest.fixture
def tenant() -> str:
    return new_ulid()


async def look(admissions: Admissions, tenant: str, *budgets: BudgetField) -> Verdict:
    readings = [KNOWN] * len(budgets)
    return await admissions.admit(Ask(tenant, None, 0, CAPACITY, TOKENS, None, budgets), readings)


async def test_a_request_takes_its_cost_until_nothing_is_left(admissions: Admissions, tenant: str) -> None:
    ask = Ask(tenant, None, 10, 30, 5)

    verdicts = [await admissions.admit(ask) for _ in range(4)]

    assert [verdict.is_allowed for verdict in verdicts] == [True, True, True, False]
    assert [verdict.requests.left for verdict in verdicts[:2]] == [20, 10]
    assert 0 < verdicts[3].fits_in <= 20
    assert verdicts[3].code == 1


async def test_tokens_refuse_and_then_nothing_is_taken(admissions: Admissions, tenant: str) -> None:
    first = await admissions.admit(asked(tenant, TOKENS, budgets=()))
    second = await admissions.admit(asked(tenant, 500_000, budgets=()))
    after = await look(admissions, tenant)

    assert first.is_allowed
    assert (second.code, second.is_allowed) == (2, False)
    assert 0 < second.fits_in <= 30
    assert after.requests.left >= CAPACITY - 10


async def test_a_request_larger_than_the_bucket_needs_all_of_it(admissions: Admissions, tenant: str) -> None:
    first = await admissions.admit(asked(tenant, 5 * TOKENS, budgets=()))
    second = await admissions.admit(asked(tenant, 5 * TOKENS, budgets=()))

    assert first.is_allowed
    assert second.code == 2


async def test_a_tier_of_nothing_lets_nothing_in(admissions: Admissions, tenant: str) -> None:
    verdict = await admissions.admit(Ask(tenant, None, 1, 0, 0))

    assert (verdict.code, verdict.fits_in) == (1, 120)


async def test_a_settled_job_costs_what_it_used_and_only_once(admissions: Admissions, tenant: str) -> None:
    ask = asked(tenant, 900_000, budgets=())
    await admissions.admit(ask)

    settled = [await admissions.settle(tenant, {job_of(ask): 100_000}) for _ in range(3)]
    after = await look(admissions, tenant)

    assert settled == [1, 0, 0]
    assert after.tokens.left >= 900_000


async def test_what_was_used_beyond_the_estimate_is_owed_up_to_a_minute(
    admissions: Admissions, tenant: str
) -> None:
    ask = asked(tenant, 10, budgets=())
    await admissions.admit(ask)

    await admissions.settle(tenant, {job_of(ask): 50 * TOKENS})
    refused = await admissions.admit(asked(tenant, TOKENS, budgets=()))

    assert refused.tokens.left == 0
    assert 110 < refused.fits_in <= 120


async def test_a_budget_must_be_read_from_the_ledger_first(admissions: Admissions, tenant: str) -> None:
    ask = asked(tenant, 400)

    unread = await admissions.admit(ask)
    allowed = await admissions.admit(ask, [reading(standing(500, 7))])
    refused = await admissions.admit(asked(tenant, 400))
    after = await look(admissions, tenant, MONTHLY)

    assert unread.is_unread
    assert allowed.is_allowed
    assert refused.used_up == 0
    assert [(one.spent, one.held) for one in after.budgets] == [(500, 400)]
    assert after.requests.left >= CAPACITY - 10


async def test_a_settlement_frees_what_was_held_and_tells_what_is_spent(
    admissions: Admissions, tenant: str
) -> None:
    ask = asked(tenant, 400)
    await admissions.admit(ask, [reading(standing(0, 0))])

    await admissions.settle(tenant, {job_of(ask): 50}, [standing(50, 1)])
    after = await look(admissions, tenant, MONTHLY)

    assert [(one.spent, one.held) for one in after.budgets] == [(50, 0)]


async def test_an_older_reading_changes_nothing(admissions: Admissions, tenant: str) -> None:
    await admissions.settle(tenant, {}, [standing(800, 9)])
    await admissions.settle(tenant, {}, [standing(300, 4)])

    after = await look(admissions, tenant, MONTHLY)

    assert after.budgets[0].spent == 800


async def test_a_new_period_is_read_anew(admissions: Admissions, tenant: str) -> None:
    over = datetime.now(UTC) - timedelta(seconds=1)
    await admissions.settle(tenant, {}, [standing(900, 9, ends_at=over)])

    unread = await admissions.admit(asked(tenant, 10))
    await admissions.settle(tenant, {}, [standing(3, 1)])
    allowed = await admissions.admit(asked(tenant, 10))

    assert unread.is_unread
    assert allowed.is_allowed


async def test_budgets_of_a_key_hold_for_that_key(admissions: Admissions, tenant: str) -> None:
    key = new_ulid()
    of_key = BudgetField(key, "micro_usd", "total", 500)
    budgets = (MONTHLY, of_key)
    told = [reading(standing(0, 0)), reading(standing(0, 0, budget=of_key, ends_at=None))]
    job = Reservation(new_ulid(), 100, 400, 600)

    first = await admissions.admit(Ask(tenant, key, 10, CAPACITY, TOKENS, job, budgets), told)
    other = Reservation(new_ulid(), 100, 400, 600)
    second = await admissions.admit(Ask(tenant, key, 10, CAPACITY, TOKENS, other, budgets))
    without = await admissions.admit(asked(tenant, 100))

    assert (first.is_allowed, second.used_up, without.is_allowed) == (True, 1, True)
    assert [(one.held, one.ends_at is None) for one in second.budgets] == [(100, False), (400, True)]


async def test_a_job_that_never_ends_is_held_until_its_deadline_and_a_while(
    admissions: Admissions, tenant: str, redis: Redis
) -> None:
    ask = asked(tenant, 1_000)
    await admissions.admit(ask, [reading(standing(0, 0))])
    held = await admissions.admit(asked(tenant, 1))
    await redis.zadd(f"limits:{{{tenant}}}:due", {job_of(ask): 1.0})

    late = await look(admissions, tenant, MONTHLY)

    assert held.used_up == 0
    assert late.budgets[0].held == 0


async def test_a_released_job_gives_everything_back_but_its_request(
    admissions: Admissions, tenant: str
) -> None:
    ask = asked(tenant, 1_000)
    await admissions.admit(ask, [reading(standing(0, 0))])

    await admissions.release(tenant, job_of(ask))
    after = await look(admissions, tenant, MONTHLY)

    assert after.budgets[0].held == 0
    assert after.tokens.left == TOKENS
    assert after.requests.left < CAPACITY


async def test_a_job_that_is_let_in_again_is_held_once(admissions: Admissions, tenant: str) -> None:
    ask = asked(tenant, 300)

    for _ in range(3):
        await admissions.admit(ask, [reading(standing(0, 0))])

    assert (await look(admissions, tenant, MONTHLY)).budgets[0].held == 300


def going_on(tenant: str, before: str, tokens: int, *, budgets: tuple[BudgetField, ...] = ()) -> Ask:
    """A turn of a job that was let in before."""
    job = Reservation(new_ulid(), tokens, tokens * 2, 600, before)
    return Ask(tenant, None, 0, CAPACITY, TOKENS, job, budgets)


async def test_a_job_that_goes_on_from_another_one_is_held_in_its_place(
    admissions: Admissions, tenant: str
) -> None:
    large = BudgetField(None, "tokens", "month", TOKENS)
    before = asked(tenant, 900_000, budgets=(large,))
    await admissions.admit(before, [reading(standing(0, 0, budget=large))])
    turn = going_on(tenant, job_of(before), 0)

    verdicts = [await admissions.admit(turn) for _ in range(2)]
    held = await look(admissions, tenant, large)
    settled = [await admissions.settle(tenant, {job_of(one): 100_000}) for one in (before, turn)]
    after = await look(admissions, tenant, large)

    assert all(verdict.is_allowed for verdict in verdicts)
    assert held.budgets[0].held == 900_000
    assert held.tokens.left < 800_000
    assert settled == [0, 1]
    assert after.budgets[0].held == 0
    assert after.tokens.left >= 900_000


async def test_the_tokens_of_a_later_turn_are_charged_when_it_has_ended(
    admissions: Admissions, tenant: str
) -> None:
    everything = asked(tenant, TOKENS, budgets=())
    await admissions.admit(everything)
    turn = going_on(tenant, new_ulid(), 300)

    verdict = await admissions.admit(turn)
    await admissions.settle(tenant, {job_of(turn): TOKENS})
    refused = await admissions.admit(asked(tenant, 1, budgets=()))

    assert verdict.is_allowed
    assert 55 < refused.fits_in <= 60


async def test_a_later_turn_that_a_budget_does_not_cover_is_refused(
    admissions: Admissions, tenant: str
) -> None:
    turns = [going_on(tenant, "none", 600, budgets=(MONTHLY,)) for _ in range(2)]

    first = await admissions.admit(turns[0], [reading(standing(0, 0))])
    second = await admissions.admit(turns[1])

    assert first.is_allowed
    assert second.used_up == 0


async def test_every_key_has_an_end_and_the_tenants_hash_tag(
    admissions: Admissions, tenant: str, redis: Redis
) -> None:
    await admissions.admit(asked(tenant, 300), [reading(standing(0, 0))])

    keys = [key async for key in redis.scan_iter(f"*{tenant}*")]

    assert len(keys) == 3
    for key in keys:
        assert f"{{{tenant}}}".encode() in key
        assert 0 < await redis.ttl(key) <= KEEP_SECONDS


@pytest.mark.parametrize("room", ["requests", "tokens", "budget"])
async def test_the_last_room_goes_to_one_of_a_hundred_on_many_edges(
    valkey: RedisSettings, tenant: str, room: str
) -> None:
    capacity = 10 if room == "requests" else CAPACITY
    tokens = 100 if room == "tokens" else TOKENS
    budget = BudgetField(None, "tokens", "total", 100 if room == "budget" else 10**9)
    told = [reading(standing(0, 0, budget=budget, ends_at=None))]

    async with AsyncExitStack() as edges:
        doors = [await edges.enter_async_context(open_admissions(valkey, PATIENT)) for _ in range(10)]
        asks = [
            Ask(tenant, None, 10, capacity, tokens, Reservation(new_ulid(), 100, 0, 600), (budget,))
            for _ in range(100)
        ]
        verdicts = await asyncio.gather(*(doors[at % 10].admit(ask, told) for at, ask in enumerate(asks)))

    assert sum(verdict.is_allowed for verdict in verdicts) == 1
    assert {verdict.code for verdict in verdicts} == {0, {"requests": 1, "tokens": 2, "budget": 3}[room]}


async def test_a_flushed_redis_gives_no_budget_anew(
    admissions: Admissions, tenant: str, redis: Redis
) -> None:
    await admissions.settle(tenant, {}, [standing(1_000, 5)])
    await redis.delete(f"limits:{{{tenant}}}", f"limits:{{{tenant}}}:jobs", f"limits:{{{tenant}}}:due")

    unread = await admissions.admit(asked(tenant, 1))
    refused = await admissions.admit(asked(tenant, 1), [reading(standing(1_000, 5))])

    assert unread.is_unread
    assert refused.used_up == 0


async def test_scripts_that_the_server_forgot_are_loaded_again(
    admissions: Admissions, tenant: str, redis: Redis
) -> None:
    await admissions.admit(Ask(tenant, None, 10, 30, 5))
    await redis.script_flush()

    assert (await admissions.admit(Ask(tenant, None, 10, 30, 5))).is_allowed


async def test_many_jobs_are_settled_in_short_scripts(admissions: Admissions, tenant: str) -> None:
    asks = [asked(tenant, 1, budgets=()) for _ in range(600)]
    for ask in asks:
        await admissions.admit(ask)

    assert await admissions.settle(tenant, {job_of(ask): 1 for ask in asks}) == 600


async def test_while_redis_is_away_it_is_not_asked_by_everyone() -> None:
    away = RedisSettings.model_validate({"url": "redis://127.0.0.1:1/0"})
    async with open_admissions(away, LimitSettings()) as admissions:
        for _ in range(1_000):
            with pytest.raises(LimitsDown):
                await admissions.ping()


def test_a_budget_is_the_same_in_all_its_names() -> None:
    assert field_of(standing(1, 1)) == MONTHLY
    assert (MONTHLY.name, MONTHLY.held) == ("b|*|tokens|month", "h|*|tokens")
