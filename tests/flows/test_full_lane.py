"""A full lane, in memory: what a client sees, and that nothing was accepted."""

import json
from typing import Any

import pytest

from contracts.envelope import Lane
from contracts.topics import COMPLETION
from infra.relay.load import LanePicture, Picture
from tests.flows.world import MemoryProvider, World

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
WHOLE = b"""{"id": "u", "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"},
  "finish_reason": "stop"}]}"""
FULL = LanePicture(backlog=10_004, running=4, places=4, rate=100.0)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_full_lane_answers_503_and_when_to_come_back(stream: bool) -> None:  # noqa: FBT001
    world = World(MemoryProvider())
    world.lanes.learn(Picture(lanes={COMPLETION[Lane.DEFAULT].name: FULL}), age=0)

    answer = await world.post({**BODY, "stream": stream})

    assert answer.status == 503
    assert json.loads(answer.body)["error"]["code"] == "overloaded"
    assert 50 <= int(answer.headers[b"retry-after"]) <= 100
    assert (world.bus.records, world.bus.events) == ([], [])


async def test_another_lane_takes_jobs_meanwhile() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    world.lanes.learn(Picture(lanes={COMPLETION[Lane.DEFAULT].name: FULL}), age=0)

    answer = await world.post({**BODY, "service_tier": "priority"})

    assert answer.status == 200
