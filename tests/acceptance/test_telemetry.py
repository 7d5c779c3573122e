"""Traces, metrics and logs of one completion, as they leave the product."""

import asyncio
import json
import secrets
from typing import Any

import aiohttp
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.acceptance.asking import CHAT, HELLO, STREAM, Json, chunks
from tests.acceptance.exposition import edge_metrics, worker_metrics
from tests.acceptance.waiting import LIMIT, until
from tests.collector import Collector
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

TRACE = secrets.token_hex(16)
"""Of this test alone: others write records with the example of the W3C, which the workers do, too."""
PARENT = "00f067aa0ba902b7"
STATE = "vendor=opaque"
SAMPLED = 1
STEPS = [
    "POST /v1/chat/completions",
    "send jobs.completion.default.v1",
    "process jobs.completion.default.v1",
    "chat scripted",
]
EDGE_METRICS = {
    "jan_http_requests",
    "jan_http_request_seconds",
    "jan_first_token_seconds",
    "jan_jobs_accepted",
    "jan_streams_open",
    "jan_relay_frames",
    "jan_errors",
}
WORKER_METRICS = {
    "jan_queue_wait_seconds",
    "jan_jobs_in_flight",
    "jan_job_seconds",
    "jan_tokens",
    "jan_consumer_backlog",
    "jan_relay_frames",
    "jan_job_retries",
    "jan_dead_letters",
    "jan_provider_errors",
    "jan_provider_breaker",
    "jan_provider_first_token_seconds",
}
MARKER = "xylophone-5f3c9"


async def test_one_trace_goes_from_the_request_through_kafka_to_the_provider(
    api: aiohttp.ClientSession, upstream: Upstream, collector: Collector
) -> None:
    upstream.always(Script(tokens=2))
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": STATE}

    async with api.post(CHAT, json=HELLO, headers=headers) as answer:
        assert answer.status == 200
    spans = await asyncio.to_thread(collector.trace, TRACE, lambda spans: len(spans) >= len(STEPS), LIMIT)

    chain = descent(spans)
    assert [span.name for span in chain] == STEPS
    assert chain[0].parent_span_id.hex() == PARENT
    assert [span.kind for span in chain] == [
        Span.SPAN_KIND_SERVER,
        Span.SPAN_KIND_PRODUCER,
        Span.SPAN_KIND_CONSUMER,
        Span.SPAN_KIND_CLIENT,
    ]
    told = (await upstream.asked()).headers["traceparent"]
    assert told == f"00-{TRACE}-{chain[-1].span_id.hex()}-01"
    assert {span.trace_state for span in chain} == {STATE}


async def test_the_provider_call_is_told_in_the_words_of_the_gen_ai_conventions(
    api: aiohttp.ClientSession, upstream: Upstream, collector: Collector
) -> None:
    upstream.always(Script(tokens=3))
    trace = TRACE[::-1]

    async with api.post(CHAT, json=STREAM, headers={"traceparent": f"00-{trace}-{PARENT}-01"}) as answer:
        await answer.read()
    spans = await asyncio.to_thread(collector.trace, trace, lambda spans: len(spans) >= len(STEPS), LIMIT)

    told = attributes(descent(spans)[-1])
    assert told["gen_ai.operation.name"] == "chat"
    assert told["gen_ai.provider.name"] == "local"
    assert told["gen_ai.request.model"] == "scripted"
    assert told["gen_ai.response.model"] == "scripted"
    assert told["gen_ai.usage.output_tokens"] == 3
    assert told["gen_ai.usage.input_tokens"] == 11


async def test_a_request_without_a_trace_begins_one(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.always(Script(tokens=1))

    async with api.post(CHAT, json=HELLO, headers={"traceparent": "00-not-a-trace"}) as answer:
        assert answer.status == 200

    version, trace, span, flags = (await upstream.asked()).headers["traceparent"].split("-")
    assert (version, len(trace), len(span)) == ("00", 32, 16)
    assert int(flags, 16) & SAMPLED


async def test_edge_and_worker_tell_every_metric_that_operators_need(product: Product) -> None:
    assert (await edge_metrics(product)).names >= EDGE_METRICS
    assert (await worker_metrics(product)).names >= WORKER_METRICS


async def test_a_stream_moves_the_metrics(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=6))
    edge, worker = await edge_metrics(product), await worker_metrics(product)

    async with api.post(CHAT, json=STREAM) as answer:
        frames = len(chunks(await answer.text())) + 1
    await until(lambda: is_idle(product))

    edge_now, worker_now = await edge_metrics(product), await worker_metrics(product)

    def edge_moved(name: str, **labels: str) -> float:
        return edge_now.value(name, **labels) - edge.value(name, **labels)

    def worker_moved(name: str, **labels: str) -> float:
        return worker_now.value(name, **labels) - worker.value(name, **labels)

    assert edge_moved("jan_http_requests_total", route=CHAT, method="POST", status="200") == 1
    assert edge_moved("jan_first_token_seconds_count", model="scripted") == 1
    assert edge_moved("jan_relay_frames_total") == frames
    assert edge_now.value("jan_streams_open") == 0
    assert worker_moved("jan_relay_frames_total", way="written") == frames
    assert worker_moved("jan_tokens_total", way="output") == 6
    assert worker_moved("jan_tokens_total", way="input") == 11
    assert worker_moved("jan_job_seconds_count", kind="completion", outcome="finished") == 1
    assert worker_moved("jan_provider_first_token_seconds_count", model="scripted") == 1


@pytest.mark.parametrize("path", ["/v1/nope", "/v1/models/no/such/model", f"/{MARKER}"])
async def test_unknown_paths_make_no_series_of_their_own(
    product: Product, api: aiohttp.ClientSession, path: str
) -> None:
    async with api.get(path) as answer:
        await answer.read()

    names = await edge_metrics(product)
    assert names.value("jan_http_requests_total", route=path) == 0


async def test_logs_tell_of_the_job_but_hold_no_prompt_and_no_token(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, token: str
) -> None:
    message = {"role": "user", "content": f"the secret word is {MARKER}"}
    refusal = {
        "error": {"message": f"I will not say {MARKER}", "type": "invalid_request_error", "code": "no"}
    }
    upstream.next(Script(tokens=1), Script(status=400, body=json.dumps(refusal).encode()))
    upstream.always(Script(tokens=5, fault="bad_json", after=2))
    request: Json = {**HELLO, "messages": [message]}

    for body in (request, request, {**request, "stream": True}, {**request, "n": MARKER}, [MARKER]):
        async with api.post(CHAT, json=body, headers={"X-Request-Id": "trace-me"}) as answer:
            await answer.read()
    await until(lambda: is_idle(product))

    logs = product.servers.place.home.logs
    texts = {log.name: log.read_text(errors="replace") for log in logs.iterdir()}
    assert [name for name, text in texts.items() if MARKER in text or token in text] == []
    lines = [json.loads(line) for line in texts[product.workers[-1].log.name].splitlines() if line[:1] == "{"]
    about = [line for line in lines if line.get("request_id") == "trace-me"]
    assert {line["outcome"] for line in about} == {"finished", "no", "provider_bad_answer"}
    assert all(line["job_id"] and line["trace_id"] for line in about)


def descent(spans: list[Span]) -> list[Span]:
    """The spans from the first on, each the child of the one before."""
    known = {span.span_id for span in spans}
    chain = [span for span in spans if span.parent_span_id not in known]
    while following := [span for span in spans if span.parent_span_id == chain[-1].span_id]:
        chain += following
    return chain


def attributes(span: Span) -> dict[str, Any]:  # as many types as attributes have
    """Those with a simple value."""
    return {
        one.key: getattr(one.value, one.value.WhichOneof("value") or "string_value")
        for one in span.attributes
    }


async def is_idle(product: Product) -> bool:
    """Whether no job runs and no stream is open."""
    running = (await worker_metrics(product)).value("jan_jobs_in_flight")
    return running == 0 and (await edge_metrics(product)).value("jan_streams_open") == 0
