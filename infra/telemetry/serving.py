"""A small HTTP server for probes and Prometheus: for workers, and for the metrics port of an edge."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry

from contracts.wire import health
from infra.telemetry.exposition import exposition
from infra.telemetry.readiness import Check, Readiness

CLOSE_LIMIT = 1.0
"""Seconds for an answer that is under way when the process ends."""


@asynccontextmanager
async def serve_metrics(
    registry: CollectorRegistry, checks: Sequence[Check], port: int, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Serve /metrics, /healthz and /readyz; yields the port, which is a free one when 0 was asked for."""
    runner = web.AppRunner(_app(registry, Readiness(checks)), access_log=None, shutdown_timeout=CLOSE_LIMIT)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def _app(registry: CollectorRegistry, readiness: Readiness) -> web.Application:
    async def metrics(request: web.Request) -> web.Response:
        text, content_type = await exposition(registry, request.headers.get("Accept", ""))
        return web.Response(body=text, headers={"Content-Type": content_type})

    async def healthz(_: web.Request) -> web.Response:
        return _json(health.Health(), 200)

    async def readyz(_: web.Request) -> web.Response:
        report = await readiness.report()
        return _json(report, 200 if report.status == "ready" else 503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    return app


def _json(answer: health.Health | health.Readiness, status: int) -> web.Response:
    return web.Response(text=answer.model_dump_json(), status=status, content_type="application/json")
