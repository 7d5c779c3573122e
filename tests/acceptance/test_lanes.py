"""The service tier picks the lane, and is told in the answer."""

import aiohttp
import pytest

from tests.acceptance.asking import CHAT, HELLO, STREAM, chunks
from tests.acceptance.exposition import edge_metrics, worker_metrics
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream


@pytest.mark.parametrize(
    ("tier", "lane"),
    [
        ("priority", "priority"),
        ("default", "default"),
        ("auto", "default"),
        ("flex", "flex"),
        (None, "default"),
    ],
)
async def test_a_tier_is_a_lane_and_is_echoed(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream, tier: str | None, lane: str
) -> None:
    upstream.always(Script(tokens=2))
    accepted = (await edge_metrics(product)).value("jan_jobs_accepted_total", lane=lane)
    claimed = (await worker_metrics(product)).value("jan_queue_wait_seconds_count", lane=lane)

    async with api.post(CHAT, json={**HELLO, "service_tier": tier}) as answer:
        whole = await answer.json()
    async with api.post(CHAT, json={**STREAM, "service_tier": tier}) as answer:
        stream = chunks(await answer.text())

    assert whole["service_tier"] == lane
    assert {chunk["service_tier"] for chunk in stream} == {lane}
    assert (await edge_metrics(product)).value("jan_jobs_accepted_total", lane=lane) == accepted + 2
    assert (await worker_metrics(product)).value("jan_queue_wait_seconds_count", lane=lane) == claimed + 2
