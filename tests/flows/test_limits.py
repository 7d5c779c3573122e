"""What a chat is held for, through the edge in memory: by the jobs that there are, and by no others."""

import json

import pytest
from starlette.types import Scope
from typing_extensions import override

from api_edge.deps import NoLimits
from contracts.envelope import Caller, Lane
from contracts.errors import ApiError, ErrorCode
from contracts.ids import job_id_of
from contracts.jobs import CompletionEnvelope
from contracts.topics import COMPLETION
from infra.bus.errors import BusTimeout
from infra.limits.gate import Expected, Kind
from infra.relay.load import Picture
from tests.flows.test_full_lane import BODY, FULL, WHOLE
from tests.flows.world import CALLER, MemoryProvider, World

KEY = {"Idempotency-Key": "k1"}


class MemoryLimits(NoLimits):
    """Holds jobs in a set, and counts requests."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.requests = 0
        self.is_full = False

    @override
    async def admit(self, scope: Scope, caller: Caller, kind: Kind) -> None:
        assert (caller, kind) == (CALLER, Kind.COMPLETIONS)
        self._take()

    @override
    async def admit_job(
        self, scope: Scope, caller: Caller, job_id: str, expected: Expected, seconds: float
    ) -> None:
        assert expected.prompt_tokens == len(json.dumps(BODY)) // 4 + 1
        self._take()
        self.held.add(job_id)

    @override
    async def release(self, tenant: str, job_id: str) -> None:
        assert tenant == CALLER.tenant
        self.held.discard(job_id)

    def _take(self) -> None:
        if self.is_full:
            raise ApiError(ErrorCode.RATE_LIMITED, "too many", retry_after=7)
        self.requests += 1


@pytest.fixture
def limits() -> MemoryLimits:
    return MemoryLimits()


@pytest.fixture
def world(limits: MemoryLimits) -> World:
    return World(MemoryProvider(whole=WHOLE), limits=limits)


async def test_a_job_is_held_under_its_own_name(world: World, limits: MemoryLimits) -> None:
    answer = await world.post(BODY)

    assert answer.status == 200
    assert limits.held == {job_id_of(answer.json["id"])}
    (record,) = [one for one in world.bus.records if one.topic == COMPLETION[Lane.DEFAULT].name]
    assert CompletionEnvelope.model_validate_json(record.value or b"").job_id in limits.held


async def test_a_repetition_holds_nothing_and_costs_a_request(world: World, limits: MemoryLimits) -> None:
    first, _ = [await world.post(BODY, headers=KEY) for _ in range(2)]

    assert limits.held == {job_id_of(first.json["id"])}
    assert limits.requests == 2


async def test_a_full_lane_holds_nothing(world: World, limits: MemoryLimits) -> None:
    world.lanes.learn(Picture(lanes={COMPLETION[Lane.DEFAULT].name: FULL}), age=0)

    statuses = [(await world.post(BODY, headers=headers)).status for headers in ({}, KEY)]

    assert (statuses, limits.held, limits.requests) == ([503, 503], set(), 2)


async def test_a_bus_that_is_down_lets_nothing_be_held(world: World, limits: MemoryLimits) -> None:
    world.bus.is_down = True

    answer = await world.post(BODY)

    assert (answer.status, limits.held) == (503, set())


async def test_a_job_that_may_have_arrived_is_held_only_with_a_key(
    world: World, limits: MemoryLimits
) -> None:
    world.bus.is_down, world.bus.failure = True, BusTimeout("slow")

    await world.post(BODY)
    without = set(limits.held)
    await world.post(BODY, headers=KEY)

    assert (len(without), len(limits.held)) == (0, 1)


async def test_keys_that_cannot_be_read_hold_nothing(world: World, limits: MemoryLimits) -> None:
    world.keys.is_down = True

    answer = await world.post(BODY, headers=KEY)

    assert (answer.status, limits.held) == (503, set())


async def test_who_is_refused_makes_no_job(world: World, limits: MemoryLimits) -> None:
    limits.is_full = True

    good, bad = await world.post(BODY, headers=KEY), await world.post(b"{")

    assert (good.status, bad.status) == (429, 429)
    assert good.headers[b"retry-after"] == b"7"
    assert (world.bus.records, world.keys.rows) == ([], {})


async def test_a_bad_body_costs_a_request(world: World, limits: MemoryLimits) -> None:
    answer = await world.post(b"{")

    assert (answer.status, limits.requests, limits.held) == (400, 1, set())
