"""Each thing that happens moves its metric, at the edge and in workers."""

import pytest
from prometheus_client import CollectorRegistry

from infra.telemetry.exposition import exposition
from infra.telemetry.ledger_metrics import LedgerMetrics
from infra.telemetry.metrics import (
    FIRST_TOKEN_BUCKETS,
    WORK_BUCKETS,
    ConnectionMetrics,
    EdgeMetrics,
    open_registry,
)
from infra.telemetry.names import Metric
from infra.telemetry.worker_metrics import WorkerMetrics


@pytest.fixture
def registry() -> CollectorRegistry:
    """An empty one."""
    return CollectorRegistry()


@pytest.fixture
def edge(registry: CollectorRegistry) -> EdgeMetrics:
    """An edge's."""
    return EdgeMetrics(registry)


@pytest.fixture
def worker(registry: CollectorRegistry) -> WorkerMetrics:
    """A worker's."""
    return WorkerMetrics(registry)


def test_an_answered_request_is_counted_and_timed(edge: EdgeMetrics, registry: CollectorRegistry) -> None:
    edge.answered("/v1/models/{id}", "GET", 404, 0.02)

    route = {"route": "/v1/models/{id}", "method": "GET"}
    assert registry.get_sample_value("jan_http_requests_total", {**route, "status": "404"}) == 1
    assert registry.get_sample_value("jan_http_request_seconds_sum", route) == 0.02
    assert registry.get_sample_value("jan_http_request_seconds_bucket", {**route, "le": "0.025"}) == 1
    assert registry.get_sample_value("jan_http_request_seconds_bucket", {**route, "le": "0.01"}) == 0


def test_made_up_methods_count_as_one(edge: EdgeMetrics, registry: CollectorRegistry) -> None:
    for number in range(50):
        edge.answered("unknown", f"BREW{number}", 405, 0.001)

    labels = {"route": "unknown", "method": "other", "status": "405"}
    assert registry.get_sample_value("jan_http_requests_total", labels) == 50


def test_a_stream_is_followed_from_its_job_to_its_end(edge: EdgeMetrics, registry: CollectorRegistry) -> None:
    edge.accepted("completion", "default")
    edge.stream_opened()
    edge.first_token("smollm2", 0.003)
    edge.frames_read(5)
    edge.frames_filled(2)
    opened = registry.get_sample_value("jan_streams_open")
    edge.stream_closed()
    edge.error("worker_lost")

    lane = {"kind": "completion", "lane": "default"}
    assert registry.get_sample_value("jan_jobs_accepted_total", lane) == 1
    assert (opened, registry.get_sample_value("jan_streams_open")) == (1, 0)
    assert registry.get_sample_value("jan_first_token_seconds_count", {"model": "smollm2"}) == 1
    assert registry.get_sample_value("jan_relay_frames_total", {"way": "read"}) == 5
    assert registry.get_sample_value("jan_relay_frames_total", {"way": "filled"}) == 2
    assert registry.get_sample_value("jan_errors_total", {"code": "worker_lost"}) == 1


def test_a_job_is_followed_from_its_claim_to_its_end(
    worker: WorkerMetrics, registry: CollectorRegistry
) -> None:
    kind = {"kind": "completion"}

    worker.claimed("completion", "flex", 0.4)
    running = registry.get_sample_value("jan_jobs_in_flight", kind)
    worker.ended("completion", "finished", 12)

    assert (running, registry.get_sample_value("jan_jobs_in_flight", kind)) == (1, 0)
    assert registry.get_sample_value("jan_queue_wait_seconds_sum", {**kind, "lane": "flex"}) == 0.4
    assert registry.get_sample_value("jan_job_seconds_sum", {**kind, "outcome": "finished"}) == 12


def test_a_clock_that_stands_behind_the_edges_makes_no_negative_wait(
    worker: WorkerMetrics, registry: CollectorRegistry
) -> None:
    worker.claimed("completion", "flex", -3)

    assert (
        registry.get_sample_value("jan_queue_wait_seconds_sum", {"kind": "completion", "lane": "flex"}) == 0
    )


def test_what_goes_wrong_with_jobs_is_counted_by_its_code(
    worker: WorkerMetrics, registry: CollectorRegistry
) -> None:
    worker.retried("completion", "provider_unreachable")
    worker.buried("jobs.completion.default.v1", "poison")
    worker.provider_failed("local", "provider_timeout")

    retried = {"kind": "completion", "code": "provider_unreachable"}
    assert registry.get_sample_value("jan_job_retries_total", retried) == 1
    dead = {"topic": "jobs.completion.default.v1", "reason": "poison"}
    assert registry.get_sample_value("jan_dead_letters_total", dead) == 1
    failed = {"provider": "local", "code": "provider_timeout"}
    assert registry.get_sample_value("jan_provider_errors_total", failed) == 1


def test_a_providers_work_is_counted_by_its_model(worker: WorkerMetrics, registry: CollectorRegistry) -> None:
    worker.first_token("smollm2", 0.2)
    worker.tokens("smollm2", 7, 5)
    worker.frames_written(6)
    worker.frames_refused(1)
    worker.swept("orphans", 2)

    assert registry.get_sample_value("jan_provider_first_token_seconds_sum", {"model": "smollm2"}) == 0.2
    assert registry.get_sample_value("jan_tokens_total", {"model": "smollm2", "way": "input"}) == 7
    assert registry.get_sample_value("jan_tokens_total", {"model": "smollm2", "way": "output"}) == 5
    assert registry.get_sample_value("jan_relay_frames_total", {"way": "written"}) == 6
    assert registry.get_sample_value("jan_relay_frames_total", {"way": "refused"}) == 1


def test_a_backlog_is_told_for_as_long_as_the_partition_is_ours(
    worker: WorkerMetrics, registry: CollectorRegistry
) -> None:
    labels = {"topic": "events.v1", "partition": "3"}
    worker.consumer.backlog("events.v1", 3, 17)
    told = registry.get_sample_value("jan_consumer_backlog", labels)

    worker.consumer.partition_lost("events.v1", 3)

    assert told == 17
    assert registry.get_sample_value("jan_consumer_backlog", labels) is None


def test_commits_rebalances_and_pauses_are_counted(
    worker: WorkerMetrics, registry: CollectorRegistry
) -> None:
    worker.consumer.committed()
    worker.consumer.commit_refused()
    worker.consumer.rebalanced()
    worker.consumer.paused()

    assert registry.get_sample_value("jan_consumer_commits_total", {"result": "ok"}) == 1
    assert registry.get_sample_value("jan_consumer_commits_total", {"result": "refused"}) == 1
    assert registry.get_sample_value("jan_consumer_rebalances_total") == 1
    assert registry.get_sample_value("jan_consumer_pauses_total") == 1


def test_buckets_reach_from_a_millisecond_to_the_longest_that_is_allowed() -> None:
    assert (FIRST_TOKEN_BUCKETS[0], FIRST_TOKEN_BUCKETS[-1]) == (0.001, 60)
    assert (WORK_BUCKETS[0], WORK_BUCKETS[-1]) == (0.001, 600)


async def test_every_name_is_told_by_the_edge_or_a_worker() -> None:
    edge, worker = open_registry("edge", "1.2.3"), open_registry("worker-completion", "1.2.3")
    ledger = open_registry("worker-ledger", "1.2.3")
    EdgeMetrics(edge)
    ConnectionMetrics(edge)
    WorkerMetrics(worker)
    LedgerMetrics(ledger)

    text = b"".join([(await exposition(registry, ""))[0] for registry in (edge, worker, ledger)]).decode()

    told = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert {name + ("_info" if name is Metric.BUILD else "") for name in Metric} <= told
    assert 'jan_build_info{service="edge",version="1.2.3"} 1.0' in text
    assert "process_resident_memory_bytes" in text


async def test_a_reader_that_asks_for_openmetrics_gets_it(
    edge: EdgeMetrics, registry: CollectorRegistry
) -> None:
    text, content_type = await exposition(registry, "application/openmetrics-text; version=1.0.0")

    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")


def test_connections_are_counted_while_open_and_when_refused(registry: CollectorRegistry) -> None:
    connections = ConnectionMetrics(registry)

    connections.opened()
    connections.opened()
    connections.closed()
    connections.refused("address")

    assert registry.get_sample_value("jan_connections_open") == 1
    assert registry.get_sample_value("jan_connections_refused_total", {"limit": "address"}) == 1
