"""What tokens cost."""

import pytest

from infra.limits.prices import Prices


def test_a_model_has_its_own_price_or_that_of_any() -> None:
    prices = Prices({"vendor/gpt-x": "1.5/6", "*": "0.5/2"})

    assert prices.cost("vendor/gpt-x", 1_000, 100) == 2_100
    assert prices.cost("other", 1_000, 100) == 700
    assert prices.cost(None, 1_000, 100) == 700


def test_parts_of_a_millionth_are_rounded_up_and_nothing_else_is() -> None:
    prices = Prices({"*": "0.1/0"})

    assert (prices.cost("m", 1, 0), prices.cost("m", 30, 0)) == (1, 3)


def test_without_a_price_nothing_is_paid() -> None:
    assert Prices({"paid": "1/1"}).cost("free", 10**6, 10**6) == 0


@pytest.mark.parametrize("text", ["", "1", "1/2/3", "a/b", "-1/1", "1/inf", "nan/1"])
def test_what_is_no_pair_of_prices_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the price of m"):
        Prices({"m": text})
