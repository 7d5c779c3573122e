"""Failures of a provider with Anthropic's API, over real sockets, and what it is not even asked."""

from typing import Any

import pytest

from contracts.errors import ApiError
from contracts.jobs import Endpoint
from tests.upstream import anthropic, wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream
from tests.workers.completion.anthropic.asking import both_ways, heard
from tests.workers.completion.anthropic.conftest import KEY
from tests.workers.completion.hearing import soon
from workers.completion.anthropic import AnthropicProvider
from workers.completion.core import MayPass


@pytest.mark.parametrize(
    ("fault", "after"), [("close", 5), ("reset", 5), ("end", 5), ("close", 2), ("end", 1)]
)
async def test_a_cut_stream_is_told_as_cut(
    claude: AnthropicProvider,
    upstream: Upstream,
    fault: Any,
    after: int,  # one of Fault
) -> None:
    upstream.always(Script(fault=fault, after=after))

    with pytest.raises(MayPass) as caught:
        await heard(claude)

    assert caught.value.detail.code == "provider_stream_cut"


async def test_a_stream_without_its_last_event_is_whole_when_its_reason_came(
    claude: AnthropicProvider, upstream: Upstream
) -> None:
    upstream.always(Script(done=False))

    whole, ending = await heard(claude)

    assert whole["choices"][0]["message"]["content"] == wire.text(Script())
    assert ending.finish_reason == "stop"


async def test_an_error_event_is_the_error(claude: AnthropicProvider, upstream: Upstream) -> None:
    overloaded = anthropic.error("overloaded_error", "Overloaded").decode()
    upstream.always(Script(fault="error", after=4, error=overloaded))

    with pytest.raises(MayPass) as caught:
        await heard(claude)

    assert (caught.value.detail.code, caught.value.detail.message) == ("provider_error", "Overloaded")


@both_ways
@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (400, "invalid_request_error", (400, None)),
        (401, "authentication_error", (502, "provider_error")),
        (404, "not_found_error", (404, None)),
        (413, "request_too_large", (413, None)),
        (429, "rate_limit_error", (429, "provider_rate_limited")),
        (529, "overloaded_error", (502, "provider_error")),
    ],
)
async def test_refusals_are_told_like_openais(
    claude: AnthropicProvider,
    upstream: Upstream,
    ask: Any,  # as above
    status: int,
    kind: str,
    told: tuple[int, str | None],
) -> None:
    headers = (("retry-after", "7"),) if status == 429 else ()
    upstream.always(Script(status=status, body=anthropic.error(kind, f"no, {KEY}"), headers=headers))

    with pytest.raises(ApiError) as caught:
        await ask(claude)

    detail = caught.value.detail
    assert (detail.status, detail.code) == told
    assert KEY not in detail.message
    assert detail.retry_after == (7.0 if status == 429 else None)


@both_ways
async def test_an_account_without_credit_is_no_fault_of_the_asker(
    claude: AnthropicProvider,
    upstream: Upstream,
    ask: Any,  # as above
) -> None:
    poor = anthropic.error("invalid_request_error", "Your credit balance is too low to access this API.")
    upstream.always(Script(status=400, body=poor))

    with pytest.raises(ApiError) as caught:
        await ask(claude)

    assert caught.value.detail.code == "provider_error"
    assert "credit balance" not in caught.value.detail.message


@both_ways
async def test_what_anthropic_refuses_is_told_in_its_words(
    claude: AnthropicProvider,
    upstream: Upstream,
    ask: Any,  # as above
) -> None:
    with pytest.raises(ApiError) as caught:
        await ask(claude, temperature=1.5)

    assert caught.value.detail.message == "temperature: range: 0..1"


@both_ways
async def test_what_cannot_be_translated_is_refused_unasked(
    claude: AnthropicProvider,
    upstream: Upstream,
    ask: Any,  # as above
) -> None:
    with pytest.raises(ApiError) as caught:
        await ask(claude, n=2)

    assert (caught.value.detail.code, caught.value.detail.param) == ("unsupported_parameter", "n")
    assert upstream.requests == []


@pytest.mark.parametrize("endpoint", [Endpoint.EMBEDDINGS, Endpoint.COMPLETIONS])
async def test_other_endpoints_are_refused_unasked(
    claude: AnthropicProvider, upstream: Upstream, endpoint: Endpoint
) -> None:
    with pytest.raises(ApiError) as caught:
        await claude.complete(endpoint, b"{}", deadline=soon())
    with pytest.raises(ApiError):
        async with claude.stream(endpoint, b"{}", deadline=soon()):
            pass

    assert caught.value.detail.status == 400
    assert endpoint.value in caught.value.detail.message
    assert upstream.requests == []
