"""When a lane takes another job, on a clock that the tests move."""

import pytest
from prometheus_client import CollectorRegistry

from api_edge.relay.lanes import FEW, MAX_RETRY, MIN_RETRY, UNKNOWN_RETRY, Lanes
from contracts.envelope import Lane
from contracts.errors import ApiError, ErrorDetail
from contracts.topics import COMPLETION
from infra.relay.load import PICTURE_SECONDS, LanePicture, Picture
from infra.settings import EdgeSettings
from infra.telemetry.metrics import EdgeMetrics

LANE = Lane.DEFAULT
DEPTH = 1_000
WAIT = 30.0


class Bench:
    """Lanes, their clock and their dice."""

    def __init__(self, *, jitter: float = 1.0) -> None:
        self.now = 100.0
        self.registry = CollectorRegistry()
        settings = EdgeSettings(lane_wait={LANE: WAIT}, lane_depth=DEPTH)
        stats = EdgeMetrics(self.registry)
        self.lanes = Lanes(COMPLETION, settings, stats, clock=lambda: self.now, jitter=lambda: jitter)

    def learn(
        self, backlog: int, *, running: int = 0, places: int = 0, rate: float = 0.0, age: float = 0.0
    ) -> None:
        lane = LanePicture(backlog=backlog, running=running, places=places, rate=rate)
        self.lanes.learn(Picture(lanes={COMPLETION[LANE].name: lane}), age)

    def room(self, most: int = 5_000) -> int:
        """How many more jobs are let in, at most so many."""
        for count in range(most):
            if self.refusal() is not None:
                return count
        return most

    def refusal(self) -> ErrorDetail | None:
        try:
            self.lanes.admit(LANE)
        except ApiError as error:
            return error.detail
        return None

    def waiting(self) -> list[float | None]:
        """As metrics tell it: jobs and seconds."""
        return [self.metric("jan_lane_waiting"), self.metric("jan_lane_expected_wait_seconds")]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, {"lane": LANE.value, **labels})


def test_of_an_unknown_lane_every_job_is_let_in() -> None:
    bench = Bench()

    assert bench.lanes.of(LANE) is None
    assert bench.room() == 5_000


def test_a_lane_takes_what_begins_in_time() -> None:
    bench = Bench()

    bench.learn(backlog=60, running=10, places=10, rate=5.0)

    assert bench.room() == 5 * WAIT - 50


def test_free_places_are_room() -> None:
    bench = Bench()

    bench.learn(backlog=0, running=0, places=40, rate=2.0)

    assert bench.room() == 40 + 2 * WAIT


def test_few_may_always_wait() -> None:
    bench = Bench()

    bench.learn(backlog=4 + 20, running=4, places=4, rate=0.01)

    assert bench.room() == FEW - 20


@pytest.mark.parametrize(
    ("running", "places", "rate"), [(0, 0, 0.0), (0, 512, 0.0), (512, 512, 0.0), (512, 512, 9_999.0)]
)
def test_no_lane_takes_more_than_its_depth(running: int, places: int, rate: float) -> None:
    bench = Bench()

    bench.learn(backlog=running + 200, running=running, places=places, rate=rate)

    assert bench.room() == DEPTH - 200
    assert bench.refusal() is not None
    assert bench.metric("jan_jobs_refused_total", limit="depth") == 2


def test_a_refusal_says_that_nothing_was_accepted_and_when_to_come_back() -> None:
    bench = Bench()
    bench.learn(backlog=90 * 2 + 4, running=4, places=4, rate=2.0)

    refusal = bench.refusal()

    assert refusal is not None
    assert (refusal.code, refusal.status, refusal.retry_after) == ("overloaded", 503, 90.0)
    assert "not accepted" in refusal.message
    assert bench.metric("jan_jobs_refused_total", limit="wait") == 1


@pytest.mark.parametrize(
    ("rate", "jitter", "seconds"),
    [
        (2.0, 0.0, 50.0),
        (2.0, 1.0, 100.0),
        (0.001, 1.0, MAX_RETRY),
        (0.001, 0.0, MAX_RETRY / 2),
        (1_000.0, 0.0, MIN_RETRY),
    ],
)
def test_those_who_are_refused_together_come_back_apart(rate: float, jitter: float, seconds: float) -> None:
    bench = Bench(jitter=jitter)
    waiting = 200 if rate < 1_000 else DEPTH
    bench.learn(backlog=waiting + 4, running=4, places=4, rate=rate)

    refusal = bench.refusal()

    assert refusal is not None
    assert refusal.retry_after == seconds


def test_what_was_let_in_since_the_picture_waits_too() -> None:
    bench = Bench()
    bench.learn(backlog=4, running=4, places=4, rate=2.0)
    assert bench.room() == 2 * WAIT

    refusal = bench.refusal()

    assert refusal is not None
    assert refusal.retry_after == WAIT


def test_without_a_worker_a_full_lane_is_worth_another_try_after_a_restart() -> None:
    bench = Bench()
    bench.learn(backlog=DEPTH)

    refusal = bench.refusal()

    assert refusal is not None
    assert refusal.retry_after == UNKNOWN_RETRY
    load = bench.lanes.of(LANE)
    assert load is not None
    assert (load.waiting, load.expected_wait) == (DEPTH, None)


def test_each_picture_makes_room_anew() -> None:
    bench = Bench()
    bench.learn(backlog=DEPTH - 3)
    assert bench.room() == 3

    bench.lanes.mark()
    bench.now += 1
    bench.learn(backlog=DEPTH - 5, age=0.5)

    assert bench.room() == 5


def test_what_was_let_in_after_a_picture_was_taken_comes_on_top_of_it() -> None:
    bench = Bench()
    bench.lanes.mark()
    bench.now += 1
    for _ in range(7):
        bench.lanes.admit(LANE)
    bench.lanes.mark()
    bench.now += 1
    for _ in range(2):
        bench.lanes.admit(LANE)

    bench.learn(backlog=DEPTH - 10, age=1.0)
    newer = bench.room()
    bench.learn(backlog=DEPTH - 10 - newer, age=1.5)

    assert newer == 10 - 2
    assert bench.room() == 10 + newer - (7 + 2 + newer)


def test_other_lanes_are_not_touched() -> None:
    bench = Bench()
    bench.learn(backlog=DEPTH)

    bench.lanes.admit(Lane.PRIORITY)

    assert bench.refusal() is not None
    assert bench.lanes.of(Lane.PRIORITY) is None


def test_an_old_picture_says_nothing() -> None:
    bench = Bench()
    bench.learn(backlog=DEPTH, age=4.0)
    bench.now += PICTURE_SECONDS - 4.1
    assert bench.refusal() is not None

    bench.now += 0.2

    assert bench.refusal() is None
    assert bench.lanes.of(LANE) is None
    bench.lanes.mark()
    assert bench.waiting() == [None, None]


def test_metrics_tell_how_busy_a_lane_is() -> None:
    bench = Bench()

    bench.learn(backlog=24, running=4, places=4, rate=2.0)
    known = bench.waiting()
    bench.learn(backlog=24)

    assert known == [20, 10]
    assert bench.waiting() == [24, None]
