"""The HTTP edge."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode

from contracts.envelope import Lane
from infra.settings.fields import KIB, MIB, Pairs, Words, pairs, section, words

LANE_SECONDS: dict[Lane, float] = {
    Lane.PRIORITY: 10.0,
    Lane.DEFAULT: 30.0,
    Lane.FLEX: 600.0,
    Lane.BATCH: 86_400.0,
}


def _lane_seconds(value: object) -> object:
    """`default=30,flex=600` as a mapping, in which the other lanes keep theirs."""
    given = pairs(value)
    return LANE_SECONDS | given if isinstance(given, dict) else given


LaneSeconds = Annotated[dict[Lane, float], NoDecode, BeforeValidator(_lane_seconds)]
SurfaceName = Literal["all", "llm", "responses", "media", "mcp"]


class EdgeSettings(BaseSettings):
    """`JAN_EDGE_*`: the HTTP edge."""

    model_config = section("JAN_EDGE_")

    host: str = "127.0.0.1"
    port: int = 8000
    surface_ports: Pairs = Field(default_factory=dict)
    """Ports of single surfaces beside the gateway, as `llm=8080,responses=8082,media=8285,mcp=8091`."""
    metrics_port: int | None = None
    """Where /metrics is served; None serves it on the gateway too, for development."""
    max_body: int = 8 * MIB
    max_depth: int = 64
    claim_check_bytes: int = 256 * KIB
    """A request larger than this travels through the object store."""
    heartbeat: float = 15.0
    """Seconds of silence after which a stream gets a comment line."""
    job_timeout: float = 600.0
    """Seconds from a job's acceptance to its deadline."""
    body_timeout: float = 30.0
    """Seconds for a whole request body to arrive."""
    idempotency_ttl: int = 86_400
    """Seconds for which an Idempotency-Key stands for the request that it was sent with first."""
    drain_timeout: float = 30.0
    """Seconds that running streams get when the process is told to stop."""
    lane_wait: LaneSeconds = Field(default_factory=lambda: dict(LANE_SECONDS))
    """Expected seconds of waiting from which on a lane takes no more jobs, as `default=30,flex=600`."""
    lane_depth: int = 10_000
    """Waiting jobs from which on a lane takes no more, however fast it is."""
    drain_delay: float = 0.0
    """Seconds for which new requests are still served after the process is told to stop: readiness says so
    at once, and a balancer needs a moment to hear of it."""
    send_timeout: float = 300.0
    """Seconds after which a client that takes nothing of its stream is dropped; it can resume."""
    surfaces: Annotated[tuple[SurfaceName, ...], NoDecode, BeforeValidator(words)] = ("all",)
    """Which of the public APIs this process serves on its gateway port: `all`, or as `llm,mcp`."""
    head_timeout: float = 10.0
    """Seconds for a request's line and headers to arrive, from the connection's opening or first byte."""
    max_head: int = 64 * KIB
    """Bytes of a request's line and headers together."""
    max_target: int = 16 * KIB
    """Bytes of a request's target."""
    max_headers: int = 128
    """Header lines of a request."""
    max_connections: int = 4_096
    """Connections that one process holds; a further one is refused."""
    max_connections_per_address: int = 1_024
    """Of these, connections of one client address. A trusted proxy is not counted."""
    trusted_proxies: Words = ()
    """Networks whose `X-Forwarded-For` is believed, as `10.0.0.0/8,127.0.0.1`. By default nobody's."""
    cors_origins: Words = ()
