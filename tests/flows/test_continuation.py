"""A stream whose worker is lost in the midst of it, and the worker that goes on with it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from typing_extensions import override

from contracts.events import Failed, Finished
from contracts.frames import FrameKind, frame, payload_of, start_of
from contracts.ids import chat_id
from contracts.jobs import CompletionEnvelope
from infra.settings import ProviderSettings
from tests.flows.test_chat_completion import STREAM, chunk
from tests.flows.test_delivery import accepted, record_of
from tests.flows.world import MemoryProvider, World
from tests.upstream import wire
from tests.upstream.script import Script
from workers.completion.core import refusal

PREFILL = ProviderSettings(name="local", prefill="llama.cpp", retry_base=0.0)
SCRIPT = Script(tokens=6, prefill=True)
BODY: dict[str, Any] = {**STREAM, "stream_options": {"include_usage": True}}


class CountingProvider(MemoryProvider):
    """Says `t0 t1 ...` and goes on behind what was said already."""

    def __init__(self, script: Script = SCRIPT) -> None:
        super().__init__()
        self.script = script

    @override
    async def _read(self) -> AsyncIterator[list[bytes]]:
        for payload in wire.payloads(self.script, self.asked[-1]):
            yield [payload]


async def uncut(body: dict[str, Any] = BODY, script: Script = SCRIPT) -> list[bytes]:
    """The frames of an answer that nobody disturbed."""
    world = World(CountingProvider(script), upstream=PREFILL)
    envelope = await accepted(world, body)
    await world.runner.on_record(record_of(envelope))
    return world.relay.logs[envelope.job_id]


async def resumed(
    world: World, frames: list[bytes], body: dict[str, Any] = BODY
) -> tuple[CompletionEnvelope, list[bytes]]:
    """Run a job whose lost worker left so many frames; the whole log afterwards."""
    envelope = await accepted(world, body)
    world.relay.logs[envelope.job_id] = list(frames)
    world.relay.attempts[envelope.job_id] = 1
    await world.runner.on_record(record_of(envelope))
    return envelope, world.relay.logs[envelope.job_id]


def chunks(frames: list[bytes]) -> list[dict[str, Any]]:
    return [json.loads(payload_of(raw)) for raw in frames if raw[0] == FrameKind.CHUNK]


def text(frames: list[bytes]) -> str:
    choices = [choice for one in chunks(frames) for choice in one["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


@pytest.mark.parametrize("cut", range(1, 9))
async def test_an_answer_that_is_cut_anywhere_becomes_the_uncut_one(cut: int) -> None:
    whole = await uncut()
    world = World(CountingProvider(), upstream=PREFILL)

    envelope, log = await resumed(world, whole[:cut])

    told = chunks(log)
    assert text(log) == wire.text(SCRIPT)
    assert [one["x_seq"] for one in told] == list(range(len(told)))
    assert {one["id"] for one in told[cut:]} <= {chat_id(envelope.job_id)}
    assert sum(1 for one in told for choice in one["choices"] if choice["finish_reason"]) == 1
    assert log[-1][0] == FrameKind.END
    assert start_of(log[-1]) == cut
    finished = world.bus.events[-1]
    assert isinstance(finished, Finished)
    assert finished.usage is not None
    assert finished.usage.output_tokens == 6


async def test_the_usage_that_the_client_gets_is_that_of_the_whole_answer() -> None:
    whole = await uncut()
    world = World(CountingProvider(), upstream=PREFILL)

    _, log = await resumed(world, whole[:4])

    usage = chunks(log)[-1]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (11, 6, 17)


async def test_an_answer_that_is_cut_at_its_limit_is_finished_without_another_token() -> None:
    whole = await uncut()
    world = World(MemoryProvider())

    _, log = await resumed(world, whole[:4], {**BODY, "max_tokens": 3})

    assert text(log) == "t0 t1 t2 "
    assert [one["choices"][0]["finish_reason"] for one in chunks(log)] == [None, None, None, None, "length"]
    assert [one["x_seq"] for one in chunks(log)] == list(range(5))
    assert log[-1][0] == FrameKind.END


async def test_a_worker_that_is_lost_while_it_goes_on_is_gone_on_with() -> None:
    whole = await uncut()
    second = World(CountingProvider(), upstream=PREFILL)
    _, log = await resumed(second, whole[:3])
    third = World(CountingProvider(), upstream=PREFILL)

    _, log = await resumed(third, log[:5])

    assert text(log) == wire.text(SCRIPT)
    assert third.provider.asked[0]["messages"][-1] == {"role": "assistant", "content": "t0 t1 t2 t3 "}


async def test_an_answer_with_all_but_its_end_asks_nobody() -> None:
    whole = await uncut()
    world = World(MemoryProvider())

    _, log = await resumed(world, whole[:-1])

    assert world.provider.asked == []
    assert len(log) == len(whole)
    assert json.loads(payload_of(log[-1])) == json.loads(payload_of(whole[-1]))


@pytest.mark.parametrize(
    ("prefill", "more"), [("none", {}), ("llama.cpp", {"response_format": {"type": "json_object"}})]
)
async def test_what_cannot_be_gone_on_with_is_lost_and_says_what_was_used(
    prefill: str, more: dict[str, Any]
) -> None:
    body = {**BODY, **more}
    whole = await uncut(body)
    upstream = PREFILL.model_copy(update={"prefill": prefill})
    world = World(CountingProvider(), upstream=upstream)

    _, log = await resumed(world, whole[:4], body)

    failed = world.bus.events[-1]
    assert (log[:-1], log[-1][0]) == (whole[:4], FrameKind.ERROR)
    assert isinstance(failed, Failed)
    assert (failed.error.code, failed.error.status) == ("worker_lost", 500)
    assert failed.usage is not None
    assert failed.usage.output_tokens == 3
    assert world.provider.asked == []


async def test_a_provider_that_will_not_go_on_loses_the_answer_and_blames_nobody() -> None:
    refused = refusal(400, b'{"error":{"message":"no prefill","type":"invalid_request_error"}}')
    whole = await uncut()
    world = World(MemoryProvider([refused]), upstream=PREFILL)

    _, log = await resumed(world, whole[:4])

    assert json.loads(payload_of(log[-1]))["code"] == "worker_lost"


async def test_a_failed_try_to_go_on_is_followed_by_another() -> None:
    whole = await uncut()
    provider = CountingProvider()
    world = World(provider, upstream=PREFILL)
    busy = World(MemoryProvider([refusal(503, b"")]), upstream=PREFILL)

    _, failed = await resumed(busy, whole[:4])
    _, log = await resumed(world, whole[:4])

    assert len(busy.provider.asked) == 1 + PREFILL.retries
    assert json.loads(payload_of(failed[-1]))["code"] == "provider_error"
    assert text(log) == wire.text(SCRIPT)


async def test_an_answer_without_a_visible_token_is_begun_anew_behind_its_role() -> None:
    whole = await uncut()
    world = World(MemoryProvider([[chunk(""), chunk("a")], [chunk(finish="stop"), b"[DONE]"]]))

    _, log = await resumed(world, whole[:1])

    assert text(log) == "a"
    assert [one["x_seq"] for one in chunks(log)] == [0, 1, 2]
    assert world.provider.asked[0]["messages"] == BODY["messages"]


async def test_a_log_of_an_older_worker_ends_though_its_end_told_nothing() -> None:
    world = World(MemoryProvider())

    _, log = await resumed(world, [frame(FrameKind.CHUNK, 1, b"{}"), frame(FrameKind.END, 1, b"")])

    assert len(log) == 2
    assert isinstance(world.bus.events[-1], Finished)
