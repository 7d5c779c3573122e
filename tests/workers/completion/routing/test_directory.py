"""Whom a worker asks, and in which order."""

import random
from collections import Counter

import pytest

from contracts.errors import ApiError, ErrorCode
from contracts.events import Usage
from contracts.jobs import Endpoint as Asked
from infra.registry.offers import Endpoint, Offer
from infra.registry.registry import Registry
from tests.workers.completion.routing.known import (
    SEALER,
    SETTINGS,
    FixedRegistry,
    directory,
    provider,
    registry,
)
from workers.completion.core import may_pass, refusal
from workers.completion.routing.directory import Directory, OfferedCandidate

ILL = ApiError(ErrorCode.PROVIDER_UNREACHABLE, "gone")
LIMITED = refusal(429, b"", wait=60.0)


async def ordered(routes: Directory, model: str = "jan/m") -> list[OfferedCandidate]:
    candidates = routes.ordered(await routes.candidates(model, Asked.CHAT))
    return [one for one in candidates if isinstance(one, OfferedCandidate)]


async def urls(routes: Directory) -> list[str]:
    return [one.contact.endpoint.url for one in await ordered(routes)]


async def fail(candidate: OfferedCandidate, failure: ApiError, times: int) -> None:
    for _ in range(times):
        candidate.begin()
        await candidate.end(failure)


async def test_every_endpoint_is_a_candidate_the_cheapest_provider_first() -> None:
    routes = directory(provider("a", "http://a1", "http://a2"), provider("b"))

    candidates = await routes.candidates("jan/m", Asked.CHAT)

    assert [(one.provider, one.model) for one in candidates] == [("a", "a-m"), ("a", "a-m"), ("b", "b-m")]
    assert candidates[2].cost(Usage(input_tokens=3, output_tokens=1)) == 8


async def test_a_provider_that_is_named_is_asked_alone() -> None:
    routes = directory(provider("a"), provider("b"))

    assert [one.provider for one in await ordered(routes, "b/b-m")] == ["b"]


async def test_the_least_priority_comes_first_within_a_provider() -> None:
    spare = (Endpoint("http://spare", priority=1), Endpoint("http://first", priority=0))
    routes = directory(provider("a", endpoints=spare), provider("b", "http://other"))

    assert await urls(routes) == ["http://first", "http://spare", "http://other"]


async def test_endpoints_of_one_priority_are_asked_by_weight() -> None:
    both = (Endpoint("http://light", weight=1), Endpoint("http://heavy", weight=3))
    known = FixedRegistry(registry(provider("a", endpoints=both)))
    routes = Directory(known, SETTINGS, SEALER, chance=random.Random(7).random)  # noqa: S311  a fair coin

    first = Counter([(await urls(routes))[0] for _ in range(2_000)])

    assert 1_400 < first["http://heavy"] < 1_600


async def test_who_is_ill_is_asked_last_and_first_again_when_well() -> None:
    routes = directory(provider("a", "http://a1", "http://a2"), provider("b", "http://b"))
    ill = (await ordered(routes))[0]

    await fail(ill, ILL, times=2)
    while_ill = await urls(routes)
    ill.begin()
    await ill.end(None)

    assert while_ill == ["http://a2", "http://b", "http://a1"]
    assert await urls(routes) == ["http://a1", "http://a2", "http://b"]


async def test_who_limits_us_is_left_alone_for_as_long_as_it_said() -> None:
    routes = directory(provider("a", "http://a"), provider("b", "http://b"))

    await fail((await ordered(routes))[0], LIMITED, times=1)

    assert await urls(routes) == ["http://b", "http://a"]


async def test_when_all_are_ill_the_soonest_to_be_well_is_asked() -> None:
    routes = directory(provider("a", "http://a"), provider("b", "http://b"))
    first, second = await ordered(routes)

    await fail(first, LIMITED, times=1)
    await fail(second, ILL, times=2)

    assert await urls(routes) == ["http://b", "http://a"]  # 30 s, 60 s


@pytest.mark.parametrize(
    "failure",
    [
        refusal(400, b'{"error":{"message":"no","type":"invalid_request_error"}}'),
        refusal(404, b'{"error":{"message":"no","code":"model_not_found"}}'),
        ApiError(ErrorCode.WORKER_LOST, "does not go on"),
        ApiError(ErrorCode.DEPENDENCY_DOWN, "ours"),
    ],
    ids=str,
)
async def test_failures_that_are_not_the_endpoints_make_nobody_ill(failure: ApiError) -> None:
    routes = directory(provider("a", "http://a"), provider("b", "http://b"))

    await fail((await ordered(routes))[0], failure, times=10)

    assert await urls(routes) == ["http://a", "http://b"]


async def test_cancelled_calls_tell_nothing() -> None:
    routes = directory(provider("a", "http://a"), provider("b", "http://b"))
    candidate = (await ordered(routes))[0]

    for _ in range(10):
        candidate.begin()
        await candidate.abandon()

    assert await urls(routes) == ["http://a", "http://b"]


async def test_health_outlives_the_request_but_not_a_change_of_the_provider() -> None:
    known = FixedRegistry(registry(provider("a", "http://a"), provider("b", "http://b")))
    routes = Directory(known, SETTINGS, SEALER, chance=lambda: 0.5)
    await fail((await ordered(routes))[0], may_pass(ILL), times=2)
    while_ill = await urls(routes)

    known.current = registry(provider("a", "http://a", revision=2), provider("b", "http://b"))

    assert while_ill == ["http://b", "http://a"]
    assert await urls(routes) == ["http://a", "http://b"]


async def test_an_older_reading_of_a_provider_replaces_nothing() -> None:
    newer = provider("a", "http://a", revision=2)
    routes = directory(newer)

    contact = routes.contact(newer, newer.endpoints[0])

    assert routes.contact(provider("a", "http://a", revision=1), newer.endpoints[0]) is contact


async def test_endpoints_that_nobody_has_any_more_are_let_go() -> None:
    known = FixedRegistry(registry(provider("a", "http://a1", "http://a2")))
    routes = Directory(known, SETTINGS, SEALER)
    await ordered(routes)

    known.current = registry(provider("a", "http://a2", "http://a3", revision=2))
    routes.forget_others()
    await ordered(routes)

    assert sorted(contact.endpoint.url for contact in routes.contacts()) == ["http://a2", "http://a3"]
    await routes.close()


async def test_an_unknown_model_is_looked_for_once_more() -> None:
    known = FixedRegistry(registry(), next=registry(provider("new")))
    routes = Directory(known, SETTINGS, SEALER)

    assert [one.provider for one in await ordered(routes)] == ["new"]
    assert known.looked == 1


@pytest.mark.parametrize(
    ("offer", "endpoint", "code"),
    [
        (None, Asked.CHAT, "model_not_found"),
        (Offer(provider("a", endpoints=()), "m", "jan/m"), Asked.CHAT, "model_not_found"),
        (Offer(provider("a"), "m", "jan/m", supports=frozenset({"embeddings"})), Asked.CHAT, "invalid_value"),
        (
            Offer(provider("a"), "m", "jan/m", lacks=frozenset({"embeddings"})),
            Asked.EMBEDDINGS,
            "invalid_value",
        ),
    ],
)
async def test_what_nobody_offers_is_told(offer: Offer | None, endpoint: Asked, code: str) -> None:
    offers = [] if offer is None else [offer]
    routes = Directory(FixedRegistry(Registry(offers, [one.provider for one in offers])), SETTINGS, SEALER)

    with pytest.raises(ApiError) as caught:
        await routes.candidates("jan/m", endpoint)

    assert (caught.value.detail.code, caught.value.detail.param) == (code, "model")
