"""Streams that break, lie or fall silent, over real sockets."""

import asyncio

import pytest

from contracts.errors import ApiError
from contracts.jobs import Endpoint
from infra.settings import ProviderSettings
from tests.upstream.script import Script
from tests.upstream.server import Upstream
from tests.workers.completion.hearing import BODY, SOON, failure, next_of, soon
from workers.completion.provider import HttpProvider, open_provider


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

    async with provider.stream(Endpoint.CHAT, BODY, deadline=soon()) as batches:
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
