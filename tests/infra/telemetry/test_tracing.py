"""What both ways of tracing promise alike: the trace goes on, and the caller's decision is kept."""

from collections.abc import AsyncIterator, Iterator
from typing import Literal

import pytest

from infra.settings import TelemetrySettings
from infra.telemetry.names import Attribute, Operation
from infra.telemetry.spans import SpanKind, Tracing
from infra.telemetry.trace_context import continued
from infra.telemetry.tracing import open_tracing
from tests.collector import Collector, open_collector

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
SAMPLED = f"00-{TRACE}-{SPAN}-01"
UNSAMPLED = f"00-{TRACE}-{SPAN}-00"
NAME = Operation.SEND.span("events.v1")


@pytest.fixture(scope="module")
def sink() -> Iterator[Collector]:
    """A collector that takes what is recorded."""
    with open_collector() as opened:
        yield opened


@pytest.fixture(params=["passing", "recording"])
async def tracing(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, sink: Collector
) -> AsyncIterator[Tracing]:
    """Both, one after the other."""
    way: Literal["passing", "recording"] = request.param
    if way == "recording":
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
    else:
        monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    async with open_tracing(TelemetrySettings(), "test") as opened:
        yield opened


def test_a_trace_goes_on(tracing: Tracing) -> None:
    span = tracing.start(NAME, SpanKind.PRODUCER, SAMPLED, {}, "vendor=opaque")

    assert span.trace_id == TRACE
    assert continued(span.traceparent) == span.traceparent
    assert span.traceparent.endswith("-01")
    assert span.tracestate == "vendor=opaque"
    span.end()


def test_a_callers_decision_not_to_sample_is_passed_on_with_its_own_span(tracing: Tracing) -> None:
    span = tracing.start(NAME, SpanKind.PRODUCER, UNSAMPLED, {Attribute.JOB_ID: "1"}, "vendor=opaque")

    assert span.traceparent == UNSAMPLED
    assert span.tracestate == "vendor=opaque"
    span.end()


@pytest.mark.parametrize("parent", [None, "", "garbage", f"00-{'0' * 32}-{SPAN}-01"])
def test_without_a_good_parent_a_trace_begins_and_a_state_is_dropped(
    tracing: Tracing, parent: str | None
) -> None:
    spans = [tracing.start(NAME, SpanKind.SERVER, parent, None, "vendor=opaque") for _ in range(2)]

    assert spans[0].trace_id != spans[1].trace_id
    for span in spans:
        assert continued(span.traceparent) == span.traceparent
        assert span.tracestate is None
        span.end()


def test_spans_hang_below_one_another(tracing: Tracing) -> None:
    outer = tracing.start("POST /v1/chat/completions", SpanKind.SERVER, SAMPLED)

    inner = tracing.start(NAME, SpanKind.PRODUCER, outer.traceparent)

    assert inner.trace_id == outer.trace_id == TRACE
    inner.end()
    outer.end()


def test_ending_again_and_setting_too_late_do_nothing(
    tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    span = tracing.start(NAME, SpanKind.CLIENT, SAMPLED)

    span.end("provider_timeout")
    span.end()
    span.end("cancelled")

    assert caplog.records == []
