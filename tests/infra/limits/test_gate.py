"""Requests on the real servers: tiers and budgets of PostgreSQL, buckets and reservations of Redis."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from redis.asyncio import Redis

from contracts.envelope import Caller
from contracts.errors import ApiError, ErrorCode
from contracts.ids import new_ulid
from infra.database import Database
from infra.limits.allowances import tell_changed
from infra.limits.gate import Estimate, Gate, Kind, open_gate
from infra.limits.refusal import used_up
from infra.notices import open_notices
from infra.settings import RedisSettings, Settings
from infra.store.budgets import Period, Unit, remove_budget
from infra.store.tiers import set_tier
from tests.acceptance.waiting import until
from tests.infra.limits.conftest import PATIENT, give_budget, use

pytestmark = pytest.mark.stack


@asynccontextmanager
async def opened(
    store: Database, redis: Redis, valkey: RedisSettings, **limits: object
) -> AsyncIterator[Gate]:
    settings = Settings(redis=valkey, limits=PATIENT.model_copy(update=limits))
    async with open_notices(redis) as notices, open_gate(store, notices, settings) as gate:
        yield gate


@pytest.fixture
async def gate(store: Database, redis: Redis, valkey: RedisSettings) -> AsyncIterator[Gate]:
    async with opened(store, redis, valkey) as gate:
        yield gate


def caller(tenant: str, key_id: str | None = None) -> Caller:
    return Caller(user_id=tenant, tenant=tenant, key_id=key_id)


def job(tokens: int, model: str = "m") -> Estimate:
    return Estimate(new_ulid(), model, tokens, 0, 600)


async def test_costs_differ_by_kind(gate: Gate, tenant: str) -> None:
    left = [(await gate.admit(caller(tenant), kind)).verdict.requests.left for kind in Kind]

    assert left == [90, 85, 83, 82]


async def test_a_budget_counts_what_the_ledger_tells_and_what_runs(
    gate: Gate, store: Database, tenant: str
) -> None:
    await give_budget(store, tenant, 1_000)
    await use(store, tenant, 500)

    first = await gate.admit(caller(tenant), Kind.COMPLETIONS, job(400))
    second = await gate.admit(caller(tenant), Kind.COMPLETIONS, job(400))
    looked = await gate.look(caller(tenant))

    assert first.verdict.is_allowed
    assert second.verdict.used_up == 0
    assert [(one.spent, one.held) for one in looked.verdict.budgets] == [(500, 400)]


async def test_a_flushed_redis_does_not_give_the_budget_anew(
    gate: Gate, store: Database, tenant: str, redis: Redis
) -> None:
    await give_budget(store, tenant, 1_000)
    await use(store, tenant, 900)
    await gate.admit(caller(tenant), Kind.COMPLETIONS, job(50))

    await redis.delete(*[key async for key in redis.scan_iter(f"limits:{{{tenant}}}*")])
    refused = await gate.admit(caller(tenant), Kind.COMPLETIONS, job(150))

    assert refused.verdict.used_up == 0


async def test_money_is_counted_by_the_prices(
    store: Database, redis: Redis, valkey: RedisSettings, tenant: str
) -> None:
    await give_budget(store, tenant, 1_000, unit=Unit.MICRO_USD, period=Period.MONTH)

    async with opened(store, redis, valkey, prices={"dear": "5/5"}) as gate:
        dear = [await gate.admit(caller(tenant), Kind.COMPLETIONS, job(150, "dear")) for _ in range(2)]
        cheap = await gate.admit(caller(tenant), Kind.COMPLETIONS, job(150))

    assert [entry.verdict.is_allowed for entry in (*dear, cheap)] == [True, False, True]
    assert dear[1].verdict.budgets[0].ends_at is not None


async def test_the_last_of_a_budget_goes_to_one_of_a_hundred_on_many_edges(
    store: Database, redis: Redis, valkey: RedisSettings, tenant: str
) -> None:
    await give_budget(store, tenant, 1_000)
    await use(store, tenant, 899)
    async with store.begin() as session:
        await set_tier(session, tenant, "enterprise")

    async with AsyncExitStack() as edges:
        gates = [await edges.enter_async_context(opened(store, redis, valkey)) for _ in range(5)]
        entries = await asyncio.gather(
            *(gates[at % 5].admit(caller(tenant), Kind.COMPLETIONS, job(100)) for at in range(100))
        )

    assert sum(entry.verdict.is_allowed for entry in entries) == 1


async def test_turns_of_a_job_are_let_begin_as_far_as_the_budget_covers_them(
    gate: Gate, store: Database, tenant: str
) -> None:
    await give_budget(store, tenant, 1_000)
    whole = job(400)
    await gate.admit(caller(tenant), Kind.RESPONSES, whole)

    first = await gate.admit_turn(caller(tenant), whole.job_id, job(0), is_first=True)
    second = await gate.admit_turn(caller(tenant), whole.job_id, job(500), is_first=False)
    third = await gate.admit_turn(caller(tenant), whole.job_id, job(500), is_first=False)
    looked = await gate.look(caller(tenant))

    assert [entry.verdict.is_allowed for entry in (first, second, third)] == [True, True, False]
    assert used_up(third).detail.code == ErrorCode.BUDGET_EXCEEDED
    assert [one.held for one in looked.verdict.budgets] == [900]


async def test_a_change_that_is_told_is_in_effect_on_every_edge(
    store: Database, redis: Redis, valkey: RedisSettings, tenant: str
) -> None:
    async with opened(store, redis, valkey) as one, opened(store, redis, valkey) as other:
        before = [(await gate.look(caller(tenant))).allowance.tier for gate in (one, other)]
        async with store.begin() as session:
            await set_tier(session, tenant, "pro")
        async with open_notices(redis) as notices:
            await tell_changed(notices, tenant)

        async def is_felt() -> bool:
            return all([(await gate.look(caller(tenant))).allowance.tier == "pro" for gate in (one, other)])

        await until(is_felt, 1.5)

    assert before == ["free", "free"]


async def test_a_budget_that_was_removed_meanwhile_refuses_nothing(
    gate: Gate, store: Database, tenant: str, redis: Redis
) -> None:
    await give_budget(store, tenant, 0)
    await gate.look(caller(tenant))
    async with store.begin() as session:
        await remove_budget(session, tenant, None, Unit.TOKENS, Period.TOTAL)

    await redis.delete(f"limits:{{{tenant}}}")

    assert (await gate.admit(caller(tenant), Kind.COMPLETIONS, job(10))).verdict.is_allowed


async def test_what_is_released_holds_nothing(gate: Gate, store: Database, tenant: str) -> None:
    await give_budget(store, tenant, 100)
    held = job(100)
    await gate.admit(caller(tenant), Kind.COMPLETIONS, held)

    await gate.release(tenant, held.job_id)

    assert (await gate.admit(caller(tenant), Kind.COMPLETIONS, job(100))).verdict.is_allowed


async def test_without_redis_nothing_is_decided(store: Database, redis: Redis) -> None:
    away = RedisSettings.model_validate({"url": "redis://127.0.0.1:1/0"})
    async with opened(store, redis, away) as gate:
        with pytest.raises(ApiError):
            await gate.admit(caller("t"), Kind.READS)
        with pytest.raises(ApiError):
            await gate.ping()
        await gate.release("t", new_ulid())


async def test_a_budget_of_money_holds_what_a_call_is_taken_to_cost(
    store: Database, tenant: str, redis: Redis, valkey: RedisSettings
) -> None:
    await give_budget(store, tenant, 1_000, unit=Unit.MICRO_USD)
    settings = Settings(redis=valkey, limits=PATIENT)

    def cost(model: str, input_tokens: int, output_tokens: int) -> int:
        return input_tokens * 2 + output_tokens if model == "m" else 0

    async with open_notices(redis) as notices, open_gate(store, notices, settings, cost=cost) as gate:
        await gate.admit(caller(tenant), Kind.COMPLETIONS, job(200))
        looked = await gate.look(caller(tenant))

    assert [(one.spent, one.held) for one in looked.verdict.budgets] == [(0, 400)]
