"""Whole answers and refusals, over real sockets."""

import asyncio

import pytest

from contracts.errors import ApiError
from contracts.jobs import Endpoint
from infra.settings import ProviderSettings
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream
from tests.workers.completion.asking import (
    BODY,
    SOON,
    Asking,
    ask_folded,
    both_ways,
    failure,
    soon,
)
from workers.completion.provider import HttpProvider, open_provider
from workers.completion.provider.client import MAX_ERROR_BODY


async def test_an_answer_arrives_as_it_was_sent(provider: HttpProvider, upstream: Upstream) -> None:
    script = Script(choices=2)
    upstream.always(script)

    body = await provider.complete(Endpoint.CHAT, BODY, deadline=soon(), traceparent="00-1-2-03")

    assert body == wire.completion(script, {"model": "m"})
    request = await upstream.asked()
    assert request.body == BODY
    assert request.headers["accept"] == "application/json"
    assert request.headers["traceparent"] == "00-1-2-03"


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


@pytest.mark.parametrize("script", [Script(hold=-1), Script(body=b"{", framing="chunked", hold=-1)])
async def test_the_deadline_ends_the_wait(provider: HttpProvider, upstream: Upstream, script: Script) -> None:
    upstream.always(script)

    with pytest.raises(ApiError) as caught:
        await provider.complete(Endpoint.CHAT, BODY, deadline=asyncio.get_running_loop().time() + SOON)

    assert caught.value.detail.code == "provider_timeout"
    await (await upstream.asked()).gone()


async def test_the_total_limit_ends_the_wait(settings: ProviderSettings, upstream: Upstream) -> None:
    upstream.always(Script(hold=-1))

    async with open_provider(settings.model_copy(update={"total_timeout": SOON})) as provider:
        detail = (await failure(provider)).detail

    assert detail.code == "provider_timeout"


async def test_cancelling_closes_the_connection_at_once(provider: HttpProvider, upstream: Upstream) -> None:
    upstream.always(Script(hold=-1))
    task = asyncio.create_task(provider.complete(Endpoint.CHAT, BODY, deadline=soon()))
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
