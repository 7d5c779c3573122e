"""Whole answers, refusals and unreachable providers, over real sockets."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing

import pytest

from contracts.errors import ApiError
from infra.settings import ProviderSettings
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream
from workers.completion.core import Stream, upstream_body, whole_answer
from workers.completion.provider import HttpProvider, open_provider, pool
from workers.completion.provider.client import MAX_ERROR_BODY

BODY = upstream_body({"messages": []}, model="m")
STREAM_BODY = upstream_body({"messages": [], "stream": True}, model="m")
SOON = 0.2
"""A limit that is meant to pass, in seconds; long enough to connect on a busy machine."""

Asking = Callable[[HttpProvider], Awaitable[object]]


def soon() -> float:
    """A deadline that no good test reaches."""
    return asyncio.get_running_loop().time() + 20.0


async def ask_whole(provider: HttpProvider) -> object:
    return whole_answer(await provider.complete(BODY, deadline=soon()), "chatcmpl-1", "default")


async def ask_stream(provider: HttpProvider) -> object:
    async with provider.stream(STREAM_BODY, deadline=soon()) as batches:
        return [batch async for batch in batches]


async def ask_folded(provider: HttpProvider) -> object:
    stream = Stream("chatcmpl-1", "default", wants_usage=False)
    async with provider.stream(STREAM_BODY, deadline=soon()) as batches:
        return [stream.feed(payload) async for batch in batches for payload in batch]


async def failure(provider: HttpProvider, asking: Asking = ask_whole) -> ApiError:
    with pytest.raises(ApiError) as caught:
        await asking(provider)
    return caught.value


both_ways = pytest.mark.parametrize("asking", [ask_whole, ask_stream])


async def test_an_answer_arrives_as_it_was_sent(provider: HttpProvider, upstream: Upstream) -> None:
    script = Script(choices=2)
    upstream.always(script)

    body = await provider.complete(BODY, deadline=soon(), traceparent="00-1-2-03")

    assert body == wire.completion(script, {"model": "m"})
    request = await upstream.asked()
    assert request.body == BODY
    assert request.headers["accept"] == "application/json"
    assert request.headers["traceparent"] == "00-1-2-03"


async def test_connections_are_used_again(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.next(Script(), Script(status=400, body=wire.error(400, "no")), Script())
    await ask_whole(provider)
    await failure(provider)
    await ask_whole(provider)

    assert {request.connection for request in upstream.chats} == {1}


@both_ways
async def test_a_refusal_keeps_the_providers_words(
    provider: HttpProvider, upstream: Upstream, asking: Asking
) -> None:
    body = b'{"error":{"message":"n is too large","type":"invalid_request_error","param":"n","code":"range"}}'
    upstream.always(Script(status=400, body=body))

    detail = (await failure(provider, asking)).detail

    assert (detail.status, detail.code, detail.param) == (400, "range", "n")
    assert detail.message == "n is too large"


@both_ways
@pytest.mark.parametrize("status", [301, 302, 307, 308, 401, 403, 404, 418, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [b"", b"<html>no</html>"])
async def test_any_other_status_is_a_provider_error(
    provider: HttpProvider, upstream: Upstream, asking: Asking, status: int, body: bytes
) -> None:
    location = ("location", upstream.url + "/elsewhere")
    upstream.always(Script(status=status, body=body, headers=(("content-type", "text/html"), location)))

    detail = (await failure(provider, asking)).detail

    assert (detail.code, detail.status) == ("provider_error", 502)
    assert f"status {status}" in detail.message
    assert len(upstream.requests) == 1


@both_ways
async def test_a_rate_limit_says_when_to_come_back(
    provider: HttpProvider, upstream: Upstream, asking: Asking
) -> None:
    upstream.always(Script(status=429, body=b"slow down", headers=(("retry-after", "600"),)))

    detail = (await failure(provider, asking)).detail

    assert (detail.code, detail.status, detail.retry_after) == ("provider_rate_limited", 429, 120.0)


@both_ways
async def test_of_a_huge_error_only_the_start_is_read(
    provider: HttpProvider, upstream: Upstream, asking: Asking
) -> None:
    upstream.always(Script(status=500, body=b"x" * (50 * MAX_ERROR_BODY)))

    detail = (await failure(provider, asking)).detail

    assert detail.message == "The provider answered with status 500."
    await (await upstream.asked()).gone()


@both_ways
async def test_an_error_whose_body_breaks_off_is_told_by_its_status(
    provider: HttpProvider, upstream: Upstream, asking: Asking
) -> None:
    upstream.always(Script(status=503, body=b'{"error":', framing="short_length"))

    assert "status 503" in (await failure(provider, asking)).detail.message


async def test_an_answer_that_breaks_off_is_cut(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.always(Script(body=b'{"choices":[', framing="short_length"))

    assert (await failure(provider)).detail.code == "provider_stream_cut"


@both_ways
@pytest.mark.parametrize(
    "script", [Script(fault="reset", after=-1), Script(fault="close", after=-1), Script(raw=b"")], ids=str
)
async def test_a_connection_that_closes_unanswered_is_unreachable(
    provider: HttpProvider, upstream: Upstream, asking: Asking, script: Script
) -> None:
    upstream.always(script)

    detail = (await failure(provider, asking)).detail

    assert (detail.code, detail.status) == ("provider_unreachable", 502)
    assert detail.message == "The provider closed the connection unanswered."
    assert len(upstream.chats) == 1


@both_ways
async def test_a_used_connection_that_is_lost_at_once_is_replaced(
    provider: HttpProvider, upstream: Upstream, asking: Asking
) -> None:
    upstream.next(Script(), Script(fault="reset", after=-1), Script())
    await asking(provider)
    await provider.drained()

    await asking(provider)

    assert [request.connection for request in upstream.chats] == [1, 1, 2]


async def test_a_used_connection_that_is_lost_later_is_an_error(
    provider: HttpProvider, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then the provider may have worked, so that asking again would cost twice."""
    monkeypatch.setattr(pool, "AT_ONCE", 0.0)
    upstream.next(Script(), Script(fault="reset", after=-1), Script())
    await ask_whole(provider)

    detail = (await failure(provider)).detail

    assert detail.code == "provider_unreachable"
    assert len(upstream.chats) == 2


async def test_tries_have_an_end(provider: HttpProvider, upstream: Upstream) -> None:
    """Three connections are opened at once and kept; then each is lost when it is used again."""
    upstream.always(Script(hold=-1))
    asked = [asyncio.create_task(ask_whole(provider)) for _ in range(3)]
    await upstream.asked(3)
    for request in upstream.chats:
        request.release()
    await asyncio.gather(*asked)
    upstream.always(Script(fault="reset", after=-1))

    detail = (await failure(provider)).detail

    assert detail.code == "provider_unreachable"
    assert len(upstream.chats) == 6


@both_ways
async def test_a_provider_that_is_down_is_unreachable_until_it_is_back(
    provider: HttpProvider, upstream: Upstream, asking: Asking
) -> None:
    upstream.refuse()

    detail = (await failure(provider, asking)).detail

    assert (detail.code, detail.message) == (
        "provider_unreachable",
        "The provider does not accept connections.",
    )
    await upstream.accept()
    await asking(provider)


@both_ways
@pytest.mark.parametrize("url", ["http://no-such-host.invalid/v1", "http://:99999/v1", "nonsense"])
async def test_an_address_that_leads_nowhere_is_unreachable(asking: Asking, url: str) -> None:
    async with open_provider(ProviderSettings(url=url)) as provider:
        detail = (await failure(provider, asking)).detail

    assert (detail.code, detail.status) == ("provider_unreachable", 502)
    assert "invalid/v1" not in detail.message


async def test_a_server_without_tls_is_no_secure_provider(settings: ProviderSettings) -> None:
    given = settings.model_copy(update={"url": settings.url.replace("http:", "https:")})

    async with open_provider(given) as provider:
        detail = (await failure(provider)).detail

    assert (detail.code, detail.status) == ("provider_unreachable", 502)


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose queue is full, so that connecting to it never ends."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as server:
        port = server.getsockname()[1]
        waiting = []
        for _ in range(8):
            client = socket.socket()
            client.settimeout(0)
            client.connect_ex(("127.0.0.1", port))
            waiting.append(client)
        yield port
        for client in waiting:
            client.close()


@both_ways
async def test_a_connection_that_is_never_made_times_out(full_port: int, asking: Asking) -> None:
    settings = ProviderSettings(url=f"http://127.0.0.1:{full_port}/v1", connect_timeout=SOON)

    async with open_provider(settings) as provider:
        detail = (await failure(provider, asking)).detail

    assert (detail.code, detail.status) == ("provider_timeout", 504)
    assert detail.message == "No connection to the provider could be made in time."


@pytest.mark.parametrize("script", [Script(hold=-1), Script(body=b"{", framing="chunked", hold=-1)])
async def test_the_deadline_ends_the_wait(provider: HttpProvider, upstream: Upstream, script: Script) -> None:
    upstream.always(script)

    with pytest.raises(ApiError) as caught:
        await provider.complete(BODY, deadline=asyncio.get_running_loop().time() + SOON)

    assert caught.value.detail.code == "provider_timeout"
    await (await upstream.asked()).gone()


async def test_the_total_limit_ends_the_wait(settings: ProviderSettings, upstream: Upstream) -> None:
    upstream.always(Script(hold=-1))

    async with open_provider(settings.model_copy(update={"total_timeout": SOON})) as provider:
        detail = (await failure(provider)).detail

    assert detail.code == "provider_timeout"


async def test_cancelling_closes_the_connection_at_once(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.always(Script(hold=-1))
    task = asyncio.create_task(provider.complete(BODY, deadline=soon()))
    request = await upstream.asked()

    task.cancel()
    await request.gone()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_answer_over_the_limit_is_a_bad_answer(
    settings: ProviderSettings, upstream: Upstream
) -> None:
    upstream.always(Script(body=b'{"x":"' + b"x" * 200_000 + b'"}'))

    async with open_provider(settings.model_copy(update={"max_answer": 100_000})) as provider:
        detail = (await failure(provider)).detail

    assert detail.code == "provider_bad_answer"
    assert "100,000" in detail.message


@both_ways
@pytest.mark.parametrize("status", [200, 400, 429, 500])
async def test_neither_key_nor_address_is_told(
    settings: ProviderSettings, upstream: Upstream, asking: Asking, status: int
) -> None:
    key = "my-very-own-key"
    address = upstream.url.removeprefix("http://").removesuffix("/v1")
    told = f'{{"error":{{"message":"{key} not valid at {upstream.url} ({address})","code":400}}}}'
    upstream.always(Script(status=status, body=told.encode()))
    given = ProviderSettings.model_validate(settings.model_dump() | {"key": key})

    async with open_provider(given) as provider:
        error = await failure(provider, asking)

    assert "not valid at" in error.detail.message
    for secret in (key, address, "127.0.0.1"):
        assert secret not in error.detail.message
        assert secret not in str(error)


async def test_an_error_inside_a_stream_tells_no_key(settings: ProviderSettings, upstream: Upstream) -> None:
    upstream.always(Script(fault="error", after=2, error='{"error":"my-very-own-key is used up"}'))
    given = ProviderSettings.model_validate(settings.model_dump() | {"key": "my-very-own-key"})

    async with open_provider(given) as provider:
        error = await failure(provider, ask_folded)

    assert error.detail.message == "[redacted] is used up"


async def test_models_are_listed(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.listed[:] = ["b", "a"]

    assert [model.id for model in await provider.models()] == ["a", "b"]


async def test_a_provider_without_a_list_offers_the_configured_models(
    settings: ProviderSettings, upstream: Upstream
) -> None:
    bare = settings.model_copy(update={"url": upstream.url + "/other", "models": ("m-2", "m-1")})

    async with open_provider(bare) as provider:
        models = await provider.models()

    assert [(model.id, model.owned_by) for model in models] == [("m-2", "local"), ("m-1", "local")]


async def test_a_provider_without_a_list_or_configured_models_is_an_error(
    settings: ProviderSettings, upstream: Upstream
) -> None:
    async with open_provider(settings.model_copy(update={"url": upstream.url + "/other"})) as provider:
        with pytest.raises(ApiError):
            await provider.models()


async def test_models_of_a_provider_that_is_down_are_an_error(
    provider: HttpProvider, upstream: Upstream
) -> None:
    upstream.refuse()

    with pytest.raises(ApiError) as caught:
        await provider.models()

    assert caught.value.detail.code == "provider_unreachable"
