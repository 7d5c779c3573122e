"""Whether and when a failed call is tried again."""

import pytest

from workers.completion.core import RetryRule, next_try

RULE = RetryRule(retries=3, base=0.5, limit=15.0)


def wait(
    failed: int,
    *,
    elapsed: float = 0.0,
    left: float = 600.0,
    after: float | None = None,
    chance: float = 1.0,
    rule: RetryRule = RULE,
) -> float | None:
    return next_try(rule, failed, elapsed=elapsed, left=left, after=after, chance=chance)


def test_each_wait_may_be_twice_as_long_as_the_one_before() -> None:
    assert [wait(failed) for failed in (1, 2, 3)] == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 0.0), (0.25, 0.25), (1.0, 1.0)])
def test_chance_takes_any_part_of_a_wait(chance: float, seconds: float) -> None:
    assert wait(2, chance=chance) == seconds


def test_there_are_as_many_further_tries_as_the_rule_says() -> None:
    assert wait(4) is None
    assert wait(1, rule=RetryRule(retries=0, base=0.5, limit=15.0)) is None


@pytest.mark.parametrize(
    ("elapsed", "after", "seconds"), [(0.0, 15.0, 15.0), (0.0, 15.1, None), (8.0, 7.5, None)]
)
def test_the_providers_own_wait_is_kept_where_it_fits_and_gives_up_where_not(
    elapsed: float, after: float, seconds: float | None
) -> None:
    assert wait(1, elapsed=elapsed, after=after) == seconds


def test_a_provider_that_asks_for_less_than_the_step_gets_the_step() -> None:
    assert wait(3, after=0.1) == 2.0


def test_a_try_that_took_all_the_time_is_the_last() -> None:
    assert wait(1, elapsed=15.5, chance=0.0) is None


@pytest.mark.parametrize(("left", "seconds"), [(0.51, 0.5), (0.5, None), (-1.0, None)])
def test_no_wait_reaches_the_deadline(left: float, seconds: float | None) -> None:
    assert wait(1, left=left) == seconds


def test_a_great_number_of_tries_overflows_nothing() -> None:
    rule = RetryRule(retries=10_000, base=0.5, limit=float("inf"))

    assert wait(9_999, left=float("inf"), rule=rule) == wait(5_000, left=float("inf"), rule=rule)
