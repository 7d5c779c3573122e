"""A chat completion through edge and worker, in memory: every way that it can end."""

import asyncio
import json
from typing import Any

import pytest

from contracts.errors import ApiError, ErrorCode
from contracts.events import Cancelled, Failed, Finished
from contracts.ids import job_id_of
from contracts.jobs import CompletionEnvelope
from infra.bus.errors import Poison
from infra.bus.record import Record
from infra.relay.claims import ClaimAsk
from infra.settings import EdgeSettings
from tests.flows.world import MemoryProvider, World

BODY: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "hi"}],
    "temperature": 0,
    "x_unknown": None,
}
STREAM = {**BODY, "stream": True}


def chunk(text: str | None = None, finish: str | None = None, **more: object) -> bytes:
    delta = {"content": text} if text is not None else {}
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return json.dumps({"id": "up-1", "model": "m", "choices": [choice], **more}).encode()


WHOLE = json.dumps(
    {
        "id": "up-1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }
).encode()
GOOD = [[chunk("a"), chunk("b")], [chunk(finish="stop"), b"[DONE]"]]


def kinds(world: World) -> list[str]:
    return [event.type for event in world.bus.events]


async def test_a_stream_ends_with_done_and_one_finished_event() -> None:
    world = World(MemoryProvider(GOOD))

    answer = await world.post(STREAM)

    chunks = [json.loads(data) for data in answer.data[:-1]]
    assert answer.status == 200
    assert answer.headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert answer.data[-1] == b"[DONE]"
    assert [one["x_seq"] for one in chunks] == [0, 1, 2]
    assert {one["service_tier"] for one in chunks} == {"default"}
    assert kinds(world) == ["accepted", "claimed", "first_frame", "finished"]
    assert job_id_of(chunks[0]["id"]) == world.bus.events[0].job_id


async def test_an_answer_is_one_body_and_its_usage_is_in_the_ledger() -> None:
    world = World(MemoryProvider(whole=WHOLE))

    answer = await world.post(BODY)

    finished = world.bus.events[-1]
    assert answer.status == 200
    assert answer.json["choices"][0]["message"]["content"] == "hello"
    assert isinstance(finished, Finished)
    assert finished.usage is not None
    assert (finished.usage.input_tokens, finished.usage.output_tokens) == (3, 1)


async def test_the_provider_gets_every_field_as_it_was_sent() -> None:
    world = World(MemoryProvider(whole=WHOLE))

    await world.post(BODY)

    assert world.provider.asked == [BODY]


async def test_a_failure_before_the_first_token_is_a_plain_error() -> None:
    failure = ApiError(ErrorCode.PROVIDER_UNREACHABLE, "away")
    world = World(MemoryProvider([failure]))

    answer = await world.post(STREAM)

    assert answer.status == 502
    assert answer.json["error"]["code"] == "provider_unreachable"
    assert kinds(world) == ["accepted", "claimed", "failed"]


async def test_a_failure_after_a_token_is_an_error_event_in_the_stream() -> None:
    failure = ApiError(ErrorCode.PROVIDER_STREAM_CUT, "cut")
    gate = asyncio.Event()
    world = World(MemoryProvider([[chunk("a")], gate, failure]))
    answering = asyncio.create_task(world.post(STREAM))
    await world.until(lambda: "first_frame" in kinds(world))
    gate.set()

    answer = await answering

    assert answer.status == 200
    assert json.loads(answer.data[-1])["error"]["code"] == "provider_stream_cut"
    assert isinstance(world.bus.events[-1], Failed)


async def test_a_stream_without_a_finish_reason_is_never_called_done() -> None:
    world = World(MemoryProvider([[chunk("a")]]))

    answer = await world.post(STREAM)

    assert b"[DONE]" not in answer.body
    assert b"provider_stream_cut" in answer.body


async def test_frames_that_the_wire_lost_come_from_the_log() -> None:
    world = World(MemoryProvider([[chunk(str(n)) for n in range(20)], *GOOD[1:]]))
    world.relay.loses_wire = True

    answer = await world.post(STREAM)

    assert [json.loads(data)["x_seq"] for data in answer.data[:-1]] == list(range(21))


async def test_nothing_is_accepted_when_the_bus_is_down() -> None:
    world = World(MemoryProvider(GOOD))
    world.bus.is_down = True

    answer = await world.post(STREAM)

    assert answer.status == 503
    assert answer.headers[b"retry-after"]
    assert world.bus.events == []
    assert world.relay.followers == {}


async def test_a_large_request_travels_by_the_claim_check() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    large = {**BODY, "messages": [{"role": "user", "content": "x" * 300_000}]}

    answer = await world.post(large)

    assert answer.status == 200
    assert world.provider.asked == [large]
    assert len(world.bus.records[0].value) < 2_000
    assert world.objects.stored == {}
    assert len(world.objects.deleted) == 1


async def test_the_service_tier_chooses_the_lane_and_is_echoed() -> None:
    world = World(MemoryProvider(whole=WHOLE))

    answer = await world.post({**BODY, "service_tier": "flex"})

    assert world.bus.records[0].topic == "jobs.completion.flex.v1"
    assert answer.json["service_tier"] == "flex"


async def test_a_job_that_is_delivered_twice_runs_once() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    await world.post(BODY)

    await world.runner.on_record(world.bus.records[0])

    told = [event for event in world.bus.events if isinstance(event, Finished)]
    assert len(world.provider.asked) == 1
    assert len(told) == 2  # the worker may have died before it told
    assert told[0].model_copy(update={"at": told[1].at}) == told[1]


async def test_a_job_whose_worker_died_after_a_token_ends_with_worker_lost() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    await world.post(BODY)
    envelope = CompletionEnvelope.model_validate_json(world.bus.records[0].value)
    orphan = envelope.model_copy(update={"job_id": "0" * 26})
    world.relay.attempts[orphan.job_id] = 1
    world.relay.append(orphan.job_id, 1, b"c1 " + chunk("shown"))

    await world.runner.on_record(Record("t", 0, 0, b"", orphan.model_dump_json().encode()))

    assert b"worker_lost" in world.relay.logs[orphan.job_id][-1]
    assert len(world.provider.asked) == 1


async def test_an_expired_job_is_not_started() -> None:
    world = World(MemoryProvider(whole=WHOLE), settings=EdgeSettings(job_timeout=0.0))

    answer = await world.post(BODY)

    assert answer.status == 504
    assert world.provider.asked == []


async def test_a_stale_attempt_stops_without_a_word() -> None:
    gate = asyncio.Event()
    world = World(MemoryProvider([[chunk("a")], gate, [chunk("late")], *GOOD[1:]]))
    gone = asyncio.Event()
    answering = asyncio.create_task(world.post(STREAM, gone=gone))
    await world.until(lambda: "first_frame" in kinds(world))
    job_id = world.bus.events[0].job_id

    await world.relay.take(ClaimAsk(job_id, "t1"))
    world.relay.append(job_id, 2, b"z2 {}")
    gate.set()
    gone.set()
    await answering

    assert world.relay.logs[job_id] == [world.relay.logs[job_id][0], b"z2 {}"]
    assert kinds(world) == ["accepted", "claimed", "first_frame", "finished"]


async def test_a_client_that_goes_away_stops_its_job() -> None:
    gate, gone = asyncio.Event(), asyncio.Event()
    world = World(MemoryProvider([[chunk("a")], gate, *GOOD[1:]]))
    answering = asyncio.create_task(world.post(STREAM, gone=gone))
    await world.until(lambda: "first_frame" in kinds(world))

    gone.set()
    await answering

    assert world.relay.followers == {}
    assert kinds(world) == ["accepted", "claimed", "first_frame", "cancelled"]
    cancelled = world.bus.events[-1]
    assert isinstance(cancelled, Cancelled)
    assert cancelled.usage is not None
    assert cancelled.usage.output_tokens == 1


async def test_a_job_that_was_cancelled_in_the_queue_is_never_started() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    await world.post(BODY)
    envelope = CompletionEnvelope.model_validate_json(world.bus.records[0].value)
    queued = envelope.model_copy(update={"job_id": "0" * 26})

    await world.relay.cancel(queued.job_id)
    await world.runner.on_record(Record("t", 0, 0, b"", queued.model_dump_json().encode()))

    assert len(world.provider.asked) == 1
    assert kinds(world)[-1] == "cancelled"


async def test_a_job_that_ended_is_not_cancelled_any_more() -> None:
    world = World(MemoryProvider(whole=WHOLE))
    await world.post(BODY)

    await world.relay.cancel(world.bus.events[0].job_id)
    await world.runner.on_record(world.bus.records[0])

    assert set(kinds(world)) == {"accepted", "claimed", "finished"}


@pytest.mark.parametrize("value", [b"", b"not json", b"{}", b'{"job_id":1}'])
async def test_what_is_no_envelope_is_poison(value: bytes) -> None:
    world = World(MemoryProvider())

    with pytest.raises(Poison):
        await world.runner.on_record(Record("t", 0, 0, b"", value))


async def test_a_request_id_of_the_client_is_kept() -> None:
    world = World(MemoryProvider(whole=WHOLE))

    kept = await world.post(BODY, headers={"X-Request-Id": "mine-1"})
    replaced = await world.post(BODY, headers={"X-Request-Id": "bad id\u00e4"})

    assert kept.headers[b"x-request-id"] == b"mine-1"
    assert replaced.headers[b"x-request-id"].startswith(b"req_")


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"model": None}, "invalid_type", "model"),
        ({"messages": []}, "invalid_value", "messages"),
        (
            {"messages": [{"role": "user"}, {"content": "x"}]},
            "missing_required_parameter",
            "messages[1].role",
        ),
        ({"messages": [{"role": "user", "content": 5}]}, "invalid_type", "messages[0].content"),
        ({"temperature": "hot"}, "invalid_type", "temperature"),
        ({"stream": "yes"}, "invalid_type", "stream"),
        ({"service_tier": "gold"}, "invalid_value", "service_tier"),
        ({"stop": 5}, "invalid_type", "stop"),
        ({"stream_options": {"include_usage": 1}}, "invalid_type", "stream_options.include_usage"),
        ({"conversation": "conv_1"}, "invalid_value", "conversation"),
        ({"model": "unknown"}, "model_not_found", "model"),
    ],
)
async def test_bad_fields_are_named(change: dict[str, object], code: str, param: str) -> None:
    world = World(MemoryProvider(whole=WHOLE))

    answer = await world.post({**BODY, **change})

    error = answer.json["error"]
    assert answer.status in (400, 404)
    assert (error["code"], error["param"]) == (code, param)
    assert set(error) == {"type", "code", "message", "param", "request_id"}
    assert world.bus.records == []


async def test_bad_bodies_are_told_apart() -> None:
    world = World(MemoryProvider(), settings=EdgeSettings(max_body=1_000, max_depth=8))

    answers = [
        await world.post(body)
        for body in (
            b"{",
            b"",
            b"[]",
            b'{"a":NaN}',
            b"[" * 500 + b"]" * 500,
            b'{"a":' * 8 + b"1" + b"}" * 8,
            b" " * 1_001,
        )
    ]
    told = [(answer.status, answer.json["error"]["code"]) for answer in answers]

    assert told[:4] == [
        (400, "invalid_json"),
        (400, "invalid_json"),
        (400, "invalid_type"),
        (400, "invalid_json"),
    ]
    assert told[4] == (400, "json_too_deep")
    assert told[5] == (400, "missing_required_parameter")
    assert told[6] == (413, "body_too_large")


async def test_an_answer_names_its_job_and_so_does_its_failure() -> None:
    good, bad = World(MemoryProvider(whole=WHOLE)), World(MemoryProvider(whole=b"{"))

    answer, failure = await good.post(BODY), await bad.post(BODY)

    assert answer.headers[b"x-job-id"].decode() == good.bus.events[0].job_id
    assert failure.headers[b"x-job-id"].decode() == bad.bus.events[0].job_id
    assert failure.status == 502
