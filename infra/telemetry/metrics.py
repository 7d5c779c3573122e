"""What the edge and the workers count and time, for Prometheus. Names: infra/telemetry/names.py."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.gc_collector import GCCollector
from prometheus_client.metrics import Info
from prometheus_client.process_collector import ProcessCollector

from infra.telemetry.names import Metric
from infra.telemetry.series import Series

FIRST_TOKEN_BUCKETS = (
    *(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5),
    *(1, 2, 5, 10, 20, 30, 60),
)
"""Seconds, from the gateway's own cost to a model that is loaded first."""
WORK_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1, 2.5, 5, 10, 30, 60, 120, 300, 600),
)
"""Seconds, up to the longest job."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def open_registry(service: str, version: str) -> CollectorRegistry:
    """A registry of one process, with what the process itself uses."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    Info(Metric.BUILD, "What runs here", registry=registry).info({"service": service, "version": version})
    return registry


class EdgeMetrics:
    """What an edge process sees: requests, streams, and the frames that reach it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Series(
            Counter(
                Metric.HTTP_REQUESTS, "Requests answered", ("route", "method", "status"), registry=registry
            )
        )
        self._seconds = Series(
            Histogram(
                Metric.HTTP_SECONDS,
                "Seconds from a request to the end of its answer",
                ("route", "method"),
                buckets=WORK_BUCKETS,
                registry=registry,
            )
        )
        self._errors = Series(
            Counter(Metric.ERRORS, "Errors answered, by code", ("code",), registry=registry)
        )
        self._accepted = Series(
            Counter(Metric.JOBS_ACCEPTED, "Jobs durably in their topic", ("kind", "lane"), registry=registry)
        )
        self._refused = Series(
            Counter(
                Metric.JOBS_REFUSED,
                "Jobs that were not accepted because their lane was full, by its limit",
                ("lane", "limit"),
                registry=registry,
            )
        )
        self._waiting = Series(
            Gauge(Metric.LANE_WAITING, "Jobs that no worker has begun", ("lane",), registry=registry)
        )
        self._wait = Series(
            Gauge(
                Metric.LANE_WAIT,
                "Seconds until a job accepted now begins; absent when no worker lives",
                ("lane",),
                registry=registry,
            )
        )
        self._first_token = Series(
            Histogram(
                Metric.FIRST_TOKEN,
                "Seconds from a request to the first token sent to its client",
                ("model",),
                buckets=FIRST_TOKEN_BUCKETS,
                registry=registry,
            )
        )
        frames = Counter(Metric.RELAY_FRAMES, "Frames on the relay", ("way",), registry=registry)
        self._read, self._filled = frames.labels("read"), frames.labels("filled")
        self._streams = Gauge(Metric.STREAMS_OPEN, "Streams that clients hold open", registry=registry)

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request is over. `route` is the path's template, or `unknown`, never the path itself."""
        method = method if method in METHODS else "other"
        self._requests.of(route, method, str(status)).inc()
        self._seconds.of(route, method).observe(seconds)

    def error(self, code: str) -> None:
        """An error was answered or sent in a stream."""
        self._errors.of(code).inc()

    def accepted(self, kind: str, lane: str) -> None:
        """A job is durably in its topic."""
        self._accepted.of(kind, lane).inc()

    def refused(self, lane: str, limit: str) -> None:
        """A job was not accepted: it would wait too long (`wait`), or too many do (`depth`)."""
        self._refused.of(lane, limit).inc()

    def lane(self, lane: str, waiting: int, expected_wait: float | None) -> None:
        """How busy a lane is, for all edges and workers."""
        self._waiting.of(lane).set(waiting)
        if expected_wait is None:
            self._wait.drop(lane)
        else:
            self._wait.of(lane).set(expected_wait)

    def lane_unknown(self, lane: str) -> None:
        """Nothing is known of a lane any more."""
        self._waiting.drop(lane)
        self._wait.drop(lane)

    def first_token(self, model: str, seconds: float) -> None:
        """The first token of a stream went to its client."""
        self._first_token.of(model).observe(seconds)

    def stream_opened(self) -> None:
        """A client follows a job."""
        self._streams.inc()

    def stream_closed(self) -> None:
        """A stream ended, whichever way."""
        self._streams.dec()

    def frames_read(self, count: int) -> None:
        """Frames came over the wire."""
        self._read.inc(count)

    def frames_filled(self, count: int) -> None:
        """Frames that the wire lost, or a slow client left behind, were read from the log."""
        self._filled.inc(count)


class ConnectionMetrics:
    """The connections of an edge process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._open = Gauge(Metric.CONNECTIONS_OPEN, "Connections that clients hold open", registry=registry)
        self._refused = Series(
            Counter(
                Metric.CONNECTIONS_REFUSED,
                "Connections closed at once, by the limit: of all, or of one address",
                ("limit",),
                registry=registry,
            )
        )

    def opened(self) -> None:
        """A client is there."""
        self._open.inc()

    def closed(self) -> None:
        """It is gone."""
        self._open.dec()

    def refused(self, limit: str) -> None:
        """There was no room: within `all`, or within those of its `address`."""
        self._refused.of(limit).inc()
