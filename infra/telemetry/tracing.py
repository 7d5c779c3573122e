"""Opens tracing: recorded where a collector is configured, otherwise only passed on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from infra.settings import TelemetrySettings
from infra.telemetry.passing import PassingTracing
from infra.telemetry.recording import open_recording
from infra.telemetry.spans import Tracing

PRODUCT = "jan-server"


@asynccontextmanager
async def open_tracing(settings: TelemetrySettings, service: str) -> AsyncIterator[Tracing]:
    """Tracing for one process, such as `edge` or `worker-completion`; spans are flushed at the end."""
    if settings.otlp_endpoint is None:
        yield PassingTracing()
        return
    async with open_recording(settings.otlp_endpoint, service, version(PRODUCT)) as recording:
        yield recording
