"""How long a stream may be silent, on a clock of our own."""

from collections.abc import Callable

import pytest

from contracts.errors import ApiError
from infra.settings import ProviderSettings
from workers.completion.provider.patience import Patience


class HandTimer:
    """A call at a moment of our own clock."""

    def __init__(self, when: float, callback: Callable[[], None]) -> None:
        self.when = when
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class HandClock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.armed: list[HandTimer] = []

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> HandTimer:
        self.armed.append(HandTimer(when, callback))
        return self.armed[-1]

    def pass_until(self, moment: float) -> None:
        """Fire what is due, in order."""
        while due := [timer for timer in self.armed if timer.when <= moment and not timer.cancelled]:
            timer = min(due, key=lambda timer: timer.when)
            self.now = max(self.now, timer.when)
            timer.cancel()
            timer.callback()
        self.now = moment


class Waiting:
    """A stream's patience, and what it gave up with."""

    def __init__(self, clock: HandClock, deadline: float = 1_000.0) -> None:
        settings = ProviderSettings(first_token_timeout=100.0, token_timeout=10.0, total_timeout=600.0)
        self.errors: list[ApiError] = []
        self.patience = Patience(settings, deadline, clock)
        self.patience.watch(self.errors.append)

    @property
    def said(self) -> list[str]:
        return [error.detail.message for error in self.errors]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_the_first_token_has_its_own_limit_from_the_request_on(clock: HandClock) -> None:
    waiting = Waiting(clock)
    clock.pass_until(60.0)
    waiting.patience.begin()

    clock.pass_until(99.9)
    assert not waiting.said
    clock.pass_until(100.0)

    assert waiting.said == ["The provider did not send its first token within 100 s."]
    assert waiting.errors[0].detail.code == "provider_timeout"


def test_silence_between_tokens_is_limited(clock: HandClock) -> None:
    waiting = Waiting(clock)
    for moment in (1.0, 9.0, 18.0):
        waiting.patience.begin()
        clock.pass_until(moment)
        waiting.patience.end()
    waiting.patience.begin()

    clock.pass_until(27.9)
    assert not waiting.said
    clock.pass_until(28.0)

    assert waiting.said == ["The provider did not send another token within 10 s."]


def test_time_in_which_nobody_waits_does_not_count(clock: HandClock) -> None:
    waiting = Waiting(clock)
    waiting.patience.begin()
    waiting.patience.end()

    clock.pass_until(500.0)
    waiting.patience.begin()
    clock.pass_until(509.0)

    assert not waiting.said


def test_the_deadline_ends_a_stream_that_never_falls_silent(clock: HandClock) -> None:
    waiting = Waiting(clock, deadline=50.0)
    for moment in range(1, 50):
        waiting.patience.begin()
        clock.pass_until(float(moment))
        waiting.patience.end()
    waiting.patience.begin()
    clock.pass_until(50.0)

    assert waiting.said == ["The provider did not finish its answer in the time allowed."]


def test_the_total_limit_is_a_deadline_too(clock: HandClock) -> None:
    waiting = Waiting(clock, deadline=float("inf"))
    waiting.patience.begin()
    waiting.patience.end()
    clock.pass_until(599.0)
    waiting.patience.begin()
    clock.pass_until(600.0)

    assert waiting.said == ["The provider did not finish its answer in the time allowed."]


def test_a_closed_patience_gives_nothing_up(clock: HandClock) -> None:
    waiting = Waiting(clock)
    waiting.patience.begin()
    waiting.patience.close()

    clock.pass_until(10_000.0)

    assert not waiting.said


def test_tokens_cost_no_timers(clock: HandClock) -> None:
    waiting = Waiting(clock)
    for token in range(1_000):
        waiting.patience.begin()
        clock.pass_until(token / 1_000)
        waiting.patience.end()

    assert len(clock.armed) <= 3
