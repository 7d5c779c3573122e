"""The names of models that carry a behaviour."""

import pytest

from tests.bench.behaviour import Behaviour, behaviour_of


def test_a_name_carries_the_behaviour_and_back() -> None:
    behaviour = behaviour_of("mock-250-100-10000")

    assert behaviour == Behaviour(first_ms=250, tokens=100, gap_us=10_000)
    assert behaviour.model == "mock-250-100-10000"


def test_the_time_of_an_answer_is_its_first_token_and_the_gaps() -> None:
    assert Behaviour(first_ms=250, tokens=100, gap_us=10_000).seconds == pytest.approx(0.25 + 99 * 0.01)


@pytest.mark.parametrize("name", ["gpt-4", "mock-1-2", "mock-0-0-0", "mock-a-1-0", "xmock-0-1-0"])
def test_other_names_carry_none(name: str) -> None:
    assert behaviour_of(name) is None
