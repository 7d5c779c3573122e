"""Percentiles, and figures over rounds."""

import pytest

from tests.bench.figures import Spread, percentile, short, spread


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(100, 0, -1)]

    assert percentile(values, 0.5) == 50.0
    assert percentile(values, 0.99) == 99.0
    assert percentile([3.0], 0.99) == 3.0


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_a_spread_leaves_out_what_was_not_measured() -> None:
    assert spread([3.0, None, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
    assert spread([None]) is None


@pytest.mark.parametrize(
    ("value", "text"), [(12_345.6, "12,346"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23")]
)
def test_figures_are_written_short(value: float, text: str) -> None:
    assert short(value) == text


def test_a_spread_of_one_round_is_one_figure() -> None:
    assert str(Spread(2.0, 2.0, 2.0)) == "2.00"
    assert str(Spread(2.0, 1.0, 3.0)) == "2.00 (1.00-3.00)"
