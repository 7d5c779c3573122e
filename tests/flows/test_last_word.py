"""Requests whose answer is not to be had any more, or not here: each is told so and does not wait."""

import asyncio

import pytest
from typing_extensions import override

from contracts.ids import chat_id
from contracts.jobs import Endpoint
from contracts.wire.jobs import JobState, JobView
from infra.store.jobs import StoredJob
from tests.flows.test_chat_completion import BODY, GOOD, STREAM, kinds
from tests.flows.world import CALLER, MemoryProvider, World

DETACH = {"X-On-Disconnect": "detach"}


def job_of(world: World) -> str:
    return world.bus.events[0].job_id


def path_of(world: World) -> str:
    return f"/v1/chat/completions/{chat_id(job_of(world))}"


def has_sent(world: World, count: int) -> bool:
    """Whether the one client was handed so many frames."""
    return any(follower.seq == count for (follower,) in world.relay.followers.values())


class SilentProvider(MemoryProvider):
    """Takes a request and never answers."""

    @override
    async def complete(
        self, endpoint: Endpoint, body: bytes, *, deadline: float, traceparent: str | None = None
    ) -> bytes:
        await asyncio.Event().wait()
        raise AssertionError


async def streamed() -> World:
    """A stream of three chunks that has ended, as the ledger knows."""
    world = World(MemoryProvider(GOOD))
    await world.post(STREAM)
    view = JobView(id=job_of(world), kind="completion", state=JobState.FINISHED, lane="default")
    world.ledger.jobs[job_of(world)] = StoredJob(CALLER.tenant, view)
    return world


async def test_a_kept_result_is_read_on_from_any_chunk_and_refuses_a_place_behind_its_end() -> None:
    world = await streamed()
    frames = world.relay.logs.pop(job_of(world))
    world.results.frames[job_of(world), CALLER.tenant] = frames

    rest = await world.get(path_of(world), "stream=true&starting_after=1")
    done = await world.get(path_of(world), "stream=true&starting_after=2")
    behind = await world.get(path_of(world), "stream=true&starting_after=3")

    assert (len(rest.data), rest.data[-1]) == (2, b"[DONE]")
    assert done.data == [b"[DONE]"]
    assert (behind.status, behind.json["error"]["param"]) == (400, "starting_after")
    assert "3 chunks" in behind.json["error"]["message"]


async def test_a_job_that_has_ended_and_left_nothing_is_not_waited_for() -> None:
    world = await streamed()
    del world.relay.logs[job_of(world)]

    answer = await world.get(path_of(world), "stream=true")

    assert (answer.status, answer.json["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_a_request_that_got_nothing_from_a_stopping_edge_stops_its_job(body: dict[str, object]) -> None:
    world = World(SilentProvider([asyncio.Event()]))
    answering = asyncio.create_task(world.post(body))
    await world.until(lambda: "claimed" in kinds(world))

    world.draining.end()
    answer = await answering

    assert (answer.status, answer.json["error"]["code"]) == (503, "server_draining")
    assert answer.headers[b"retry-after"] == b"1"
    assert world.relay.cancelled == {job_of(world)}


async def test_a_detached_request_that_got_nothing_from_a_stopping_edge_leaves_its_job() -> None:
    gate = asyncio.Event()
    world = World(MemoryProvider([gate, *GOOD]))
    answering = asyncio.create_task(world.post(STREAM, headers=DETACH))
    await world.until(lambda: "claimed" in kinds(world))

    world.draining.end()
    gate.set()
    answer = await answering

    assert answer.status == 503
    assert world.relay.cancelled == set()
    assert kinds(world)[-1] == "finished"


async def test_a_stream_that_has_begun_is_told_where_to_go_on_and_its_job_runs_to_its_end() -> None:
    gate = asyncio.Event()
    world = World(MemoryProvider([GOOD[0], gate, *GOOD[1:]]))
    answering = asyncio.create_task(world.post(STREAM))
    await world.until(lambda: has_sent(world, 2))

    world.draining.end()
    gate.set()
    answer = await answering

    assert answer.status == 200
    assert b"server_draining" in answer.data[-1]
    assert f"{path_of(world)}?stream=true&starting_after=1".encode() in answer.data[-1]
    assert kinds(world)[-1] == "finished"
    assert not world.relay.cancelled
