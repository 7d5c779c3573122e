"""An edge is told to stop: what can end in time ends, and the rest is told where to go on. Nothing is cut."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass

import aiohttp
import pytest

from infra.embedded.child import Child, has_ended_within
from tests.acceptance.asking import CHAT, HELLO, STREAM, Json, chunks, error_in, payloads
from tests.acceptance.waiting import LIMIT, until
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

GRACE = "1"
HELD = Script(tokens=9, hold=5)
PLACE = re.compile(r"GET (/v1/chat/completions/\S+)")


@dataclass
class Leaving:
    """An edge that the tests tell to stop, and a client of it."""

    edge: Child
    session: aiohttp.ClientSession

    def stop(self) -> None:
        """Tell it, once."""
        self.edge.process.send_signal(signal.SIGTERM)


@pytest.fixture
async def leaving(product: Product, token: str, request: pytest.FixtureRequest) -> AsyncIterator[Leaving]:
    """An edge with little grace."""
    url = await product.add_edge({"JAN_EDGE_DRAIN_TIMEOUT": GRACE, **getattr(request, "param", {})})
    product.urls.remove(url)
    edge = product.edges.pop()
    headers = {"Authorization": f"Bearer {token}"}
    async with aiohttp.ClientSession(
        url, headers=headers, timeout=aiohttp.ClientTimeout(total=LIMIT)
    ) as session:
        yield Leaving(edge, session)
    edge.process.kill()
    await has_ended_within(edge, LIMIT)


async def test_a_stream_that_lasts_longer_is_told_where_to_go_on_and_goes_on_there(
    leaving: Leaving, api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(HELD)

    async with leaving.session.post(CHAT, json=STREAM) as answer:
        first = await answer.content.readline()
        leaving.stop()
        *given, last = [json.loads(one) for one in payloads((first + await answer.read()).decode())]
    error = error_in(last)
    place = PLACE.search(error["message"])
    assert place
    async with api.get(place[1]) as resumed:
        (await upstream.asked()).release()
        rest = chunks(await resumed.text())

    assert error["code"] == "server_draining"
    assert [chunk["x_seq"] for chunk in given + rest] == list(range(len(given + rest)))
    assert _text(given + rest) == wire.text(HELD)
    assert await has_ended_within(leaving.edge, LIMIT)
    assert leaving.edge.process.returncode == 0


async def test_a_stream_that_never_pauses_is_told_too(
    leaving: Leaving, api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    script = Script(tokens=200, gap=0.02)
    upstream.always(script)

    async with leaving.session.post(CHAT, json=STREAM) as answer:
        first = await answer.content.readline()
        leaving.stop()
        *given, last = [json.loads(one) for one in payloads((first + await answer.read()).decode())]
    place = PLACE.search(error_in(last)["message"])
    assert place
    async with api.get(place[1]) as resumed:
        rest = chunks(await resumed.text())

    assert [chunk["x_seq"] for chunk in given + rest] == list(range(len(given + rest)))
    assert _text(given + rest) == wire.text(script)


async def test_a_whole_answer_that_lasts_longer_is_refused_and_its_job_stopped(
    leaving: Leaving, upstream: Upstream
) -> None:
    upstream.always(Script(hold=-1))

    asking = asyncio.create_task(_ask(leaving.session))
    asked = await upstream.asked()
    leaving.stop()
    status, headers, body = await asking

    assert (status, error_in(body)["code"]) == (503, "server_draining")
    assert int(headers["Retry-After"]) >= 1
    await asked.gone()


async def test_a_detached_job_goes_on_when_its_edge_ends(
    leaving: Leaving, api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    script = Script(tokens=3, hold=-1)
    upstream.always(script)
    keyed = {"Idempotency-Key": f"drained-{id(leaving)}"}

    asking = asyncio.create_task(_ask(leaving.session, keyed))
    asked = await upstream.asked()
    leaving.stop()
    status, _, _ = await asking
    asked.release()
    again, _, body = await _ask(api, keyed)

    assert (status, again) == (503, 200)
    assert body["choices"][0]["message"]["content"] == wire.text(script)
    assert len(upstream.chats) == 1


@pytest.mark.parametrize("leaving", [{"JAN_EDGE_DRAIN_DELAY": "30"}], indirect=True)
async def test_an_edge_that_waits_for_its_balancer_is_not_ready_and_still_serves(
    leaving: Leaving, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=2))
    async with leaving.session.get("/readyz") as answer:
        assert answer.status == 200

    leaving.stop()
    await until(lambda: _is_unready(leaving.session))

    status, _, _ = await _ask(leaving.session)
    assert status == 200
    leaving.stop()
    assert await has_ended_within(leaving.edge, LIMIT)


async def _ask(
    session: aiohttp.ClientSession, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], Json]:
    async with session.post(CHAT, json=HELLO, headers=headers) as answer:
        return answer.status, dict(answer.headers), await answer.json()


async def _is_unready(session: aiohttp.ClientSession) -> bool:
    async with session.get("/readyz") as answer:
        return answer.status == 503


def _text(given: list[Json]) -> str:
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in given if chunk["choices"])
