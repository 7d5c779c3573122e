"""A stream is taken up again at any chunk, by whoever owns it, whether it runs or has ended."""

import asyncio
import json

import pytest

from contracts.ids import chat_id, new_ulid
from contracts.wire.jobs import JobState, JobView
from infra.store.jobs import StoredJob
from tests.flows.test_chat_completion import BODY, GOOD, STREAM, WHOLE, chunk, kinds
from tests.flows.world import MemoryProvider, World


def job_of(world: World) -> str:
    return world.bus.events[0].job_id


def numbers(data: list[bytes]) -> list[int]:
    return [json.loads(one)["x_seq"] for one in data if one != b"[DONE]"]


async def finished_stream() -> tuple[World, str]:
    world = World(MemoryProvider([[chunk(str(number)) for number in range(5)], *GOOD[1:]]))
    await world.post(STREAM)
    return world, f"/v1/chat/completions/{chat_id(job_of(world))}"


async def test_a_finished_stream_is_replayed_whole_or_from_any_chunk_on() -> None:
    world, path = await finished_stream()

    whole = await world.get(path, "stream=true")
    rests = [await world.get(path, f"stream=true&starting_after={after}") for after in range(6)]

    assert whole.headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert numbers(whole.data) == [0, 1, 2, 3, 4, 5]
    assert [numbers(rest.data) for rest in rests] == [list(range(after + 1, 6)) for after in range(6)]
    assert {answer.data[-1] for answer in [whole, *rests]} == {b"[DONE]"}


async def test_a_running_stream_goes_on_where_its_client_left_it() -> None:
    gate, gone = asyncio.Event(), asyncio.Event()
    world = World(MemoryProvider([[chunk("a"), chunk("b")], gate, [chunk("c")], *GOOD[1:]]))
    asking = asyncio.create_task(world.post(STREAM, gone=gone, headers={"X-On-Disconnect": "detach"}))
    await world.until(lambda: "first_frame" in kinds(world))
    gone.set()
    resuming = asyncio.create_task(
        world.get(f"/v1/chat/completions/{chat_id(job_of(world))}", "stream=true&starting_after=1")
    )
    await world.until(lambda: len(world.relay.followers) > 0)

    gate.set()
    answer, _ = await asyncio.gather(resuming, asking)

    assert numbers(answer.data) == [2, 3]
    assert answer.data[-1] == b"[DONE]"


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("stream=true&starting_after=-1", "starting_after"),
        ("stream=true&starting_after=x", "starting_after"),
        ("stream=true&starting_after=", "starting_after"),
        ("stream=true&starting_after=99999999999", "starting_after"),
        ("stream=true&starting_after=6", "starting_after"),
        ("starting_after=1", "starting_after"),
        ("stream=maybe", "stream"),
        ("", "stream"),
    ],
)
async def test_a_bad_cursor_is_named(query: str, param: str) -> None:
    world, path = await finished_stream()

    answer = await world.get(path, query)

    assert answer.status == 400
    assert answer.json["error"]["param"] == param


async def test_a_completion_that_was_not_streamed_is_given_again_as_it_was() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    first = await world.post(BODY)
    path = f"/v1/chat/completions/{chat_id(job_of(world))}"

    again, streamed = await world.get(path), await world.get(path, "stream=true")

    assert again.body == first.body
    assert (streamed.status, streamed.json["error"]["param"]) == (400, "stream")


@pytest.mark.parametrize("name", ["nonsense", "chatcmpl-", "chatcmpl-0", "conv-" + "0" * 26])
async def test_what_names_no_completion_is_not_found(name: str) -> None:
    world, _ = await finished_stream()

    answer = await world.get(f"/v1/chat/completions/{name}", "stream=true")

    assert (answer.status, answer.json["error"]["code"]) == (404, "not_found")


async def test_a_completion_of_another_tenant_is_not_found() -> None:
    world, path = await finished_stream()
    world.relay.tenants[job_of(world)] = "another"

    answer = await world.get(path, "stream=true")
    unknown = await world.get(f"/v1/chat/completions/{chat_id('0' * 26)}", "stream=true")

    assert answer.status == unknown.status == 404
    assert answer.json["error"]["code"] == unknown.json["error"]["code"]


async def test_a_job_that_no_worker_has_claimed_yet_is_known_by_the_ledger() -> None:
    world = World(MemoryProvider())
    job_id = new_ulid()
    world.ledger.jobs[job_id] = StoredJob(
        "t1", JobView(id=job_id, kind="completion", state=JobState.QUEUED, lane="default")
    )
    gone = asyncio.Event()
    resuming = asyncio.create_task(
        world.get(f"/v1/chat/completions/{chat_id(job_id)}", "stream=true", gone=gone)
    )
    await world.until(lambda: len(world.relay.followers) > 0)

    gone.set()
    answer = await resuming

    assert answer.status == 0  # it waited for its first frame until its client left
    assert job_id not in world.relay.cancelled
