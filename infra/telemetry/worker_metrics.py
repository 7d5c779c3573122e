"""What a worker process counts and times, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from infra.telemetry.metrics import FIRST_TOKEN_BUCKETS, WORK_BUCKETS
from infra.telemetry.names import Metric
from infra.telemetry.series import Series

BREAKER_STATES = ("closed", "half_open", "open")


class ConsumerMetrics:
    """What a parallel consumer sees of its partitions."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._backlog = Series(
            Gauge(
                Metric.BACKLOG,
                "Records of an assigned partition that are not finished",
                ("topic", "partition"),
                registry=registry,
            )
        )
        commits = Counter(Metric.COMMITS, "Offset commits, by result", ("result",), registry=registry)
        self._committed, self._refused = commits.labels("ok"), commits.labels("refused")
        self._rebalances = Counter(
            Metric.REBALANCES, "Rebalances that this process took part in", registry=registry
        )
        self._pauses = Counter(
            Metric.PAUSES, "Times that fetching paused because all places were taken", registry=registry
        )

    def backlog(self, topic: str, partition: int, records: int) -> None:
        """How many records of a partition are not finished: its end less what is done, gaps counted."""
        self._backlog.of(topic, str(partition)).set(records)

    def partition_lost(self, topic: str, partition: int) -> None:
        """Another worker has the partition now."""
        self._backlog.drop(topic, str(partition))

    def committed(self) -> None:
        """Offsets were committed."""
        self._committed.inc()

    def commit_refused(self) -> None:
        """The broker refused a commit: the partition had moved."""
        self._refused.inc()

    def rebalanced(self) -> None:
        """Partitions were given or taken."""
        self._rebalances.inc()

    def paused(self) -> None:
        """Fetching paused because all places were taken."""
        self._pauses.inc()


class WorkerMetrics:
    """What a worker process sees of its jobs, its provider and the frames that it sends."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.consumer = ConsumerMetrics(registry)
        self._in_flight = Series(
            Gauge(Metric.JOBS_IN_FLIGHT, "Jobs running here", ("kind",), registry=registry)
        )
        self._seconds = Series(
            Histogram(
                Metric.JOB_SECONDS,
                "Seconds of one attempt, by how it ended",
                ("kind", "outcome"),
                buckets=WORK_BUCKETS,
                registry=registry,
            )
        )
        self._wait = Series(
            Histogram(
                Metric.QUEUE_WAIT,
                "Seconds from asked to claimed",
                ("kind", "lane"),
                buckets=WORK_BUCKETS,
                registry=registry,
            )
        )
        self._first_token = Series(
            Histogram(
                Metric.PROVIDER_FIRST_TOKEN,
                "Seconds from the provider call to its first token",
                ("model",),
                buckets=FIRST_TOKEN_BUCKETS,
                registry=registry,
            )
        )
        self._tokens = Series(Counter(Metric.TOKENS, "Tokens, by way", ("model", "way"), registry=registry))
        self._provider_errors = Series(
            Counter(
                Metric.PROVIDER_ERRORS,
                "Failures of a provider, by code",
                ("provider", "code"),
                registry=registry,
            )
        )
        self._breakers = Series(
            Gauge(
                Metric.PROVIDER_BREAKER,
                "How a provider's endpoint is asked: 0 as usual, 1 one call tries it, 2 not at all",
                ("provider", "endpoint"),
                registry=registry,
            )
        )
        self._retries = Series(
            Counter(Metric.RETRIES, "Attempts that were given another", ("kind", "code"), registry=registry)
        )
        self._dead = Series(
            Counter(
                Metric.DEAD_LETTERS, "Records put aside, by reason", ("topic", "reason"), registry=registry
            )
        )
        frames = Counter(Metric.RELAY_FRAMES, "Frames on the relay", ("way",), registry=registry)
        self._written, self._fenced = frames.labels("written"), frames.labels("refused")
        self._tools = Series(
            Histogram(
                Metric.TOOL_SECONDS,
                "Seconds of one call of a tool, by how it ended",
                ("tool", "outcome"),
                buckets=WORK_BUCKETS,
                registry=registry,
            )
        )
        self._webhooks = Series(
            Histogram(
                Metric.WEBHOOK_SECONDS,
                "Seconds of one try at a webhook, by what follows from it",
                ("outcome",),
                buckets=WORK_BUCKETS,
                registry=registry,
            )
        )
        self._responses = Series(
            Histogram(
                Metric.RESPONSE_SECONDS,
                "Seconds of a whole response, by how it ended",
                ("status",),
                buckets=WORK_BUCKETS,
                registry=registry,
            )
        )
        self._steps = Series(
            Counter(
                Metric.RESPONSE_STEPS, "Steps of responses that ended, by how", ("status",), registry=registry
            )
        )
        self._searches = Series(
            Counter(
                Metric.SEARCH_CALLS,
                "Requests to a search engine, by how they ended",
                ("engine", "outcome"),
                registry=registry,
            )
        )
        self._search_breakers = Series(
            Gauge(
                Metric.SEARCH_BREAKER,
                "How a search engine is asked: 0 as usual, 1 one call tries it, 2 not at all",
                ("engine",),
                registry=registry,
            )
        )
        self._swept = Series(
            Counter(
                Metric.MEDIA_SWEPT, "Rows and objects that the sweeper removed", ("what",), registry=registry
            )
        )

    def claimed(self, kind: str, lane: str, waited: float) -> None:
        """An attempt begins, `waited` seconds after the job was asked for."""
        self._in_flight.of(kind).inc()
        self._wait.of(kind, lane).observe(max(waited, 0.0))

    def ended(self, kind: str, outcome: str, seconds: float) -> None:
        """A claimed attempt is over: finished, failed, cancelled, retried or lost."""
        self._in_flight.of(kind).dec()
        self._seconds.of(kind, outcome).observe(seconds)

    def retried(self, kind: str, code: str) -> None:
        """A failed attempt is given another."""
        self._retries.of(kind, code).inc()

    def buried(self, topic: str, reason: str) -> None:
        """A record went to the dead letters."""
        self._dead.of(topic, reason).inc()

    def first_token(self, model: str, seconds: float) -> None:
        """The provider sent its first token."""
        self._first_token.of(model).observe(seconds)

    def tokens(self, model: str, read: int, written: int) -> None:
        """What one call used: tokens that the model read, and tokens that it wrote."""
        self._tokens.of(model, "input").inc(read)
        self._tokens.of(model, "output").inc(written)

    def provider_failed(self, provider: str, code: str) -> None:
        """A provider call failed."""
        self._provider_errors.of(provider, code).inc()

    def breaker(self, provider: str, endpoint: str, state: str) -> None:
        """How the endpoint of a number is asked: closed, half_open or open."""
        self._breakers.of(provider, endpoint).set(BREAKER_STATES.index(state))

    def breaker_gone(self, provider: str, endpoint: str) -> None:
        """There is no such endpoint any more."""
        self._breakers.drop(provider, endpoint)

    def tool_called(self, tool: str, outcome: str, seconds: float) -> None:
        """A call of a tool is over: completed, failed, or the code of an error of ours."""
        self._tools.of(tool, outcome).observe(seconds)

    def webhook_tried(self, outcome: str, seconds: float) -> None:
        """A try at a webhook is over: delivered, again or given_up."""
        self._webhooks.of(outcome).observe(seconds)

    def response_ended(self, status: str, seconds: float) -> None:
        """A response is over, so many seconds after it was asked for."""
        self._responses.of(status).observe(seconds)

    def step_ended(self, status: str) -> None:
        """A model turn or a call of a response is over: completed, failed or cancelled."""
        self._steps.of(status).inc()

    def engine_asked(self, engine: str, outcome: str) -> None:
        """A request to a search engine is over: answered, or why not."""
        self._searches.of(engine, outcome).inc()

    def engine_breaker(self, engine: str, state: str) -> None:
        """How a search engine is asked: closed, half_open or open."""
        self._search_breakers.of(engine).set(BREAKER_STATES.index(state))

    def swept(self, what: str, count: int) -> None:
        """The sweeper removed media, objects, orphans or claims."""
        self._swept.of(what).inc(count)

    def frames_written(self, count: int) -> None:
        """Frames were appended to logs and published."""
        self._written.inc(count)

    def frames_refused(self, count: int) -> None:
        """Frames were refused because a later attempt has the job."""
        self._fenced.inc(count)
