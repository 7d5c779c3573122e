"""What a ledger worker sees of its events."""

from prometheus_client import CollectorRegistry, Counter, Histogram

from infra.telemetry.names import Metric

BATCH_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class LedgerMetrics:
    """Counts events, and times the transactions that write them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        events = Counter(
            Metric.LEDGER_EVENTS, "Events, by what became of them", ("outcome",), registry=registry
        )
        self._folded, self._unreadable = events.labels("folded"), events.labels("unreadable")
        self._refused = events.labels("refused")
        self._seconds = Histogram(
            Metric.LEDGER_BATCH, "Seconds to write one batch", buckets=BATCH_BUCKETS, registry=registry
        )

    def folded(self, events: int, seconds: float) -> None:
        """A batch was written."""
        self._folded.inc(events)
        self._seconds.observe(seconds)

    def unreadable(self) -> None:
        """A record was no event."""
        self._unreadable.inc()

    def refused(self) -> None:
        """A job's row did not fit."""
        self._refused.inc()
