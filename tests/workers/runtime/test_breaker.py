"""When an endpoint is left alone, on a clock that only the test moves."""

import pytest

from workers.runtime.breaker import LONGEST_PAUSE, Breaker, BreakerRule, BreakerState

RULE = BreakerRule(failures=3, pause=10.0)


def opened(*, at: float = 0.0) -> Breaker:
    """A breaker that opened at a moment."""
    breaker = Breaker(RULE)
    for _ in range(RULE.failures):
        breaker.failed(at)
    return breaker


def test_few_failures_open_nothing() -> None:
    breaker = Breaker(RULE)

    breaker.failed(0.0)
    breaker.failed(1.0)

    assert breaker.state(1.0) is BreakerState.CLOSED
    assert breaker.lets_through(1.0)


def test_only_failures_in_a_row_count() -> None:
    breaker = Breaker(RULE)

    for moment in range(10):
        breaker.failed(float(moment))
        breaker.failed(float(moment))
        breaker.succeeded()

    assert (breaker.state(10.0), breaker.failures) == (BreakerState.CLOSED, 0)


def test_an_open_one_lets_nothing_through_for_its_pause() -> None:
    breaker = opened(at=100.0)

    assert breaker.state(109.9) is BreakerState.OPEN
    assert not breaker.lets_through(109.9)
    assert (breaker.opened_at, breaker.rests_until) == (100.0, 110.0)


def test_after_the_pause_one_call_tries_and_no_other_meanwhile() -> None:
    breaker = opened()

    assert breaker.state(10.0) is BreakerState.HALF_OPEN
    assert breaker.lets_through(10.0)
    breaker.begin(10.0)

    assert not breaker.lets_through(10.1)
    assert not breaker.lets_through(19.9)


def test_a_call_that_never_tells_its_end_gives_way_to_another_after_a_pause() -> None:
    breaker = opened()
    breaker.begin(10.0)

    assert breaker.lets_through(20.0)


def test_one_answer_closes_it_and_the_next_pause_is_short_again() -> None:
    breaker = opened()
    breaker.begin(10.0)
    breaker.failed(10.0)
    breaker.begin(30.0)

    breaker.succeeded()
    for _ in range(RULE.failures):
        breaker.failed(40.0)

    assert breaker.rests_until == 50.0


def test_each_failure_of_the_call_that_tries_doubles_the_pause_up_to_a_minute() -> None:
    breaker = opened()
    pauses = []

    for _ in range(5):
        now = breaker.rests_until
        breaker.begin(now)
        breaker.failed(now)
        pauses.append(breaker.rests_until - now)

    assert pauses == [20.0, 40.0, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]


def test_calls_from_before_it_opened_do_not_make_its_pause_longer() -> None:
    breaker = opened()

    for _ in range(50):
        breaker.failed(1.0)

    assert breaker.rests_until == 10.0


def test_an_answer_that_comes_late_closes_it() -> None:
    breaker = opened()

    breaker.succeeded()

    assert breaker.lets_through(1.0)


def test_a_limited_endpoint_is_left_alone_without_being_ill() -> None:
    breaker = Breaker(RULE)

    breaker.limited(until=30.0)

    assert not breaker.lets_through(29.9)
    assert breaker.state(29.9) is BreakerState.CLOSED
    assert breaker.lets_through(30.0)


@pytest.mark.parametrize(("first", "second", "until"), [(30.0, 20.0, 30.0), (20.0, 30.0, 30.0)])
def test_the_longer_rest_is_kept(first: float, second: float, until: float) -> None:
    breaker = Breaker(RULE)

    breaker.limited(first)
    breaker.limited(second)

    assert breaker.rests_until == until


def test_opening_never_shortens_a_rest_that_was_asked_for() -> None:
    breaker = Breaker(RULE)
    breaker.limited(until=90.0)

    for _ in range(RULE.failures):
        breaker.failed(0.0)

    assert breaker.rests_until == 90.0
