"""What is measured: the load of each scenario, and how long it lasts."""

from dataclasses import dataclass
from typing import Literal

from tests.bench.behaviour import Behaviour

Kind = Literal["paced", "requests", "frames", "memory"]
STREAM_TOKENS = 100
GAP_US = 10_000
BURST_TOKENS = 500
REQUEST_TOKENS = 16
IDLE_GAP_US = 30_000_000
"""Half of the silence that a provider client forgives between two tokens."""


@dataclass(frozen=True)
class Scenario:
    """One load. `seconds` and `quick_seconds` are of one sample."""

    name: str
    kind: Kind
    concurrency: int
    tokens: int
    gap_us: int = 0
    seconds: float = 5.0
    quick_seconds: float = 3.0

    @property
    def behaviour(self) -> Behaviour:
        """What its upstream does."""
        return Behaviour(0, self.tokens, self.gap_us)

    @property
    def is_stream(self) -> bool:
        """Whether answers are streamed."""
        return self.kind != "requests"

    @property
    def unit(self) -> tuple[str, int]:
        """What CPU seconds are counted for."""
        return ("1,000 requests", 1_000) if self.kind == "requests" else ("100,000 tokens", 100_000)


def _paced(streams: int, seconds: float, quick_seconds: float) -> Scenario:
    return Scenario(f"ttft-{streams}", "paced", streams, STREAM_TOKENS, GAP_US, seconds, quick_seconds)


def _requests(concurrency: int) -> Scenario:
    return Scenario(f"rps-{concurrency}", "requests", concurrency, REQUEST_TOKENS)


IDLE = Scenario("idle", "memory", 500, 3, IDLE_GAP_US)
"""Runs once, before the others: what they leave behind would hide what an idle stream needs."""
TIMED = (
    _paced(1, seconds=12.0, quick_seconds=6.0),
    _paced(50, seconds=8.0, quick_seconds=4.0),
    _paced(200, seconds=8.0, quick_seconds=4.0),
    _requests(1),
    _requests(16),
    _requests(128),
    Scenario("frames", "frames", 16, BURST_TOKENS),
)
WARM_UP = (
    Scenario("warm-up requests", "requests", 16, 16),
    Scenario("warm-up frames", "frames", 16, 100),
    Scenario("warm-up streams", "paced", 50, 20, GAP_US),
)
"""Fills pools and caches, and lets the broker's JVM compile what it runs."""
WARM_CONNECTION = Behaviour(first_ms=0, tokens=3, gap_us=0)
"""The first answer of each connection, before a load."""
NAMES = (IDLE.name, *(scenario.name for scenario in TIMED))


def chosen(names: list[str]) -> list[Scenario]:
    """The timed scenarios of these names; all when none is named."""
    return [scenario for scenario in TIMED if not names or scenario.name in names]


def models() -> list[str]:
    """The models that the bench asks for: a product may refuse what its provider does not list."""
    behaviours = {scenario.behaviour for scenario in (IDLE, *TIMED, *WARM_UP)} | {WARM_CONNECTION}
    return sorted(behaviour.model for behaviour in behaviours)
