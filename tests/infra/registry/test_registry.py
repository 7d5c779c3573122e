"""Which offers a model's name means, and what they cost."""

import pytest

from contracts.events import Usage
from infra.registry.offers import Offer, Price, Provider
from infra.registry.registry import Registry

OPENAI = Provider("prov_1", "openai", vendor="openai")
ROUTER = Provider("prov_2", "router", vendor="openrouter")
LOCAL = Provider("prov_3", "local", vendor="jan")
GUESSING = Provider("prov_4", "new", is_listed=False)

AT_OPENAI = Offer(OPENAI, "gpt-4o", "openai/gpt-4o", price=Price(2_500_000, 10_000_000))
AT_ROUTER = Offer(ROUTER, "openai/gpt-4o", "openai/gpt-4o", price=Price(2_000_000, 9_000_000))
AT_HOME = Offer(LOCAL, "llama-3-8b", "meta/llama-3-8b")
FREE_LLAMA = Offer(ROUTER, "meta/llama-3-8b", "meta/llama-3-8b")
OTHERS_LLAMA = Offer(ROUTER, "acme/llama-3-8b", "acme/llama-3-8b", price=Price(0, 0))


def registry(*offers: Offer) -> Registry:
    return Registry(offers, list({offer.provider.name: offer.provider for offer in offers}.values()))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gpt-4o", [AT_ROUTER, AT_OPENAI]),
        ("openai/gpt-4o", [AT_OPENAI, AT_ROUTER]),
        ("router/openai/gpt-4o", [AT_ROUTER]),
        ("router/gpt-4o", [AT_ROUTER]),
        ("openai/gpt-4", []),
        ("gpt-4O", []),
        ("", []),
    ],
)
def test_a_name_means_every_provider_of_its_model_the_cheapest_first(name: str, meant: list[Offer]) -> None:
    assert list(registry(AT_OPENAI, AT_ROUTER).resolve(name)) == meant


def test_a_short_name_of_several_models_means_the_one_that_is_offered_cheapest() -> None:
    known = registry(AT_HOME, FREE_LLAMA, OTHERS_LLAMA)

    assert list(known.resolve("llama-3-8b")) == [AT_HOME, FREE_LLAMA]
    assert list(known.resolve("acme/llama-3-8b")) == [OTHERS_LLAMA]


def test_what_has_no_price_comes_behind_what_has_one() -> None:
    free = Offer(LOCAL, "gpt-4o", "openai/gpt-4o")

    assert list(registry(free, AT_OPENAI).resolve("gpt-4o")) == [AT_OPENAI, free]


def test_a_provider_that_never_told_its_models_may_have_any() -> None:
    known = Registry([AT_OPENAI], [OPENAI, GUESSING])

    (guess,) = known.resolve("new/whatever-7b")

    assert (guess.provider, guess.original_id) == (GUESSING, "whatever-7b")
    assert known.known("new/whatever-7b") == ()
    assert known.resolve("gpt-4o") == (AT_OPENAI,)
    assert known.resolve("whatever-7b") == ()
    assert len(Registry([], [GUESSING]).resolve("whatever-7b")) == 1


@pytest.mark.parametrize(
    ("price", "usage", "micro_usd"),
    [
        (Price(1_000_000, 2_000_000), Usage(input_tokens=10, output_tokens=5), 20),
        (Price(1_000_000, 0, cached=100_000), Usage(input_tokens=10, cached_tokens=10), 1),
        (Price(1_000_000, 0), Usage(input_tokens=10, cached_tokens=10), 10),
        (Price(1_000_000, 0, cached=0), Usage(input_tokens=1, cached_tokens=9), 0),
        (Price(1, 1), Usage(input_tokens=1), 1),
        (Price(0, 0), Usage(input_tokens=10**9, output_tokens=10**9), 0),
    ],
)
def test_a_price_is_of_a_million_tokens_and_rounded_up(price: Price, usage: Usage, micro_usd: int) -> None:
    assert price.cost(usage) == micro_usd
