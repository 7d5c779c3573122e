"""Health, readiness, version and metrics, all without a token."""

import platform
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry

from api_edge.ops.swagger import swagger_router
from contracts.wire.health import Health, Version
from contracts.wire.health import Readiness as ReadinessAnswer
from infra.telemetry.exposition import exposition
from infra.telemetry.readiness import Check, Readiness

PRODUCT = "jan-server"
OPENMETRICS = "application/openmetrics-text"
NO_STORE = {"Cache-Control": "no-store"}
METRICS: dict[int | str, dict[str, Any]] = {  # FastAPI's own type
    200: {"content": {kind: {"schema": {"type": "string"}} for kind in ("text/plain", OPENMETRICS)}}
}
"""In Prometheus's text format, or in OpenMetrics where that is accepted."""


def ops_router(checks: Sequence[Check], version: str, registry: CollectorRegistry | None) -> APIRouter:
    """All routes for operators; `/metrics` only where a registry is given: else it has its own port."""
    router = APIRouter(tags=["operations"])
    router.include_router(_health(Readiness(checks)))
    router.include_router(_version(version))
    router.include_router(swagger_router())
    if registry is not None:
        router.include_router(_metrics(registry))
    return router


def _health(readiness: Readiness) -> APIRouter:
    router = APIRouter()

    @router.get("/healthz", summary="Whether the process answers")
    async def healthz(response: Response) -> Health:
        response.headers.update(NO_STORE)
        return Health()

    @router.get(
        "/readyz",
        summary="Whether the process can do its work now",
        responses={503: {"model": ReadinessAnswer, "description": "Something needed is down"}},
    )
    async def readyz(response: Response) -> ReadinessAnswer:
        """Each dependency is named, with the time that it took to answer; at most a second old."""
        report = await readiness.report()
        response.headers.update(NO_STORE)
        response.status_code = 200 if report.status == "ready" else 503
        return report

    return router


def _version(version: str) -> APIRouter:
    router = APIRouter()
    answer = Version(name=PRODUCT, version=version, python=platform.python_version())

    @router.get("/v1/version", summary="What runs here")
    async def version_of_this() -> Version:
        return answer

    return router


def _metrics(registry: CollectorRegistry) -> APIRouter:
    router = APIRouter()

    @router.get("/metrics", summary="Metrics for Prometheus", response_class=Response, responses=METRICS)
    async def metrics(request: Request) -> Response:
        text, content_type = await exposition(registry, request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": content_type, **NO_STORE})

    return router
