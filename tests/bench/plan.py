"""What the driver tells a load generator, and what it answers; each one line of JSON."""

from pydantic import BaseModel, ConfigDict

from tests.bench.behaviour import Behaviour

GRACE = 30.0
"""Seconds that an answer may take beyond what its upstream needs; then it counts as an error."""


class Line(BaseModel):
    """A frozen value on a pipe."""

    model_config = ConfigDict(frozen=True)


class Plan(Line):
    """Which load to make: so many connections, each asking again when it is answered, for some seconds."""

    host: str
    port: int
    prefix: str = ""
    """Path before /v1."""
    token: str | None = None
    first_ms: int = 0
    tokens: int
    gap_us: int = 0
    is_stream: bool
    concurrency: int
    seconds: float
    max_requests: int = 1_000_000
    is_held: bool = False
    """Open the streams, wait for their first token, and keep them open until told."""

    @property
    def behaviour(self) -> Behaviour:
        """What the upstream is to do."""
        return Behaviour(self.first_ms, self.tokens, self.gap_us)

    @property
    def limit(self) -> float:
        """Seconds after which one answer is given up."""
        return self.behaviour.seconds + GRACE


class Outcome(Line):
    """What a load generator saw. Latencies are of what began after the ramp, when all streams were open."""

    requests: int
    tokens: int
    seconds: float
    cpu_seconds: float
    """Of the load generator itself."""
    reconnects: int = 0
    errors: dict[str, int] = {}
    examples: list[str] = []
    ttft_ms: list[float] = []
    total_ms: list[float] = []
    transit_p50_ms: float | None = None
    transit_p99_ms: float | None = None

    @property
    def error_count(self) -> int:
        """Answers that were not as they must be."""
        return sum(self.errors.values())
