"""How far a parallel consumer is: counters that only rise, a picture of the moment, and who may watch."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True)
class Counts:
    """What happened since the start."""

    begun: int = 0
    """Records that were given to the handler, each attempt of a record counted once."""
    finished: int = 0
    skipped: int = 0
    """Records that an earlier run had finished, as the commit's metadata told."""
    retries: int = 0
    dead: int = 0
    lost: int = 0
    """Jobs that were running when their partition went to another worker."""
    handed_back: int = 0
    """Jobs that were stopped unfinished, to run again elsewhere."""
    commits: int = 0
    commits_refused: int = 0
    rebalances: int = 0
    pauses: int = 0
    """Times that fetching paused because all places were taken."""
    restarts: int = 0
    """Partitions whose log began anew: the topic was made again or cut."""


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """One assigned partition at this moment."""

    topic: str
    partition: int
    base: int | None
    span: int
    in_flight: int
    backlog: int
    """Records that are not finished: waiting in the log or running. Gaps are counted as records."""
    age: float
    """Seconds since the record that holds the base began; 0 when none does."""


class ConsumerObserver(Protocol):
    """Who wants to be told, such as `infra.telemetry.worker_metrics.ConsumerMetrics`."""

    def backlog(self, topic: str, partition: int, records: int) -> None:
        """How many records of a partition are not finished."""

    def partition_lost(self, topic: str, partition: int) -> None:
        """Another worker has the partition now."""

    def committed(self) -> None:
        """Offsets were committed."""

    def commit_refused(self) -> None:
        """The broker refused a commit."""

    def rebalanced(self) -> None:
        """Partitions were given or taken."""

    def paused(self) -> None:
        """Fetching paused because all places were taken."""


class NoObserver:
    """Tells nobody."""

    def backlog(self, topic: str, partition: int, records: int) -> None:
        """Ignored."""

    def partition_lost(self, topic: str, partition: int) -> None:
        """Ignored."""

    def committed(self) -> None:
        """Ignored."""

    def commit_refused(self) -> None:
        """Ignored."""

    def rebalanced(self) -> None:
        """Ignored."""

    def paused(self) -> None:
        """Ignored."""
