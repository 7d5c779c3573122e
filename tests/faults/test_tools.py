"""Calls of tools whose worker is killed: each ends once, and what may not run twice does not."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from contracts.ids import new_ulid
from infra.embedded.child import Child, has_ended_within, kill_group, stop_child
from infra.failpoints import Moment
from infra.settings import KafkaSettings
from tests.acceptance.asking import Json
from tests.acceptance.waiting import LIMIT, until
from tests.engines.script import Script
from tests.engines.server import Engines
from tests.faults.test_moments import ends_in, events_of, has_ended, plan
from tests.product import Product

pytestmark = pytest.mark.stack

TAKEOVER = 60.0
"""Seconds for a dead worker's session of 6 s and its successor's start."""
COUNT = """
import pathlib, time
n = pathlib.Path("n")
n.write_text((n.read_text() if n.exists() else "") + "x")
"""
BEHIND_THE_CALL = (Moment.KEPT, Moment.CLOSED, Moment.TOLD, Moment.DONE)


@pytest.fixture
async def without_worker(product: Product) -> AsyncIterator[Product]:
    """The product, for a test that starts the workers of tools itself."""
    await stop_all(product)
    yield product
    await stop_all(product)


async def stop_all(product: Product) -> None:
    while product.tools:
        await stop_child(product.tools.pop())


async def called(api: aiohttp.ClientSession, tool: str, arguments: Json) -> tuple[Json, str]:
    """The answer to a call, and its job."""
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }
    async with api.post("/v1/mcp", json=body, timeout=aiohttp.ClientTimeout(total=TAKEOVER)) as answer:
        told: Json = await answer.json()
        assert answer.status == 200, told
        return told, answer.headers["X-Job-Id"]


async def record_of(api: aiohttp.ClientSession, job_id: str) -> Json:
    async with api.get(f"/v1/mcp/calls/{job_id}") as answer:
        told: Json = await answer.json()
        assert answer.status == 200, told
        return told


async def ends_once(kafka: KafkaSettings, job_id: str) -> None:
    await until(lambda: has_ended(kafka, job_id), TAKEOVER)
    assert len(ends_in(await events_of(kafka, job_id))) == 1


async def killed(worker: Child, product: Product) -> None:
    """SIGKILL, with all its processes, and a successor."""
    product.tools.remove(worker)
    kill_group(worker.pid)
    assert await has_ended_within(worker, LIMIT)
    await product.add_tools()


@pytest.mark.parametrize("moment", BEHIND_THE_CALL)
async def test_a_call_whose_worker_dies_behind_it_is_not_made_again(
    without_worker: Product,
    api: aiohttp.ClientSession,
    engines: Engines,
    kafka: KafkaSettings,
    moment: Moment,
) -> None:
    mortal = await without_worker.add_tools(plan(moment, 1))
    without_worker.tools.clear()
    query = {"q": f"once {new_ulid()}"}

    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(called(api, "google_search", query))
        assert await has_ended_within(mortal, LIMIT)
        await without_worker.add_tools()

    told, job_id = asking.result()
    assert told["result"]["structuredContent"]["engine"] == "serper"
    assert len(engines.requests) == 1
    record = await record_of(api, job_id)
    assert (record["status"], record["result"]["structured"]["query"]) == ("completed", query["q"])
    await ends_once(kafka, job_id)


async def test_a_reading_call_whose_worker_dies_in_it_is_made_again_and_ends_once(
    without_worker: Product, api: aiohttp.ClientSession, engines: Engines, kafka: KafkaSettings
) -> None:
    first = await without_worker.add_tools()
    engines.next("serper", Script(fault="hang"))
    query = {"q": f"again {new_ulid()}"}

    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(called(api, "google_search", query))
        await engines.asked()
        await killed(first, without_worker)

    told, job_id = asking.result()
    assert told["result"]["structuredContent"]["query"] == query["q"]
    assert len(engines.requests) == 2
    assert (await record_of(api, job_id))["status"] == "completed"
    await ends_once(kafka, job_id)


async def test_a_program_whose_worker_dies_is_not_run_twice_and_leaves_no_process(
    without_worker: Product, api: aiohttp.ClientSession, kafka: KafkaSettings
) -> None:
    first = await without_worker.add_tools()
    await needs_python(api)
    session = new_ulid()
    await called(api, "python_exec", {"code": COUNT, "session_id": session})

    async with asyncio.TaskGroup() as tasks:
        slow = {"code": f"{COUNT}time.sleep(8)", "session_id": session}
        asking = tasks.create_task(called(api, "python_exec", slow))
        await until(lambda: is_recorded(api, "running"))
        await killed(first, without_worker)

    told, job_id = asking.result()
    assert told["error"]["data"]["code"] == "worker_lost"
    record = await record_of(api, job_id)
    assert (record["status"], record["result"]) == ("failed", None)
    await ends_once(kafka, job_id)
    seen, _ = await called(api, "python_exec", {"code": "print(open('n').read())", "session_id": session})
    assert seen["result"]["structuredContent"]["stdout"] == "x\n"


async def is_recorded(api: aiohttp.ClientSession, status: str) -> bool:
    async with api.get("/v1/mcp/calls", params={"status": status}) as answer:
        return bool((await answer.json())["data"])


async def needs_python(api: aiohttp.ClientSession) -> None:
    """Skips where this machine has no sandbox."""

    async def is_known() -> bool:
        found: list[Any] = [tool async for tool in tools(api) if tool["name"] == "python_exec"]
        return bool(found)

    try:
        await until(is_known, 5.0)
    except TimeoutError:
        told, _ = await called(api, "python_exec", {"code": "1"})
        pytest.skip(str(told["result"]["content"][0]["text"]))


async def tools(api: aiohttp.ClientSession) -> AsyncIterator[Json]:
    async with api.get("/v1/mcp/tools") as answer:
        for tool in (await answer.json())["data"]:
            yield tool
