"""Spans recorded by the OpenTelemetry SDK and exported over OTLP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, Tracer, set_span_in_context
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace import SpanKind as SdkKind
from opentelemetry.trace.span import TraceState
from opentelemetry.trace.status import Status, StatusCode

from infra.telemetry.names import Attribute
from infra.telemetry.passing import PassingSpan
from infra.telemetry.redaction import redact
from infra.telemetry.spans import Attributes, AttributeValue, Span, SpanKind
from infra.telemetry.trace_context import continued, continued_state, trace_id_of

QUEUE_SIZE = 8_192
"""Spans that may wait for export; beyond, spans are dropped, never the work."""
BATCH_SIZE = 512
EXPORT_DELAY_MS = 2_000
EXPORT_TIMEOUT = 5.0
"""Seconds for one batch, retries included."""
FLUSH_TIMEOUT = 5.0
"""Seconds at exit for what still waits."""
MAX_ATTRIBUTE_LENGTH = 256
_KINDS = {kind: SdkKind[kind.name] for kind in SpanKind}


class RecordingSpan:
    """A span of the SDK."""

    __slots__ = ("_span", "traceparent", "tracestate")

    def __init__(self, span: SdkSpan, tracestate: str | None) -> None:
        self._span = span
        self.traceparent = _traceparent(span.get_span_context())
        self.tracestate = tracestate

    @property
    def trace_id(self) -> str:
        """The trace's name in logs."""
        return trace_id_of(self.traceparent)

    def set(self, attributes: Attributes) -> None:
        """Add attributes, while the span runs."""
        self._span.set_attributes(_clean(attributes))

    def end(self, error: str | None = None) -> None:
        """End the span, once."""
        if not self._span.is_recording():
            return
        if error is not None:
            self._span.set_attribute(Attribute.ERROR_TYPE, redact(error))
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


class RecordingTracing:
    """Begins spans of the SDK; a caller's decision not to sample is kept."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def start(
        self,
        name: str,
        kind: SpanKind,
        parent: str | None = None,
        attributes: Attributes | None = None,
        tracestate: str | None = None,
    ) -> Span:
        """Begin a span; where it is not sampled, its parent's context is passed on unchanged."""
        kept = continued(parent)
        state = continued_state(tracestate) if kept else None
        context = _context(kept, state) if kept else Context()
        span = self._tracer.start_span(
            name, context, _KINDS[kind], attributes=_clean(attributes) if attributes else None
        )
        if kept and not span.is_recording():
            return PassingSpan(kept, state)
        return RecordingSpan(span, state)


@asynccontextmanager
async def open_recording(endpoint: str, service: str, version: str) -> AsyncIterator[RecordingTracing]:
    """Export to an OTLP/HTTP collector; the SDK itself reads `OTEL_TRACES_SAMPLER` and headers."""
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_TIMEOUT)
    provider = TracerProvider(
        resource=Resource.create({"service.name": service, "service.version": version}),
        span_limits=SpanLimits(max_attribute_length=MAX_ATTRIBUTE_LENGTH),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter, QUEUE_SIZE, EXPORT_DELAY_MS, BATCH_SIZE))
    try:
        yield RecordingTracing(provider.get_tracer("jan", version))
    finally:
        await _flush(provider, exporter)


async def _flush(provider: TracerProvider, exporter: OTLPSpanExporter) -> None:
    # The processor would wait 30 s for a dead collector; shutting the exporter ends its retries.
    flushing = asyncio.create_task(asyncio.to_thread(provider.shutdown))
    done, _ = await asyncio.wait({flushing}, timeout=FLUSH_TIMEOUT)
    if not done:
        await asyncio.to_thread(exporter.shutdown)
    await flushing


def _context(traceparent: str, tracestate: str | None) -> Context:
    parent = SpanContext(
        trace_id=int(traceparent[3:35], 16),
        span_id=int(traceparent[36:52], 16),
        is_remote=True,
        trace_flags=TraceFlags(int(traceparent[53:55], 16)),
        trace_state=TraceState.from_header([tracestate]) if tracestate else None,
    )
    return set_span_in_context(NonRecordingSpan(parent), Context())


def _traceparent(context: SpanContext) -> str:
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _clean(attributes: Attributes) -> dict[str, AttributeValue]:
    return {
        name.value: redact(value) if isinstance(value, str) else value for name, value in attributes.items()
    }
