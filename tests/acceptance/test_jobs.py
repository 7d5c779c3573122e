"""Where a job stands, and how it is stopped: for its tenant, from any port of any edge."""

import asyncio
import json
from typing import Literal

import aiohttp
import pytest

from contracts.ids import chat_id, job_id_of, new_ulid
from tests.acceptance.asking import CHAT, HELLO, STREAM, Json, error_in, payloads
from tests.acceptance.waiting import until
from tests.product import Product
from tests.upstream.script import Script
from tests.upstream.server import Upstream

DETACH = {"X-On-Disconnect": "detach"}
HELD = Script(tokens=9, hold=5)


@pytest.fixture
async def ledger(product: Product) -> None:
    """A ledger worker folds the events."""
    if not product.ledgers:
        await product.add_ledger()


@pytest.mark.usefixtures("ledger")
async def test_a_finished_job_tells_what_it_used_and_what_happened_to_it(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=5, usage="always"))
    async with api.post(CHAT, json=HELLO, headers={"X-Request-Id": "mine"}) as answer:
        name = (await answer.json())["id"]

    async def is_told() -> bool:
        return (await job(api, name))["usage"] is not None

    await until(is_told)
    told = await job(api, name)

    assert told["id"] == job_id_of(name)
    assert (told["state"], told["kind"], told["lane"]) == ("finished", "completion", "default")
    assert (told["model"], told["request_id"], told["finish_reason"]) == ("scripted", "mine", "stop")
    assert told["usage"]["output_tokens"] == 5
    assert told["accepted_at"] <= told["claimed_at"] <= told["ended_at"] < told["deadline"]
    kinds = [entry["type"] for entry in told["timeline"]]
    assert (kinds[0], kinds[-1]) == ("accepted", "finished")
    assert "claimed" in kinds


@pytest.mark.usefixtures("ledger")
async def test_a_running_job_is_stopped_once_and_for_all(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(HELD)
    async with api.post(CHAT, json=STREAM, headers=DETACH) as answer:
        first = await answer.content.readline()
        name = json.loads(first.removeprefix(b"data: "))["id"]
        running = await job(api, name)
        cancelled = await job(api, name, "cancel")
        again = await job(api, name, "cancel")
        *_, last = payloads((first + await answer.read()).decode())
    await (await upstream.asked()).gone()

    assert (running["state"], running["cancelling"]) == ("running", False)
    assert (cancelled["state"], cancelled["cancelling"]) == ("cancelled", False)
    assert again["state"] == "cancelled"
    assert error_in(json.loads(last))["code"] == "cancelled"


@pytest.mark.usefixtures("ledger")
async def test_a_job_that_has_ended_cannot_be_stopped(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.always(Script(tokens=2))
    async with api.post(CHAT, json=HELLO) as answer:
        name = (await answer.json())["id"]

    told = await job(api, name, "cancel")

    assert told["state"] == "finished"


@pytest.mark.usefixtures("ledger")
async def test_a_failed_job_tells_its_error(api: aiohttp.ClientSession, upstream: Upstream) -> None:
    upstream.always(Script(tokens=4, fault="error", after=3))
    async with api.post(CHAT, json=STREAM) as answer:
        first, *_ = payloads(await answer.text())

    told = await job(api, json.loads(first)["id"])

    assert told["state"] == "failed"
    assert told["error"]["code"]


@pytest.mark.usefixtures("ledger")
async def test_jobs_of_others_and_jobs_that_never_were_are_not_found(
    product: Product, api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(Script(tokens=2))
    async with api.post(CHAT, json=HELLO) as answer:
        name = (await answer.json())["id"]
    stranger = {"Authorization": f"Bearer {await product.token()}"}

    for wanted, headers in ((name, stranger), (chat_id(new_ulid()), {}), (new_ulid(), {}), ("x", {})):
        async with (
            api.get(f"/v1/jobs/{wanted}", headers=headers) as read,
            api.post(f"/v1/jobs/{wanted}/cancel", headers=headers) as cancelled,
        ):
            for answer in (read, cancelled):
                assert (answer.status, error_in(await answer.json())["code"]) == (404, "not_found")


async def test_jobs_need_a_token(product: Product) -> None:
    async with aiohttp.ClientSession(product.url) as session:
        async with session.get(f"/v1/jobs/{new_ulid()}") as read:
            assert read.status == 401
        async with session.post(f"/v1/jobs/{new_ulid()}/cancel") as cancelled:
            assert cancelled.status == 401


@pytest.mark.usefixtures("ledger")
async def test_many_who_stop_a_job_at_once_are_told_the_same(
    api: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.always(HELD)
    async with api.post(CHAT, json=STREAM, headers=DETACH) as answer:
        name = json.loads((await answer.content.readline()).removeprefix(b"data: "))["id"]

    told = await asyncio.gather(*(job(api, name, "cancel") for _ in range(5)))

    assert [one["state"] for one in told] == ["cancelled"] * 5


async def job(api: aiohttp.ClientSession, name: str, what: Literal["read", "cancel"] = "read") -> Json:
    """A job as the API shows it."""
    asking = api.get(f"/v1/jobs/{name}") if what == "read" else api.post(f"/v1/jobs/{name}/cancel")
    async with asking as answer:
        assert answer.status == 200, await answer.text()
        body: Json = await answer.json()
        assert body["meta"]["request_id"] == answer.headers["X-Request-Id"]
        data: Json = body["data"]
        return data
