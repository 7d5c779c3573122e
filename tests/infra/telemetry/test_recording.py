"""What a collector gets, over a real connection; and that a bad collector holds nobody up."""

import asyncio
import secrets
import socket
import time
from collections.abc import Iterator

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from infra.telemetry import recording
from infra.telemetry.names import Attribute, Operation
from infra.telemetry.recording import MAX_ATTRIBUTE_LENGTH, open_recording
from infra.telemetry.spans import SpanKind
from tests.collector import Collector, open_collector

PARENT = "00f067aa0ba902b7"
CHAT = Operation.CHAT.span("smollm2")


class Sink:
    """A collector, and a trace of this test's own."""

    def __init__(self, collector: Collector) -> None:
        self.url = collector.url
        self.trace = secrets.token_hex(16)
        self.sampled = f"00-{self.trace}-{PARENT}-01"
        self.unsampled = f"00-{self.trace}-{PARENT}-00"
        self._collector = collector

    def exported(self) -> list[Span]:
        """What has arrived; all of it, once tracing is closed."""
        return self._collector.trace(self.trace, lambda _: True, 0)


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    """A collector of this module's own."""
    with open_collector() as opened:
        yield opened


@pytest.fixture
def sink(collector: Collector) -> Sink:
    """The collector, with a new trace."""
    return Sink(collector)


async def test_a_span_arrives_with_its_place_its_kind_and_its_attributes(sink: Sink) -> None:
    async with open_recording(sink.url, "edge", "1.2.3") as tracing:
        span = tracing.start(
            CHAT, SpanKind.CLIENT, sink.sampled, {Attribute.GEN_AI_REQUEST_MODEL: "smollm2"}, "v=1"
        )
        span.set({Attribute.GEN_AI_OUTPUT_TOKENS: 5, Attribute.GEN_AI_FINISH_REASONS: ["stop"]})
        span.end()

    (told,) = sink.exported()
    assert told.name == "chat smollm2"
    assert told.kind == Span.SPAN_KIND_CLIENT
    assert told.parent_span_id.hex() == PARENT
    assert told.trace_state == "v=1"
    assert span.traceparent == f"00-{sink.trace}-{told.span_id.hex()}-01"
    assert told.status.code == Status.STATUS_CODE_UNSET
    assert attributes(told) == {
        "gen_ai.request.model": "smollm2",
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.response.finish_reasons": ["stop"],
    }


async def test_a_failed_span_tells_the_code(sink: Sink) -> None:
    async with open_recording(sink.url, "edge", "1") as tracing:
        tracing.start(CHAT, SpanKind.CLIENT, sink.sampled).end("provider_timeout")

    (told,) = sink.exported()
    assert told.status.code == Status.STATUS_CODE_ERROR
    assert attributes(told) == {"error.type": "provider_timeout"}


async def test_what_a_caller_did_not_sample_is_not_exported(sink: Sink) -> None:
    async with open_recording(sink.url, "edge", "1") as tracing:
        tracing.start(CHAT, SpanKind.CLIENT, sink.unsampled).end()
        tracing.start("sampled", SpanKind.CLIENT, sink.sampled).end()

    assert [span.name for span in sink.exported()] == ["sampled"]


async def test_the_standard_sampler_setting_is_honoured(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")

    async with open_recording(sink.url, "edge", "1") as tracing:
        begun = tracing.start(CHAT, SpanKind.CLIENT)
        begun.end()
        tracing.start("sampled", SpanKind.CLIENT, sink.sampled).end()

    assert begun.traceparent.endswith(("-00", "-02"))
    assert [span.name for span in sink.exported()] == ["sampled"]


async def test_secrets_in_attributes_are_taken_out_and_long_ones_cut(sink: Sink) -> None:
    async with open_recording(sink.url, "edge", "1") as tracing:
        started = {
            Attribute.USER_AGENT: "agent sk_live_abcdefghijklmnop",
            Attribute.URL_PATH: "/" + "x" * 9_999,
        }
        span = tracing.start(CHAT, SpanKind.SERVER, sink.sampled, started)
        span.set({Attribute.GEN_AI_REQUEST_MODEL: "Bearer abc.def"})
        span.end("boom: Bearer abc.def")

    told = attributes(sink.exported()[0])
    assert "sk_live" not in str(told)
    assert "abc.def" not in str(told)
    assert len(str(told["url.path"])) == MAX_ATTRIBUTE_LENGTH


async def test_more_spans_than_a_batch_all_arrive(sink: Sink) -> None:
    many = recording.BATCH_SIZE * 3 + 1

    async with open_recording(sink.url, "edge", "1") as tracing:
        for _ in range(many):
            tracing.start(CHAT, SpanKind.CLIENT, sink.sampled).end()

    assert len(sink.exported()) == many


@pytest.mark.parametrize("answers", [True, False], ids=["silent", "refusing"])
async def test_a_bad_collector_delays_the_end_only_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
    answers: bool,  # noqa: FBT001
) -> None:
    monkeypatch.setattr(recording, "FLUSH_TIMEOUT", 0.2)
    monkeypatch.setattr(recording, "EXPORT_TIMEOUT", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        if not answers:
            listening.close()

        async with asyncio.timeout(10), open_recording(url, "edge", "1") as tracing:
            tracing.start(CHAT, SpanKind.CLIENT, f"00-{'a' * 32}-{PARENT}-01").end()
            ending = time.monotonic()

    assert time.monotonic() - ending < 5


def attributes(span: Span) -> dict[str, object]:
    """A span's attributes."""
    told: dict[str, object] = {}
    for pair in span.attributes:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind or "string_value")
        told[pair.key] = [one.string_value for one in value.values] if kind == "array_value" else value
    return told
