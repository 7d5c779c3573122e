"""Streams of a scripted provider, over real sockets."""

import asyncio
import json

import pytest

from contracts.events import Usage
from contracts.jobs import Endpoint
from infra.settings import ProviderSettings
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream
from tests.workers.completion.hearing import BODY, TRACEPARENT, folded, heard, next_of, soon
from workers.completion.core import upstream_body
from workers.completion.provider import HttpProvider, open_provider


async def test_a_stream_arrives_whole(provider: HttpProvider, upstream: Upstream) -> None:
    script = Script(tokens=300)
    upstream.always(script)

    text, outcome = await folded(provider)

    assert text == wire.text(script)
    assert outcome.model == "m"
    assert outcome.finish_reason == "stop"
    assert outcome.usage == Usage(input_tokens=11, output_tokens=300, cached_tokens=3)


async def test_the_body_arrives_as_it_was_sent(provider: HttpProvider, upstream: Upstream) -> None:
    await heard(provider)

    request = await upstream.asked()
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.body == BODY
    assert request.headers["content-type"] == "application/json"
    assert request.headers["accept"] == "text/event-stream"
    assert "authorization" not in request.headers
    assert "traceparent" not in request.headers


async def test_a_body_of_megabytes_arrives(provider: HttpProvider, upstream: Upstream) -> None:
    body = upstream_body({"stream": True, "messages": [{"content": "x" * 5_000_000}]}, model="m")

    async with provider.stream(Endpoint.CHAT, body, deadline=soon()) as batches:
        await anext(batches)

    assert (await upstream.asked()).body == body


async def test_the_key_and_the_trace_travel_along(settings: ProviderSettings, upstream: Upstream) -> None:
    given = ProviderSettings.model_validate(settings.model_dump() | {"key": "sk-secret-secret"})

    async with (
        open_provider(given) as provider,
        provider.stream(Endpoint.CHAT, BODY, deadline=soon(), traceparent=TRACEPARENT) as batches,
    ):
        await anext(batches)

    headers = (await upstream.asked()).headers
    assert headers["authorization"] == "Bearer sk-secret-secret"
    assert headers["traceparent"] == TRACEPARENT


async def test_payloads_come_as_soon_as_they_are_there(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.always(Script(hold=3))

    async with provider.stream(Endpoint.CHAT, BODY, deadline=soon()) as batches:
        assert await next_of(batches, 3) == 3
        (await upstream.asked()).release()
        await next_of(batches, 1)


@pytest.mark.parametrize(
    "script",
    [
        Script(newline="\r\n"),
        Script(newline="\r\n", slice=1),
        Script(comments=True),
        Script(comments=True, slice=5),
        Script(bom=True),
        Script(bom=True, slice=1),
        Script(space=False),
        Script(multiline=True),
        Script(multiline=True, newline="\r\n", slice=3),
        Script(framing="until_close"),
        Script(done=False),
        Script(done=False, framing="until_close"),
        Script(usage="always"),
        Script(usage="finish"),
        Script(usage="every"),
        Script(headers=(("content-type", "text/plain"),)),
        Script(headers=(("content-type", "TEXT/EVENT-STREAM"),)),
    ],
    ids=str,
)
async def test_every_way_to_write_a_stream_is_read(
    provider: HttpProvider, upstream: Upstream, script: Script
) -> None:
    upstream.always(script)

    text, outcome = await folded(provider)

    assert text == wire.text(script)
    assert outcome.usage == Usage(input_tokens=11, output_tokens=8, cached_tokens=3)


async def test_usage_that_is_never_told_is_counted(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.always(Script(usage="never", reasoning=2))

    _, outcome = await folded(provider)

    assert outcome.usage == Usage(output_tokens=10, estimated=True)


async def test_several_choices_arrive(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.always(Script(choices=3))

    text, outcome = await folded(provider, choices=3)

    assert text == wire.text(Script())
    assert outcome.usage == Usage(input_tokens=11, output_tokens=24, cached_tokens=3)


async def test_a_tool_call_arrives(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.always(Script(tool=True))

    payloads = await heard(provider)

    deltas = [choice["delta"] for payload in payloads[:-1] for choice in json.loads(payload)["choices"]]
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    assert json.loads("".join(call["function"]["arguments"] for call in calls)) == {"word": "xxxxxxxx"}
    assert (await folded(provider))[1].finish_reason == "tool_calls"


async def test_connections_are_used_again(provider: HttpProvider, upstream: Upstream) -> None:
    for _ in range(3):
        await folded(provider)
        await provider.drained()

    assert {request.connection for request in upstream.chats} == {1}


async def test_a_stream_ends_with_done_though_its_connection_stays_open(
    provider: HttpProvider, upstream: Upstream
) -> None:
    upstream.always(Script(lingers=True))

    text, _ = await folded(provider)

    assert text == wire.text(Script())


async def test_leaving_early_closes_the_connection(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.always(Script(hold=3))

    async with provider.stream(Endpoint.CHAT, BODY, deadline=soon()) as batches:
        await anext(batches)

    await (await upstream.asked()).gone()


@pytest.mark.parametrize("hold", [-1, 0, 3])
async def test_cancelling_closes_the_connection_at_once(
    provider: HttpProvider, upstream: Upstream, hold: int
) -> None:
    upstream.always(Script(hold=hold))
    task = asyncio.create_task(heard(provider))
    request = await upstream.asked()

    task.cancel()
    await request.gone()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_of_the_reader_passes_and_closes_the_connection(
    provider: HttpProvider, upstream: Upstream
) -> None:
    upstream.always(Script(hold=3))

    with pytest.raises(ZeroDivisionError):
        async with provider.stream(Endpoint.CHAT, BODY, deadline=soon()):
            raise ZeroDivisionError

    await (await upstream.asked()).gone()
