"""A job that is durably accepted, as one request waits for it."""

from dataclasses import dataclass

from infra.relay.follower import Follower

GRACE_SECONDS = 5.0
"""What a worker has, beyond the deadline, to end a job truthfully before the edge does."""


@dataclass(frozen=True)
class Running:
    """A job, and our place in its log."""

    job_id: str
    follower: Follower
    model: str
    until: float
    """Loop time after which the edge stops waiting."""
    is_replay: bool = False
    """Whether another request asked for it first."""
