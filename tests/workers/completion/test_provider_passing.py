"""Which failures of a real connection may pass, and what the provider says of when."""

import pytest
from pydantic import SecretStr

from contracts.errors import ErrorCode
from infra.settings import ProviderSettings
from tests.upstream.script import Script
from tests.upstream.server import Upstream
from tests.workers.completion.asking import Asking, ask_folded, both_ways, failure
from workers.completion.core import MayPass
from workers.completion.provider import HttpProvider, open_provider

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"
KEY = "a key like no other"
SOON = "Wed, 21 Oct 2026 07:28:09 GMT"


@both_ways
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ((("Retry-After", "300"),), 300.0),
        ((("Retry-After", SOON), ("Date", DATE)), 9.0),
        ((("Retry-After", SOON.replace("2026", "1999")),), 0.0),
        ((), None),
    ],
)
async def test_a_busy_provider_says_how_long_to_wait(
    provider: HttpProvider,
    upstream: Upstream,
    asking: Asking,
    headers: tuple[tuple[str, str], ...],
    seconds: float | None,
) -> None:
    upstream.always(Script(status=503, headers=headers))

    error = await failure(provider, asking)

    assert isinstance(error, MayPass)
    assert error.after == seconds


@both_ways
async def test_a_provider_that_accepts_no_connection_may_be_back_soon(
    provider: HttpProvider, upstream: Upstream, asking: Asking
) -> None:
    upstream.refuse()

    error = await failure(provider, asking)

    assert isinstance(error, MayPass)
    assert error.detail.code == ErrorCode.PROVIDER_UNREACHABLE


@both_ways
@pytest.mark.parametrize(
    "script", [Script(fault="reset", after=-1), Script(fault="close", after=-1)], ids=str
)
async def test_a_connection_that_ends_unanswered_may_be_a_restart(
    provider: HttpProvider, upstream: Upstream, asking: Asking, script: Script
) -> None:
    upstream.always(script)

    assert isinstance(await failure(provider, asking), MayPass)


@pytest.mark.parametrize("fault", ["reset", "close", "error"])
async def test_a_stream_that_breaks_may_be_asked_again_where_nothing_was_shown(
    provider: HttpProvider, upstream: Upstream, fault: str
) -> None:
    upstream.always(Script.named(f"?fault={fault}&after=1", Script()))

    assert isinstance(await failure(provider, ask_folded), MayPass)


@pytest.mark.parametrize(
    "script", [Script(status=400), Script(status=401), Script(body=b"no json"), Script(body=b"{}")], ids=str
)
async def test_what_would_only_fail_again_does_not_pass(
    provider: HttpProvider, upstream: Upstream, script: Script
) -> None:
    upstream.always(script)

    assert not isinstance(await failure(provider), MayPass)


async def test_a_provider_that_never_began_to_speak_has_had_its_time(
    settings: ProviderSettings, upstream: Upstream
) -> None:
    upstream.always(Script(hold=-1))
    impatient = settings.model_copy(update={"first_token_timeout": 0.2})

    async with open_provider(impatient) as provider:
        error = await failure(provider, ask_folded)

    assert error.detail.code == ErrorCode.PROVIDER_TIMEOUT
    assert not isinstance(error, MayPass)


async def test_a_key_in_a_passing_failure_is_blacked_out_and_it_still_passes(
    settings: ProviderSettings, upstream: Upstream
) -> None:
    body = b'{"error":{"message":"busy, dear %b"}}' % KEY.encode()
    upstream.always(Script(status=503, body=body, headers=(("Retry-After", "3"),)))

    async with open_provider(settings.model_copy(update={"key": SecretStr(KEY)})) as provider:
        error = await failure(provider)

    assert isinstance(error, MayPass)
    assert error.after == 3.0
    assert KEY not in error.detail.message
