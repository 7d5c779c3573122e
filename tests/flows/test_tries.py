"""A provider that fails for a while, through edge and worker."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from typing_extensions import override

from contracts.events import Cancelled, Failed, Finished, Postponed
from contracts.jobs import Endpoint
from infra.settings import ProviderSettings
from tests.flows.test_chat_completion import BODY, GOOD, STREAM, WHOLE, chunk, kinds
from tests.flows.test_delivery import accepted, record_of
from tests.flows.world import QUICK, MemoryProvider, World
from workers.completion.core import DONE, MayPass, refusal
from workers.completion.provider.trouble import cut

BUSY = refusal(503, b"")
ROLE = json.dumps({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}).encode()
Batches = list[list[bytes] | Exception]


class FailingProvider(MemoryProvider):
    """Fails in turn in every given way, then answers."""

    def __init__(self, *failures: Exception | Batches) -> None:
        super().__init__(GOOD, WHOLE)
        self.failures = list(failures)

    @asynccontextmanager
    @override
    async def stream(
        self, endpoint: Endpoint, body: bytes, *, deadline: float, traceparent: str | None = None
    ) -> AsyncIterator[AsyncIterator[list[bytes]]]:
        failure = self.failures.pop(0) if self.failures else None
        if isinstance(failure, list):
            self.asked.append(json.loads(body))
            yield MemoryProvider(failure)._read()
            return
        async with super().stream(endpoint, body, deadline=deadline) as batches:
            if failure is not None:
                raise failure
            yield batches

    @override
    async def complete(
        self, endpoint: Endpoint, body: bytes, *, deadline: float, traceparent: str | None = None
    ) -> bytes:
        whole = await super().complete(endpoint, body, deadline=deadline)
        if self.failures:
            failure = self.failures.pop(0)
            assert isinstance(failure, Exception)
            raise failure
        return whole


def retries(world: World) -> float:
    value = world.registry.get_sample_value(
        "jan_job_retries_total", {"kind": "completion", "code": "provider_error"}
    )
    return value or 0.0


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_failures_that_pass_are_not_seen_by_the_client(body: dict[str, Any]) -> None:
    world = World(FailingProvider(BUSY, BUSY))

    answer = await world.post(body)

    assert answer.status == 200
    assert len(world.provider.asked) == 3
    assert kinds(world)[-1] == "finished"
    assert kinds(world).count("claimed") == 1
    assert retries(world) == 2.0


@pytest.mark.parametrize("body", [BODY, STREAM])
async def test_a_provider_that_stays_away_is_an_error_with_its_status(body: dict[str, Any]) -> None:
    limited = refusal(429, b"", wait=0.0)
    world = World(FailingProvider(BUSY, BUSY, limited))

    answer = await world.post(body)

    assert (answer.status, answer.json["error"]["code"]) == (429, "provider_rate_limited")
    assert len(world.provider.asked) == 3
    assert isinstance(world.bus.events[-1], Failed)


async def test_a_refusal_is_not_repeated() -> None:
    world = World(FailingProvider(refusal(400, b'{"error":{"message":"no","type":"invalid_request_error"}}')))

    answer = await world.post(BODY)

    assert answer.status == 400
    assert len(world.provider.asked) == 1


async def test_what_a_failed_try_brought_unseen_is_dropped_and_the_numbers_begin_at_0() -> None:
    world = World(FailingProvider([[ROLE], cut()], [[ROLE, b'{"error":{"message":"fell over"}}']]))

    answer = await world.post(STREAM)

    chunks = [json.loads(data) for data in answer.data[:-1]]
    assert [one["x_seq"] for one in chunks] == [0, 1, 2]
    assert "role" not in answer.body.decode()  # which only the failed tries said
    assert answer.data[-1] == DONE
    assert len(world.provider.asked) == 3


async def test_a_stream_that_breaks_after_a_token_is_not_asked_again_and_tells_its_usage() -> None:
    world = World(FailingProvider([[chunk("a")], cut()]))

    answer = await world.post(STREAM)

    failed = world.bus.events[-1]
    assert json.loads(answer.data[-1])["error"]["code"] == "provider_stream_cut"
    assert len(world.provider.asked) == 1
    assert isinstance(failed, Failed)
    assert failed.usage is not None
    assert (failed.usage.output_tokens, failed.usage.estimated) == (1, True)


async def test_the_usage_is_that_of_the_try_that_was_seen() -> None:
    told = {"usage": {"prompt_tokens": 90, "completion_tokens": 90}}
    world = World(FailingProvider([[json.dumps({"choices": [], **told}).encode()], cut()]))

    await world.post(STREAM)

    finished = world.bus.events[-1]
    assert isinstance(finished, Finished)
    assert finished.usage is not None
    assert (finished.usage.input_tokens, finished.usage.output_tokens) == (0, 2)


async def test_a_patient_job_waits_as_long_as_the_provider_said() -> None:
    world = World(FailingProvider(refusal(429, b"", wait=3_600.0)))
    envelope = await accepted(world, BODY, patient=True)

    await world.runner.on_record(record_of(envelope))

    assert isinstance(world.bus.events[-1], Postponed)
    assert [after for _, _, after in world.postponer.postponed] == [3_600.0]
    assert len(world.provider.asked) == 1


async def test_a_cancelled_job_does_not_wait_for_its_next_try() -> None:
    world = World(
        FailingProvider(_asking_to_wait()), upstream=QUICK.model_copy(update={"retry_limit": 600.0})
    )
    envelope = await accepted(world, BODY)
    running = asyncio.create_task(world.runner.on_record(record_of(envelope)))
    await world.until(lambda: bool(world.provider.asked))

    world.relay.stop(envelope.job_id)
    await asyncio.wait_for(running, 5.0)

    assert isinstance(world.bus.events[-1], Cancelled)
    assert len(world.provider.asked) == 1


async def test_a_deadline_before_the_next_try_ends_the_job_with_the_providers_error() -> None:
    upstream = ProviderSettings(name="local", retry_limit=10_000.0)
    world = World(FailingProvider(refusal(503, b"", wait=5_000.0)), upstream=upstream)

    answer = await world.post(BODY)

    assert (answer.status, answer.json["error"]["code"]) == (502, "provider_error")


def _asking_to_wait() -> MayPass:
    error = refusal(503, b"", wait=300.0)
    assert isinstance(error, MayPass)
    return error
