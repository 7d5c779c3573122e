"""The broker."""

from typing import Literal

from pydantic_settings import BaseSettings

from infra.settings.fields import section


class KafkaSettings(BaseSettings):
    """`JAN_KAFKA_*`: the broker, and how records are sent and fetched."""

    model_config = section("JAN_KAFKA_")

    bootstrap: str = "127.0.0.1:9092"
    flavor: Literal["kafka", "tansu"] = "kafka"
    """`tansu` turns off what the fallback broker cannot hold: the idempotent producer and commit metadata."""
    replication: int = 1
    max_partitions: int | None = None
    """Most partitions of a topic, for a broker that serves few workers: each fetch names every partition."""
    request_timeout_ms: int = 15_000
    event_linger_ms: int = 20
    """Events wait this long for company; nobody waits for them."""
    fetch_max_wait_ms: int = 250
    """A fetch without data waits so long; longer costs less when idle. Under back-pressure a partition may
    wait as long behind one without data, since one fetch per broker is in flight."""
    session_timeout_ms: int = 10_000
    """A lone worker that dies holds its partitions for so long; a living one beats ten times within it."""
    heartbeat_interval_ms: int = 1_000
    rebalance_timeout_ms: int = 30_000
    max_poll_interval_ms: int = 300_000
