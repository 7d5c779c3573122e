"""A chat that is asked for again with its Idempotency-Key, through edge and worker, in memory."""

import asyncio
import json
from datetime import timedelta

import pytest

from contracts.errors import ErrorCode
from contracts.events import Accepted
from contracts.ids import job_id_of
from contracts.jobs import CompletionEnvelope
from contracts.topics import COMPLETION
from infra.bus.errors import BusTimeout
from infra.settings import EdgeSettings
from tests.flows.test_chat_completion import BODY, GOOD, STREAM, WHOLE, chunk
from tests.flows.world import Answer, MemoryProvider, World

KEY = {"Idempotency-Key": "k1"}
REPLAYED = b"idempotency-replayed"
JOB_SECONDS = EdgeSettings().job_timeout


def codes(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.json["error"]["code"]


def jobs_of(world: World) -> list[CompletionEnvelope]:
    topics = {topic.name for topic in COMPLETION.values()}
    return [
        CompletionEnvelope.model_validate_json(record.value or b"")
        for record in world.bus.records
        if record.topic in topics
    ]


def the_job(world: World) -> str:
    (row,) = world.keys.rows.values()
    assert row.job_id is not None
    return row.job_id


def forget(world: World) -> None:
    """Redis loses everything."""
    world.relay.logs.clear()
    world.relay.attempts.clear()


def grow_old(world: World) -> None:
    """The job's deadline, and more, passes."""
    (row,) = world.keys.rows.values()
    row.created_at -= timedelta(seconds=2 * JOB_SECONDS)


async def test_second_request_gets_the_first_answer_and_asks_no_provider() -> None:
    world = World(MemoryProvider(whole=WHOLE))

    first, second = await world.post(BODY, headers=KEY), await world.post(BODY, headers=KEY)

    assert first.status == second.status == 200
    assert second.body == first.body
    assert REPLAYED not in first.headers
    assert second.headers[REPLAYED] == b"true"
    assert len(world.provider.asked) == 1
    assert sum(isinstance(event, Accepted) for event in world.bus.events) == 1


async def test_job_carries_its_key() -> None:
    world = World(MemoryProvider(whole=WHOLE))

    await world.post(BODY, headers=KEY)
    await world.post(BODY)

    assert [job.idempotency_key for job in jobs_of(world)] == ["k1", None]


async def test_finished_stream_is_given_again_frame_by_frame() -> None:
    world = World(MemoryProvider(GOOD))

    first, second = await world.post(STREAM, headers=KEY), await world.post(STREAM, headers=KEY)

    assert second.data == first.data
    assert second.data[-1] == b"[DONE]"
    assert second.headers[b"content-type"] == first.headers[b"content-type"]
    assert len(world.provider.asked) == 1


async def test_second_request_joins_a_running_stream_from_its_first_frame() -> None:
    gate = asyncio.Event()
    world = World(MemoryProvider([[chunk("a"), chunk("b")], gate, *GOOD[1:]]))
    first = asyncio.create_task(world.post(STREAM, headers=KEY))
    await world.until(lambda: any(len(log) == 2 for log in world.relay.logs.values()))

    second = asyncio.create_task(world.post(STREAM, headers=KEY))
    await world.until(lambda: len(world.relay.followers.get(the_job(world), ())) == 2)
    gate.set()

    assert (await second).data == (await first).data
    assert len((await second).data) == 4
    assert len(world.provider.asked) == 1


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_fifty_requests_at_once_are_one_job(body: dict[str, object]) -> None:
    world = World(MemoryProvider(GOOD, whole=WHOLE))

    answers = await asyncio.gather(*(world.post(body, headers=KEY) for _ in range(50)))

    assert len({answer.body for answer in answers}) == 1
    assert {answer.status for answer in answers} == {200}
    assert sum(REPLAYED not in answer.headers for answer in answers) == 1
    assert len(jobs_of(world)) == len(world.provider.asked) == 1


async def test_same_key_with_another_body_is_refused() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    await world.post(BODY, headers=KEY)

    refused = await world.post({**BODY, "temperature": 1}, headers=KEY)

    assert codes(refused) == (422, ErrorCode.IDEMPOTENCY_KEY_REUSED)
    assert refused.headers[b"x-should-retry"] == b"false"
    assert len(world.provider.asked) == 1


async def test_bad_key_is_refused() -> None:
    world = World(MemoryProvider(whole=WHOLE))

    refused = await world.post(BODY, headers={"Idempotency-Key": "a" * 256})

    assert codes(refused) == (400, ErrorCode.INVALID_VALUE)
    assert refused.json["error"]["param"] == "Idempotency-Key"
    assert world.bus.records == []


@pytest.mark.parametrize("wrong", [{**BODY, "temperature": "hot"}, {**BODY, "model": "unknown"}, b"{"])
async def test_request_that_is_wrong_does_not_consume_the_key(wrong: object) -> None:
    world = World(MemoryProvider(whole=WHOLE))

    assert (await world.post(wrong, headers=KEY)).status in (400, 404)

    assert (await world.post(BODY, headers=KEY)).status == 200


async def test_request_that_could_not_be_queued_does_not_consume_the_key() -> None:
    world = World(MemoryProvider(GOOD))
    world.bus.is_down = True

    assert codes(await world.post(BODY, headers=KEY)) == (503, ErrorCode.DEPENDENCY_DOWN)
    world.bus.is_down = False

    assert world.keys.rows == {}
    assert (await world.post(STREAM, headers=KEY)).status == 200


async def test_request_that_may_have_been_queued_is_queued_again_under_the_same_id() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    world.bus.is_down, world.bus.failure = True, BusTimeout("slow")
    assert (await world.post(BODY, headers=KEY)).status == 503
    job_id = the_job(world)

    world.bus.is_down, world.keys.holders_are_dead = False, True
    answer = await world.post(BODY, headers=KEY)

    assert answer.status == 200
    assert job_id_of(answer.json["id"]) == job_id


async def test_job_that_is_queued_twice_under_one_id_is_done_once() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    first = await world.post(BODY, headers=KEY)
    (row,) = world.keys.rows.values()
    row.accepted_at = None

    world.keys.holders_are_dead = True
    second = await world.post(BODY, headers=KEY)

    assert second.body == first.body
    earlier, later = jobs_of(world)
    assert (earlier.job_id, earlier.kind) == (later.job_id, later.kind)
    assert later.deadline == row.created_at + timedelta(seconds=JOB_SECONDS)
    assert len(world.provider.asked) == 1


async def test_client_that_leaves_with_a_key_leaves_its_job_running() -> None:
    gate, gone = asyncio.Event(), asyncio.Event()
    world = World(MemoryProvider([[chunk("a")], gate, *GOOD[1:]]))
    leaving = asyncio.create_task(world.post(STREAM, headers=KEY, gone=gone))
    await world.until(lambda: bool(world.relay.logs))

    gone.set()
    await world.until(lambda: not world.relay.followers)
    gate.set()
    await leaving
    second = await world.post(STREAM, headers=KEY)

    assert world.relay.cancelled == set()
    assert second.data[-1] == b"[DONE]"
    assert len(world.provider.asked) == 1


async def test_failure_of_the_job_is_given_again() -> None:
    world = World(MemoryProvider(whole=json.dumps({"no": "answer"}).encode()))

    first, second = await world.post(BODY, headers=KEY), await world.post(BODY, headers=KEY)

    assert codes(second) == codes(first)
    assert second.headers[REPLAYED] == b"true"
    assert len(world.provider.asked) == 1


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_answer_outlives_the_relay_in_the_kept_result(body: dict[str, object]) -> None:
    world = World(MemoryProvider(GOOD, whole=WHOLE))
    first = await world.post(body, headers=KEY)
    job_id = the_job(world)
    world.results.frames[job_id, "t1"] = world.relay.logs[job_id]

    forget(world)
    second = await world.post(body, headers=KEY)

    assert second.body == first.body
    assert second.headers[REPLAYED] == b"true"


async def test_kept_result_answers_while_redis_is_away() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    first = await world.post(BODY, headers=KEY)
    job_id = the_job(world)
    world.results.frames[job_id, "t1"] = world.relay.logs[job_id]

    world.relay.is_down = True
    second = await world.post(BODY, headers=KEY)

    assert second.body == first.body


async def test_running_job_cannot_be_joined_while_redis_is_away() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    await world.post(BODY, headers=KEY)

    world.relay.is_down = True

    assert codes(await world.post(BODY, headers=KEY)) == (503, ErrorCode.DEPENDENCY_DOWN)


async def test_log_answers_while_the_results_cannot_be_read() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    first = await world.post(BODY, headers=KEY)

    world.results.is_down = True

    assert (await world.post(BODY, headers=KEY)).body == first.body


async def test_answer_that_nobody_kept_is_said_to_be_gone_and_not_made_again() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    await world.post(BODY, headers=KEY)

    forget(world)
    grow_old(world)
    second = await world.post(BODY, headers=KEY)

    assert codes(second) == (404, ErrorCode.NOT_FOUND)
    assert second.json["error"]["param"] == "Idempotency-Key"
    assert len(world.provider.asked) == 1


async def test_without_the_table_of_keys_only_requests_without_a_key_are_served() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    world.keys.is_down = True

    assert codes(await world.post(BODY, headers=KEY)) == (503, ErrorCode.DEPENDENCY_DOWN)
    assert world.bus.records == []
    assert (await world.post(BODY)).status == 200
