"""Logs, metrics and traces."""

from pydantic import Field
from pydantic_settings import BaseSettings

from infra.settings.fields import section


class TelemetrySettings(BaseSettings):
    """`JAN_TELEMETRY_*`: logs, metrics and traces."""

    model_config = section("JAN_TELEMETRY_")

    otlp_endpoint: str | None = Field(None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """Where traces go (OTLP over HTTP); None makes no spans and still passes trace ids on."""
    log_level: str = "INFO"
