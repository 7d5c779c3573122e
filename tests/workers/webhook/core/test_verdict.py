"""What follows from a try."""

import pytest

from infra.settings import WebhookSettings
from workers.webhook.core.verdict import Again, Delivered, GivenUp, Outcome, verdict_on

DELAYS = (5.0, 300.0)


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_every_success_is_delivered(status: int) -> None:
    assert verdict_on(Outcome(0.1, status), 0, DELAYS, 0.0) == Delivered()


@pytest.mark.parametrize("status", [100, 301, 302, 307, 400, 404, 429, 500, 503, None])
def test_everything_else_is_tried_again(status: int | None) -> None:
    assert verdict_on(Outcome(0.1, status), 0, DELAYS, 0.0) == Again(5.0)
    assert verdict_on(Outcome(0.1, status), 1, DELAYS, 0.0) == Again(300.0)


def test_the_last_try_of_the_schedule_is_the_last() -> None:
    assert verdict_on(Outcome(0.1, 500), 2, DELAYS, 0.0) == GivenUp()


def test_gone_is_gone_at_once() -> None:
    assert verdict_on(Outcome(0.1, 410), 0, DELAYS, 0.0) == GivenUp(is_gone=True)


def test_chance_shortens_a_wait_a_little() -> None:
    assert verdict_on(Outcome(0.1, 500), 1, DELAYS, 1.0) == Again(270.0)


def test_a_receiver_may_ask_for_a_longer_wait_and_not_for_a_shorter_one() -> None:
    assert verdict_on(Outcome(0.1, 503, retry_after=60.0), 0, DELAYS, 0.0) == Again(60.0)
    assert verdict_on(Outcome(0.1, 503, retry_after=60.0), 1, DELAYS, 0.0) == Again(300.0)


def test_the_usual_schedule_ends_within_72_hours() -> None:
    delays = WebhookSettings().delays

    assert 71 * 3_600 < sum(delays) <= 72 * 3_600
    assert list(delays) == sorted(delays)
