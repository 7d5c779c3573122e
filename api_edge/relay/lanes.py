"""How busy the lanes are, and whether one takes another job: decided before anything is accepted.

A lane is full when so many jobs wait that a new one would begin too late, or simply too many. `learn` turns
each picture into the number of jobs that this edge may let in until the next; so the hot path looks up one
number and compares. A picture that is too old says nothing, and every job is let in: producing decides then.
"""

import random
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from math import inf
from typing import Protocol

from contracts.envelope import Lane
from contracts.errors import ApiError, ErrorCode
from contracts.topics import Topic
from infra.relay.load import PICTURE_SECONDS, LaneLoad, Picture, load_of
from infra.settings import EdgeSettings

FEW = 50
"""So many may wait whatever the expected wait, which says little of few."""
MIN_RETRY = 1.0
MAX_RETRY = 120.0
UNKNOWN_RETRY = 30.0
"""Seconds after which to come back when no worker lives, or none has begun a job: a restart takes less."""
MARKS = 16
"""Moments whose counts are kept: pictures are younger than so many looks."""


class LaneStats(Protocol):
    """What is counted of lanes."""

    def lane(self, lane: str, waiting: int, expected_wait: float | None) -> None: ...
    def lane_unknown(self, lane: str) -> None: ...
    def refused(self, lane: str, limit: str) -> None: ...


class Lanes:
    """What this edge knows of the lanes of one kind of job."""

    def __init__(
        self,
        topics: Mapping[Lane, Topic],
        settings: EdgeSettings,
        stats: LaneStats,
        *,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.topics = topics
        self._settings = settings
        self._stats = stats
        self._clock = clock
        self._jitter = jitter
        self._loads: dict[Lane, LaneLoad] = {}
        self._until = -inf
        """The clock's time from which on the last picture says nothing."""
        self._admitted: Counter[Lane] = Counter()
        self._most: dict[Lane, float] = {}
        """The count of admitted jobs at which a lane is full."""
        self._marks: deque[tuple[float, Counter[Lane]]] = deque(maxlen=MARKS)

    def of(self, lane: Lane) -> LaneLoad | None:
        """A lane's load; None when nothing is known of now."""
        return self._loads.get(lane) if self._clock() < self._until else None

    def admit(self, lane: Lane) -> None:
        """Let a job in. Raises ApiError when its lane is full."""
        admitted = self._admitted[lane]
        if admitted >= self._most.get(lane, inf) and self._clock() < self._until:
            raise self._refusal(self._loads[lane])
        self._admitted[lane] = admitted + 1

    def mark(self) -> None:
        """Remember how many were let in until now: a picture that is taken later holds them."""
        now = self._clock()
        self._marks.append((now, self._admitted.copy()))
        if now >= self._until and self._loads:
            for lane in self._loads:
                self._stats.lane_unknown(lane.value)
            self._loads, self._most = {}, {}

    def learn(self, picture: Picture, age: float) -> None:
        """Take over a picture of `age` seconds ago; what was let in since comes on top of it."""
        measured = self._clock() - age
        before = self._admitted_at(measured)
        unix = time.time() - age
        self._until = measured + PICTURE_SECONDS
        self._loads = {
            lane: load_of(lane, picture.lanes[topic.name], unix)
            for lane, topic in self.topics.items()
            if topic.name in picture.lanes
        }
        self._most = {
            lane: before[lane] + self._bound(load) - load.waiting for lane, load in self._loads.items()
        }
        for lane, load in self._loads.items():
            self._stats.lane(lane.value, load.waiting, load.expected_wait)

    def _admitted_at(self, moment: float) -> Counter[Lane]:
        """The counts of the last mark before a moment, so that rather too many come on top than too few."""
        known = [counts for at, counts in self._marks if at <= moment]
        return known[-1] if known else self._marks[0][1] if self._marks else self._admitted.copy()

    def _bound(self, load: LaneLoad) -> float:
        """How many may wait."""
        depth = self._settings.lane_depth
        if load.expected_wait is None:
            return depth
        in_time = load.free + load.rate * self._settings.lane_wait[load.lane] if load.rate else inf
        return min(depth, max(FEW, in_time))

    def _refusal(self, load: LaneLoad) -> ApiError:
        bound = self._bound(load)
        self._stats.refused(load.lane.value, "depth" if bound >= self._settings.lane_depth else "wait")
        # So many wait by now, whatever the picture says. From half of their time on, so that those who were
        # refused together do not come back together.
        waiting = max(bound, load.waiting) - load.free
        wait = waiting / load.rate if load.rate else UNKNOWN_RETRY
        after = max(MIN_RETRY, min(MAX_RETRY, wait) * (1 + self._jitter()) / 2)
        message = f"The {load.lane.value} lane is full and the request was not accepted; try again later"
        return ApiError(ErrorCode.OVERLOADED, message, retry_after=after)
