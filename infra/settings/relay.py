"""The relay."""

from pydantic_settings import BaseSettings

from infra.settings.fields import KIB, MIB, section


class RelaySettings(BaseSettings):
    """`JAN_RELAY_*`: the job logs and the wire between workers and edges."""

    model_config = section("JAN_RELAY_")

    retention: int = 3_600
    """Seconds that a job's log is kept after its last frame."""
    flush_bytes: int = 256 * KIB
    """Most bytes of one write; what accumulates beyond waits for the next."""
    pending_bytes: int = MIB
    """Bytes of one job that may wait to be written before its worker is held back."""
    rewrite_bytes: int = 256 * KIB
    """Bytes of one job's frames that its worker keeps, to write its log again when Redis has forgotten it."""
    follower_bytes: int = 64 * KIB
    """Bytes of one stream that an edge holds; beyond, the stream reads from the log at its client's speed."""
    watchdog: float = 1.0
    """Seconds of silence after which an edge looks into the log, in case the wire lost the last frame."""
