"""An edge is killed, or a client goes away: work goes on or ends, and nothing hangs."""

import json

import aiohttp
import pytest

from contracts.frames import FrameKind
from contracts.ids import job_id_of
from infra.embedded.child import has_ended_within, kill_group
from infra.relay.log import LogReader
from tests.acceptance.asking import CHAT, HELLO, STREAM
from tests.acceptance.exposition import edge_metrics, worker_metrics
from tests.acceptance.raw import Raw, open_raw, request
from tests.acceptance.waiting import until
from tests.faults.jobs import are_over
from tests.product import Product
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


@pytest.mark.parametrize("body", [HELLO, STREAM], ids=["whole", "stream"])
async def test_a_client_that_goes_away_leaves_nothing_open(
    product: Product, upstream: Upstream, token: str, body: dict[str, object]
) -> None:
    upstream.always(Script(tokens=3, hold=2))

    async with open_raw(product.url) as raw:
        await raw.send(_ask(token, body))
        asked = await upstream.asked()
    asked.release()

    await until(lambda: _nothing_runs(product))


async def _nothing_runs(product: Product) -> bool:
    running = (await worker_metrics(product)).value("jan_jobs_in_flight")
    return running == 0 and (await edge_metrics(product)).value("jan_streams_open") == 0


async def _read_until(raw: Raw, mark: bytes) -> bytes:
    body = b""
    while mark not in body:
        body += await raw.piece()
    return body


def _ask(token: str, body: object = STREAM) -> bytes:
    return request(CHAT, json.dumps(body).encode(), f"Authorization: Bearer {token}")
