"""Streams of a scripted provider, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from contracts.errors import ApiError
from contracts.events import Usage
from infra.settings import ProviderSettings
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream
from workers.completion.core import Outcome, Stream, upstream_body
from workers.completion.provider import HttpProvider, open_provider

BODY = upstream_body({"stream": True, "messages": []}, model="m")
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SOON = 0.2
"""A limit that is meant to pass, in seconds; long enough to connect on a busy machine."""


def soon() -> float:
    """A deadline that no good test reaches."""
    return asyncio.get_running_loop().time() + 20.0


async def heard(provider: HttpProvider, *, deadline: float | None = None) -> list[bytes]:
    async with provider.stream(BODY, deadline=deadline or soon()) as batches:
        return [payload async for batch in batches for payload in batch]


async def failure(provider: HttpProvider, *, deadline: float | None = None) -> ApiError:
    """The error of a stream that is folded as the worker does."""
    with pytest.raises(ApiError) as caught:
        await folded(provider, deadline=deadline)
    return caught.value


async def folded(
    provider: HttpProvider, *, choices: int = 1, deadline: float | None = None
) -> tuple[str, Outcome]:
    """The text of the first choice, and what the stream came to."""
    stream = Stream("chatcmpl-1", "default", wants_usage=False, choices=choices)
    text = ""
    async with provider.stream(BODY, deadline=deadline or soon()) as batches:
        async for batch in batches:
            for payload in batch:
                text += text_of(stream.feed(payload))
    return text, stream.close()


def text_of(chunk: bytes | None) -> str:
    choices = json.loads(chunk)["choices"] if chunk else []
    return "".join(choice["delta"].get("content") or "" for choice in choices if choice["index"] == 0)


async def next_of(batches: AsyncIterator[list[bytes]], count: int) -> int:
    """Read until so many payloads have come; how many it were."""
    got = 0
    while got < count:
        got += len(await anext(batches))
    return got


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

    async with provider.stream(body, deadline=soon()) as batches:
        await anext(batches)

    assert (await upstream.asked()).body == body


async def test_the_key_and_the_trace_travel_along(settings: ProviderSettings, upstream: Upstream) -> None:
    given = ProviderSettings.model_validate(settings.model_dump() | {"key": "sk-secret-secret"})

    async with (
        open_provider(given) as provider,
        provider.stream(BODY, deadline=soon(), traceparent=TRACEPARENT) as batches,
    ):
        await anext(batches)

    headers = (await upstream.asked()).headers
    assert headers["authorization"] == "Bearer sk-secret-secret"
    assert headers["traceparent"] == TRACEPARENT


async def test_payloads_come_as_soon_as_they_are_there(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.always(Script(hold=3))

    async with provider.stream(BODY, deadline=soon()) as batches:
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

    async with provider.stream(BODY, deadline=soon()) as batches:
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
        async with provider.stream(BODY, deadline=soon()):
            raise ZeroDivisionError

    await (await upstream.asked()).gone()


@pytest.mark.parametrize(
    "script",
    [
        Script(fault="reset", after=3, hold=3),
        Script(fault="close", after=3),
        Script(fault="close", after=0),
        Script(fault="end", after=3),
        Script(fault="end", after=0),
        Script(fault="end", after=3, framing="until_close"),
        Script(fault="reset", after=3, hold=3, framing="until_close"),
        Script(fault="close", after=9, done=False),
        Script(finish="", done=False),
        Script(finish=""),
        Script(framing="short_length", done=False),
        Script(tokens=0, finish="", usage="never"),
    ],
    ids=str,
)
async def test_a_stream_that_breaks_off_is_cut(
    provider: HttpProvider, upstream: Upstream, script: Script
) -> None:
    upstream.always(script)
    told = asyncio.create_task(failure(provider))
    (await upstream.asked()).release()

    detail = (await told).detail

    assert (detail.code, detail.status) == ("provider_stream_cut", 502)


async def test_what_came_before_the_cut_is_delivered(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.always(Script(fault="reset", after=4, hold=4))

    async with provider.stream(BODY, deadline=soon()) as batches:
        assert await next_of(batches, 4) == 4
        (await upstream.asked()).release()
        with pytest.raises(ApiError, match="broke"):
            await anext(batches)


async def test_a_bad_chunk_size_is_a_cut_stream(provider: HttpProvider, upstream: Upstream) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    upstream.always(Script(raw=head + b"8\r\ndata: {}\r\nnonsense\r\n"))

    assert (await failure(provider)).detail.code in {"provider_stream_cut", "provider_bad_answer"}


@pytest.mark.parametrize(
    "script",
    [
        Script(fault="bad_json", after=0),
        Script(fault="bad_json", after=3),
        Script(payloads=(b"null", b"[DONE]")),
        Script(payloads=(b'{"no":"choices"}',)),
        Script(payloads=(b"plain text",)),
        Script(body=b"", headers=(("content-type", "text/html"),)),
        Script(body=b"<html>welcome</html>", headers=(("content-type", "text/html"),)),
        Script(body=b'{"choices":[{"index":0,"message":{"content":"whole"}}]}'),
        Script(body=b"not json"),
        Script(raw=b"SSH-2.0-OpenSSH_9.9\r\n"),
        Script(raw=b"HTTP/1.1 banana\r\n\r\n"),
    ],
    ids=str,
)
async def test_what_is_no_stream_is_a_bad_answer(
    provider: HttpProvider, upstream: Upstream, script: Script
) -> None:
    upstream.always(script)

    detail = (await failure(provider)).detail

    assert (detail.code, detail.status) == ("provider_bad_answer", 502)


async def test_a_line_without_end_is_a_bad_answer(settings: ProviderSettings, upstream: Upstream) -> None:
    upstream.always(Script(fault="huge_line", after=2, size=2_000_000))
    given = settings.model_copy(update={"max_line": 100_000})

    async with open_provider(given) as provider:
        detail = (await failure(provider)).detail

    assert detail.code == "provider_bad_answer"
    await (await upstream.asked()).gone()


@pytest.mark.parametrize("after", [0, 3])
async def test_an_error_inside_the_stream_is_told(
    provider: HttpProvider, upstream: Upstream, after: int
) -> None:
    upstream.always(Script(fault="error", after=after))

    detail = (await failure(provider)).detail

    assert (detail.code, detail.message, detail.status) == ("fell_over", "the model fell over", 502)


async def test_an_error_body_under_status_200_is_told(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.always(Script(body=b'{"error":{"message":"no such tool","type":"invalid_request_error"}}'))

    detail = (await failure(provider)).detail

    assert (detail.message, detail.status) == ("no such tool", 400)


@pytest.mark.parametrize(
    ("script", "awaited", "told"),
    [
        (Script(hold=-1), "first_token_timeout", "its first token"),
        (Script(hold=0), "first_token_timeout", "its first token"),
        (Script(fault="silence", after=3), "token_timeout", "another token"),
    ],
)
async def test_silence_ends_the_stream(
    settings: ProviderSettings, upstream: Upstream, script: Script, awaited: str, told: str
) -> None:
    upstream.always(script)
    given = settings.model_copy(update={awaited: SOON})

    async with open_provider(given) as provider:
        detail = (await failure(provider)).detail

    assert (detail.code, detail.status) == ("provider_timeout", 504)
    assert told in detail.message
    await (await upstream.asked()).gone()


async def test_comments_are_no_tokens(settings: ProviderSettings, upstream: Upstream) -> None:
    """A provider that only keeps the connection alive, or drips a line byte by byte, is as good as silent."""
    upstream.always(Script(payloads=(b"",) * 10_000, comments=True, gap=SOON / 5))
    given = settings.model_copy(update={"first_token_timeout": SOON})

    async with open_provider(given) as provider:
        detail = (await failure(provider)).detail

    assert "its first token" in detail.message


@pytest.mark.parametrize("script", [Script(hold=-1), Script(tokens=10_000, gap=SOON / 5)])
async def test_the_deadline_ends_the_stream(
    provider: HttpProvider, upstream: Upstream, script: Script
) -> None:
    upstream.always(script)

    error = await failure(provider, deadline=asyncio.get_running_loop().time() + SOON)

    assert error.detail.message == "The provider did not finish its answer in the time allowed."
    await (await upstream.asked()).gone()
