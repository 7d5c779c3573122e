"""What a call is taken to cost, before anybody answers it."""

from dataclasses import dataclass

import pytest

from infra.limits.prices import Prices
from infra.registry.costs import ExpectedCosts
from infra.registry.offers import Offer, Price, Provider
from infra.registry.registry import Registry

DEAR = Provider("prov_1", "dear", vendor="openai")
CHEAP = Provider("prov_2", "cheap", vendor="openrouter")
HOME = Provider("prov_3", "home", is_listed=False)


@dataclass
class Fixed:
    """A registry that stays the same."""

    current: Registry


COSTS = ExpectedCosts(
    Fixed(
        Registry(
            [
                Offer(DEAR, "gpt-4o", "openai/gpt-4o", price=Price(9_000_000, 9_000_000)),
                Offer(CHEAP, "openai/gpt-4o", "openai/gpt-4o", price=Price(1_000_000, 2_000_000)),
                Offer(HOME, "llama", "meta/llama"),
            ],
            [DEAR, CHEAP, HOME],
        )
    ),
    Prices({"*": "5/5"}).cost,
)


@pytest.mark.parametrize(
    ("model", "micro_usd"),
    [
        ("gpt-4o", 10 * 1 + 5 * 2),
        ("dear/gpt-4o", 15 * 9),
        ("llama", 15 * 5),
        ("unknown", 15 * 5),
    ],
)
def test_a_call_costs_what_the_first_to_be_asked_takes_or_what_the_settings_say(
    model: str, micro_usd: int
) -> None:
    assert COSTS.of(model, 10, 5) == micro_usd
