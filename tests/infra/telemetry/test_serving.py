"""A worker's own port: metrics and probes over real HTTP."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from infra.telemetry.readiness import Check
from infra.telemetry.serving import serve_metrics
from infra.telemetry.worker_metrics import WorkerMetrics


class Dependency:
    """Something that a worker needs."""

    def __init__(self) -> None:
        self.is_well = True

    async def ask(self) -> None:
        """Raise when it is not well."""
        if not self.is_well:
            raise ConnectionError("gone")


@pytest.fixture
def dependency() -> Dependency:
    """One that is well."""
    return Dependency()


@pytest.fixture
async def visiting(dependency: Dependency) -> AsyncIterator[aiohttp.ClientSession]:
    """A client of the port."""
    registry = CollectorRegistry()
    WorkerMetrics(registry).tokens("smollm2", 7, 5)
    checks = [Check("kafka", needed=True, ask=dependency.ask)]
    async with (
        serve_metrics(registry, checks, 0) as port,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        yield session


async def test_metrics_are_told_as_prometheus_reads_them(visiting: aiohttp.ClientSession) -> None:
    async with visiting.get("/metrics") as answer:
        text = await answer.text()

    assert answer.content_type == "text/plain"
    assert 'jan_tokens_total{model="smollm2",way="input"} 7.0' in text


async def test_a_process_that_answers_is_alive(
    visiting: aiohttp.ClientSession, dependency: Dependency
) -> None:
    dependency.is_well = False

    async with visiting.get("/healthz") as answer:
        assert (answer.status, await answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(("is_well", "status", "word"), [(True, 200, "ready"), (False, 503, "unready")])
async def test_readiness_is_told_by_the_status(
    visiting: aiohttp.ClientSession,
    dependency: Dependency,
    is_well: bool,  # noqa: FBT001
    status: int,
    word: str,
) -> None:
    dependency.is_well = is_well

    async with visiting.get("/readyz") as answer:
        body = await answer.json()

    assert (answer.status, body["status"]) == (status, word)
    assert body["checks"][0]["name"] == "kafka"


async def test_the_port_is_free_again_afterwards() -> None:
    async with serve_metrics(CollectorRegistry(), [], 0) as port:
        pass

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
