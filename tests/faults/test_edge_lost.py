"""An edge is killed, or a client goes away: work goes on or ends, and nothing hangs."""

import asyncio
import json
import secrets
import signal

import aiohttp
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from contracts.frames import FrameKind
from contracts.ids import job_id_of
from infra.embedded.child import has_ended_within, kill_group
from infra.relay.log import LogReader
from tests.acceptance.asking import CHAT, HELLO, STREAM, said
from tests.acceptance.exposition import edge_metrics, worker_metrics
from tests.acceptance.raw import Raw, open_raw, request
from tests.acceptance.waiting import LIMIT, until
from tests.collector import Collector
from tests.faults.jobs import are_over
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream


async def test_a_killed_edge_cuts_its_client_off_and_the_worker_ends_the_job(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, logs: LogReader, token: str
) -> None:
    upstream.next(Script(tokens=5, hold=3))
    upstream.always(Script(tokens=1))
    url = await product.add_edge()
    product.urls.remove(url)
    edge = product.edges.pop()

    async with open_raw(url) as raw:
        await raw.send(_ask(token))
        await raw.head()
        told = await _read_until(raw, b"t1 ")
        kill_group(edge.pid)
        assert await has_ended_within(edge, 5)
        assert await raw.is_closed()
    (await upstream.asked()).release()
    job_id = job_id_of(json.loads(told.split(b"\n")[0].removeprefix(b"data: "))["id"]) or ""
    await until(lambda: are_over(logs, [job_id]))
    await until(lambda: _nothing_runs(product))

    frames = await logs.read(job_id, 0)
    assert [frame[0] for frame in frames] == [FrameKind.CHUNK] * 7 + [FrameKind.END]
    async with api.post(CHAT, json=HELLO) as answer:
        assert answer.status == 200


async def test_a_drained_edge_ends_its_streams_and_leaves_nothing_unsaid(
    product: Product, upstream: Upstream, collector: Collector, token: str
) -> None:
    script = Script(tokens=5, hold=3)
    upstream.always(script)
    url = await product.add_edge()
    product.urls.remove(url)
    edge = product.edges.pop()
    trace = secrets.token_hex(16)

    async with open_raw(url) as raw:
        await raw.send(_ask(token, STREAM, f"traceparent: 00-{trace}-00f067aa0ba902b7-01"))
        await raw.head()
        text = await _read_until(raw, b"t1 ")
        edge.process.send_signal(signal.SIGTERM)
        (await upstream.asked()).release()
        while piece := await raw.piece():
            text += piece
    assert await has_ended_within(edge, LIMIT)
    spans = await asyncio.to_thread(collector.trace, trace, _tells_of_the_request, LIMIT / 4)

    assert said(text.decode()) == wire.text(script)
    assert edge.process.returncode == 0
    assert _tells_of_the_request(spans)


@pytest.mark.parametrize("body", [HELLO, STREAM], ids=["whole", "stream"])
async def test_a_client_that_goes_away_stops_its_job_and_leaves_nothing_open(
    product: Product, upstream: Upstream, token: str, body: dict[str, object]
) -> None:
    upstream.always(Script(tokens=3, hold=2))

    async with open_raw(product.url) as raw:
        await raw.send(_ask(token, body))
        asked = await upstream.asked()

    await asked.gone()
    await until(lambda: _nothing_runs(product))


async def _nothing_runs(product: Product) -> bool:
    running = (await worker_metrics(product)).value("jan_jobs_in_flight")
    return running == 0 and (await edge_metrics(product)).value("jan_streams_open") == 0


async def _read_until(raw: Raw, mark: bytes) -> bytes:
    body = b""
    while mark not in body:
        body += await raw.piece()
    return body


def _tells_of_the_request(spans: list[Span]) -> bool:
    return any(span.kind == Span.SPAN_KIND_SERVER for span in spans)


def _ask(token: str, body: object = STREAM, *headers: str) -> bytes:
    return request(CHAT, json.dumps(body).encode(), f"Authorization: Bearer {token}", *headers)
