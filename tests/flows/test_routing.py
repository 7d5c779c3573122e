"""Several providers of one model, through edge and worker: what one cannot answer, another does."""

import asyncio
import json
from typing import Any

import pytest

from contracts.errors import ApiError, ErrorCode
from contracts.events import Cancelled, Failed, Finished
from tests.flows.providers import MemoryCandidate, all_of
from tests.flows.test_chat_completion import BODY, GOOD, STREAM, WHOLE, chunk, kinds
from tests.flows.test_continuation import BODY as COUNTED
from tests.flows.test_continuation import CountingProvider, resumed, text, uncut
from tests.flows.test_delivery import accepted, record_of
from tests.flows.test_tries import ROLE, FailingProvider
from tests.flows.world import MemoryProvider, World
from tests.upstream import wire
from tests.upstream.script import Script
from workers.completion.core import bad_answer, may_pass, refusal
from workers.completion.provider.patience import silent
from workers.completion.provider.trouble import cut

NO_MODEL = b'{"error":{"message":"The model `m` does not exist","code":"model_not_found"}}'
TOO_LONG = b'{"error":{"message":"too long","type":"invalid_request_error","code":"context_length_exceeded"}}'
FAILURES = {
    "dead": may_pass(ApiError(ErrorCode.PROVIDER_UNREACHABLE, "gone")),
    "slow": silent("its first token", 1.0),
    "cut before a token": cut(),
    "wrong": bad_answer("no chunk"),
    "500": refusal(500, b""),
    "401": refusal(401, b""),
    "402": refusal(402, b""),
    "403": refusal(403, b""),
    "404": refusal(404, NO_MODEL),
    "429": refusal(429, b"", wait=60.0),
}


def candidate(provider: MemoryProvider | ApiError, name: str, **changes: Any) -> MemoryCandidate:
    """It calls the model by a name of its own; fields by name."""
    return MemoryCandidate(provider, name, f"{name}-m", **changes)


def good() -> MemoryProvider:
    return MemoryProvider(GOOD, WHOLE)


def finished(world: World) -> Finished:
    last = world.bus.events[-1]
    assert isinstance(last, Finished)
    return last


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
async def test_what_one_provider_fails_at_another_answers_unseen(
    body: dict[str, Any], failure: ApiError
) -> None:
    bad, well = FailingProvider(failure), good()
    candidates = [candidate(bad, "a"), candidate(well, "b")]
    world = World(well, routes=all_of(*candidates))

    answer = await world.post(body)

    assert answer.status == 200
    assert finished(world).provider == "b"
    assert [one.asked[0]["model"] for one in (bad, well)] == ["a-m", "b-m"]
    assert [one.ends for one in candidates] == [[failure.detail.code], [None]]
    assert kinds(world).count("claimed") == 1
    assert world.registry.get_sample_value(
        "jan_provider_errors_total", {"provider": "a", "code": str(failure.detail.code)}
    )


async def test_what_fails_behind_the_role_is_answered_elsewhere_from_the_first_number_on() -> None:
    bad, well = FailingProvider([[ROLE], cut()]), good()
    world = World(well, routes=all_of(candidate(bad, "a"), candidate(well, "b")))

    answer = await world.post(STREAM)

    assert [json.loads(data)["x_seq"] for data in answer.data[:-1]] == [0, 1, 2]
    assert "role" not in answer.body.decode()


async def test_what_was_shown_is_never_answered_elsewhere() -> None:
    bad, well = FailingProvider([[chunk("a")], cut()]), good()
    world = World(well, routes=all_of(candidate(bad, "a", price=2), candidate(well, "b")))

    answer = await world.post(STREAM)

    assert json.loads(answer.data[-1])["error"]["code"] == "provider_stream_cut"
    assert well.asked == []
    failed = world.bus.events[-1]
    assert isinstance(failed, Failed)
    assert failed.usage is not None
    assert (failed.usage.output_tokens, failed.usage.micro_usd) == (1, 2)


async def test_a_fault_of_the_request_is_told_by_the_first_who_finds_it() -> None:
    bad, well = FailingProvider(refusal(400, TOO_LONG)), good()
    world = World(well, routes=all_of(candidate(bad, "a"), candidate(well, "b")))

    answer = await world.post(BODY)

    assert (answer.status, answer.json["error"]["code"]) == (400, "context_length_exceeded")
    assert well.asked == []


async def test_who_cannot_even_be_asked_is_passed_over() -> None:
    well = good()
    sealed = ApiError(ErrorCode.PROVIDER_UNREACHABLE, "its key does not open")
    world = World(well, routes=all_of(candidate(sealed, "a"), candidate(well, "b")))

    answer = await world.post(BODY)

    assert answer.status == 200
    assert finished(world).provider == "b"


@pytest.mark.parametrize(
    ("failures", "status", "code"),
    [
        (["401", "404"], 404, "model_not_found"),
        (["404", "401"], 502, "provider_error"),
        (["dead", "401"], 502, "provider_unreachable"),
        (["slow", "500"], 502, "provider_error"),
        (["slow", "wrong"], 502, "provider_bad_answer"),
        (["401", "429"], 429, "provider_rate_limited"),
    ],
)
async def test_when_all_fail_the_client_gets_what_may_pass_else_the_last(
    failures: list[str], status: int, code: str
) -> None:
    first, second = (FailingProvider(*[FAILURES[name]] * 3) for name in failures)
    world = World(first, routes=all_of(candidate(first, "a"), candidate(second, "b")))

    answer = await world.post(BODY)

    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert kinds(world)[-1] == "failed"


@pytest.mark.parametrize("body", [BODY, STREAM], ids=["whole", "stream"])
async def test_an_answer_costs_what_its_own_provider_takes(body: dict[str, Any]) -> None:
    well = good()
    bad = candidate(FailingProvider(FAILURES["dead"]), "a", price=1_000)
    world = World(well, routes=all_of(bad, candidate(well, "b", price=7)))

    await world.post(body)

    usage = finished(world).usage
    assert usage is not None
    assert usage.micro_usd == 7 * (usage.input_tokens + usage.output_tokens) > 0


async def test_without_a_price_no_cost_is_told() -> None:
    world = World(good())

    await world.post(BODY)

    usage = finished(world).usage
    assert usage is not None
    assert (usage.micro_usd, finished(world).provider) == (None, "local")


async def test_a_cancelled_answer_costs_what_was_written_of_it() -> None:
    provider = MemoryProvider([[chunk("a")], asyncio.Event()])
    one = candidate(provider, "a", price=3)
    world = World(provider, routes=all_of(one))
    envelope = await accepted(world, STREAM)
    running = asyncio.create_task(world.runner.on_record(record_of(envelope)))
    await world.until(lambda: bool(world.relay.logs.get(envelope.job_id)))

    world.relay.stop(envelope.job_id)
    await asyncio.wait_for(running, 5.0)

    cancelled = world.bus.events[-1]
    assert isinstance(cancelled, Cancelled)
    assert cancelled.usage is not None
    assert cancelled.usage.micro_usd == 3
    assert one.ends == ["gone"]


async def test_a_lost_answer_is_gone_on_with_by_who_can() -> None:
    whole = await uncut()
    unable, able = MemoryProvider(), CountingProvider()
    world = World(
        able, routes=all_of(candidate(unable, "a"), candidate(able, "b", prefill="llama.cpp", price=1))
    )

    _, log = await resumed(world, whole[:4])

    assert text(log) == wire.text(Script(tokens=6))
    assert unable.asked == []
    end = finished(world)
    assert end.usage is not None
    assert (end.provider, end.usage.micro_usd) == ("b", end.usage.input_tokens + end.usage.output_tokens)


async def test_who_refuses_to_go_on_gives_way_to_who_does() -> None:
    whole = await uncut()
    refusing, able = FailingProvider(refusal(400, TOO_LONG)), CountingProvider()
    candidates = [
        candidate(refusing, "a", prefill="vllm"),
        candidate(able, "b", prefill="llama.cpp"),
    ]
    world = World(able, routes=all_of(*candidates))

    _, log = await resumed(world, whole[:4])

    assert text(log) == wire.text(Script(tokens=6))
    assert candidates[0].ends == ["worker_lost"]


async def test_a_lost_answer_that_nobody_can_go_on_with_costs_what_was_shown() -> None:
    whole = await uncut()
    unable = MemoryProvider()
    world = World(unable, routes=all_of(candidate(unable, "a", price=2), candidate(unable, "b")))

    await resumed(world, whole[:4], COUNTED)

    failed = world.bus.events[-1]
    assert isinstance(failed, Failed)
    assert failed.error.code == "worker_lost"
    assert failed.usage is not None
    assert failed.usage.micro_usd == 2 * (failed.usage.input_tokens + failed.usage.output_tokens)
