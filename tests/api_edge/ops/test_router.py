"""What probes, operators and Prometheus get, without a token."""

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from infra.telemetry.metrics import EdgeMetrics
from infra.telemetry.readiness import Check
from tests.api_edge.ops.small_edge import serving, small_app


class Dependencies:
    """One that is needed and one that is not, and which of them are down."""

    def __init__(self) -> None:
        self.down: set[str] = set()

    def check(self, name: str, *, needed: bool) -> Check:
        """A check of one."""

        async def ask() -> None:
            if name in self.down:
                raise ConnectionError(f"{name}://c4n4ry@10.0.0.7")

        return Check(name, needed, ask)


@pytest.fixture
def dependencies() -> Dependencies:
    """All well."""
    return Dependencies()


@pytest.fixture
async def prober(dependencies: Dependencies) -> AsyncIterator[aiohttp.ClientSession]:
    """A client without a token."""
    registry = CollectorRegistry()
    EdgeMetrics(registry).accepted("completion", "default")
    checks = [dependencies.check("kafka", needed=True), dependencies.check("objects", needed=False)]
    async with serving(small_app(checks, registry)) as url, aiohttp.ClientSession(url) as session:
        yield session


async def test_health_says_only_that_the_process_answers(
    prober: aiohttp.ClientSession, dependencies: Dependencies
) -> None:
    dependencies.down = {"kafka", "objects"}

    async with prober.get("/healthz") as answer:
        body = await answer.json()

    assert (answer.status, body) == (200, {"status": "ok"})
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("down", "status", "word"),
    [
        (set(), 200, "ready"),
        ({"objects"}, 200, "ready"),
        ({"kafka"}, 503, "unready"),
        ({"kafka", "objects"}, 503, "unready"),
    ],
)
async def test_readiness_names_each_dependency_and_counts_the_needed_ones(
    prober: aiohttp.ClientSession, dependencies: Dependencies, down: set[str], status: int, word: str
) -> None:
    dependencies.down = down

    async with prober.get("/readyz") as answer:
        body = await answer.json()

    assert (answer.status, body["status"]) == (status, word)
    assert {check["name"] for check in body["checks"] if not check["ok"]} == down
    assert "c4n4ry" not in json.dumps(body)
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_version_is_told(prober: aiohttp.ClientSession) -> None:
    async with prober.get("/v1/version") as answer:
        body = await answer.json()

    assert (body["name"], body["version"]) == ("jan-server", "1.2.3")


async def test_metrics_are_told_where_a_registry_is_given(prober: aiohttp.ClientSession) -> None:
    async with prober.get("/metrics") as answer:
        text = await answer.text()

    assert answer.content_type == "text/plain"
    assert 'jan_jobs_accepted_total{kind="completion",lane="default"} 1.0' in text


async def test_without_a_registry_metrics_are_no_path_here() -> None:
    async with (
        serving(small_app([], None)) as url,
        aiohttp.ClientSession(url) as session,
        session.get("/metrics") as answer,
    ):
        assert answer.status == 404


async def test_the_document_describes_these_routes_without_security(prober: aiohttp.ClientSession) -> None:
    async with prober.get("/openapi.json") as answer:
        paths = (await answer.json())["paths"]

    assert {"/healthz", "/readyz", "/v1/version", "/metrics"} <= set(paths)
    assert set(paths["/readyz"]["get"]["responses"]) == {"200", "503"}
    assert not any("security" in paths[path]["get"] for path in ("/healthz", "/readyz", "/v1/version"))
    assert not any(path.startswith("/api/swagger") for path in paths)
