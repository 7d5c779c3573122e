"""One trace of a response: from the request through every turn and every call to whoever was asked."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Sequence

import aiohttp
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.acceptance.waiting import LIMIT
from tests.collector import Collector
from tests.engines.server import Engines
from tests.upstream.server import Upstream
from tests.upstream.turns import calls, says

pytestmark = [pytest.mark.stack, pytest.mark.usefixtures("response_worker", "tool_worker")]

PARENT = "00f067aa0ba902b7"
NAMES = {
    "POST /v1/responses": 1,
    "process jobs.completion.default.v1": 2,
    "chat scripted": 2,
    "process jobs.tool.v1": 2,
    "execute_tool google_search": 2,
}


def has_all(spans: Sequence[Span]) -> bool:
    """Whether all of them have come, each as often as it must."""
    return NAMES.items() <= Counter(span.name for span in spans).items()


async def test_one_trace_holds_every_turn_and_every_call(
    api: aiohttp.ClientSession, upstream: Upstream, engines: Engines, collector: Collector
) -> None:
    trace = secrets.token_hex(16)
    words = [secrets.token_hex(4) for _ in range(2)]
    upstream.next(calls(*(("google_search", {"q": word}) for word in words)), says("Found"))
    body = {"model": "scripted", "input": "Search", "tools": [{"type": "web_search"}]}

    async with api.post(
        "/v1/responses", json=body, headers={"traceparent": f"00-{trace}-{PARENT}-01"}
    ) as answer:
        assert (await answer.json())["status"] == "completed"
    spans = await asyncio.to_thread(collector.trace, trace, has_all, LIMIT)

    by_id = {span.span_id: span for span in spans}
    (edge,) = (span for span in spans if span.name == "POST /v1/responses")
    assert edge.parent_span_id.hex() == PARENT
    for span in spans:
        above = span
        while above is not edge:
            above = by_id[above.parent_span_id]
    told = [request.headers["traceparent"].split("-")[1] for request in upstream.chats]
    assert told == [trace, trace]
