"""The load generator against the upstream, in one loop and as processes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.bench.child import START_LIMIT, open_child
from tests.bench.load import Load
from tests.bench.plan import Outcome, Plan
from tests.bench.sample import take_sample
from tests.bench.scenarios import Scenario
from tests.bench.target import TargetError, target_at
from tests.bench.upstream import HOST, open_upstream, port_of


@pytest.fixture
async def bench_port() -> AsyncIterator[int]:
    server = await open_upstream()
    yield port_of(server)
    server.close()
    await server.wait_closed()


async def outcome_of(plan: Plan) -> Outcome:
    load = Load(plan)
    await load.warm()
    outcome = await load.run()
    load.close()
    await asyncio.sleep(0)
    return outcome


async def test_paced_streams_arrive_whole(bench_port: int) -> None:
    plan = Plan(
        host=HOST,
        port=bench_port,
        first_ms=2,
        tokens=5,
        gap_us=2_000,
        is_stream=True,
        concurrency=4,
        seconds=0.1,
    )

    outcome = await outcome_of(plan)

    assert outcome.errors == {}
    assert outcome.tokens == 5 * outcome.requests > 0
    assert min(outcome.ttft_ms) >= 1.0
    assert outcome.transit_p50_ms is not None


async def test_streams_without_a_gap_arrive_whole(bench_port: int) -> None:
    plan = Plan(host=HOST, port=bench_port, tokens=300, is_stream=True, concurrency=2, seconds=0.1)

    outcome = await outcome_of(plan)

    assert outcome.errors == {}
    assert outcome.tokens == 300 * outcome.requests > 0


async def test_whole_answers_end_at_their_count(bench_port: int) -> None:
    plan = Plan(
        host=HOST, port=bench_port, tokens=16, is_stream=False, concurrency=3, seconds=5.0, max_requests=30
    )

    outcome = await outcome_of(plan)

    assert outcome.errors == {}
    assert outcome.requests == 30
    assert outcome.seconds < 5.0


async def test_held_streams_are_seen_and_their_end_too(bench_port: int) -> None:
    upstream = target_at("direct", f"http://{HOST}:{bench_port}/v1")
    plan = Plan(
        host=HOST,
        port=bench_port,
        tokens=3,
        gap_us=30_000_000,
        is_stream=True,
        concurrency=3,
        seconds=0.0,
        is_held=True,
    )
    load = Load(plan)
    await load.warm()

    await load.hold()
    held = await asyncio.to_thread(upstream.ask, "GET", "/stats")
    load.close()

    assert held["open_streams"] == 3
    async with asyncio.timeout(5):
        while (await asyncio.to_thread(upstream.ask, "GET", "/stats"))["open_streams"]:
            await asyncio.sleep(0.01)


async def test_models_are_listed_and_an_unknown_path_is_refused(bench_port: int) -> None:
    upstream = target_at("direct", f"http://{HOST}:{bench_port}/v1")

    models = await asyncio.to_thread(upstream.ask, "GET", "/v1/models")

    assert models["object"] == "list"
    with pytest.raises(TargetError, match="404"):
        await asyncio.to_thread(upstream.ask, "GET", "/v1/nothing")


async def test_a_sample_is_taken_with_processes_of_their_own() -> None:
    scenario = Scenario("rps-2", "requests", 2, 16)
    async with open_child("tests.bench.upstream") as child:
        upstream = target_at("direct", await child.hear(START_LIMIT))
        sample = await take_sample(scenario, upstream, child.process.pid, seconds=0.1, number=0)

    assert sample.outcome.errors == {}
    assert sample.outcome.requests > 0
    assert child.process.returncode == 0
