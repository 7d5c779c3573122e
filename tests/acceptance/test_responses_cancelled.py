"""Responses that are cancelled wherever they are: one end, and nothing of them goes on."""

import asyncio
from collections.abc import AsyncIterator

import psutil
import pytest
from openai.types.responses import Response

from tests.acceptance.one_end import Witness, ends_of, open_witness
from tests.acceptance.responding import executions
from tests.acceptance.waiting import until
from tests.engines.script import Script
from tests.engines.server import Engines
from tests.faults.test_tools import needs_python
from tests.product import Product
from tests.upstream.server import Upstream
from tests.upstream.turns import calls, says

pytestmark = [
    pytest.mark.stack,
    pytest.mark.usefixtures("response_worker", "tool_worker", "webhook_worker"),
]

ENDLESS = "import time\nwhile True: time.sleep(0.1)"


@pytest.fixture
async def witness(product: Product) -> AsyncIterator[Witness]:
    async with open_witness(product) as witness:
        yield witness


async def test_in_a_model_turn_its_provider_is_let_go(witness: Witness, upstream: Upstream) -> None:
    upstream.next(says("Ne", "ver", hold=2))
    response_id = await witness.begins()
    turn = await upstream.asked()

    cancelled = await witness.sdk.responses.cancel(response_id)

    assert cancelled.status == "cancelled"
    await turn.gone()
    assert await witness.ends(response_id) == ["cancelled"]
    assert len(upstream.chats) == 1


async def test_in_a_call_of_a_tool_that_is_stopped_and_recorded_so(
    witness: Witness, upstream: Upstream, engines: Engines
) -> None:
    upstream.next(calls(("google_search", {"q": "slow"}), ("google_search", {"q": "slower"})))
    engines.always("serper", Script(fault="hang"))
    response_id = await witness.begins({"type": "web_search"})
    following = asyncio.create_task(followed(witness, response_id))
    await engines.asked(2)

    cancelled = await witness.sdk.responses.cancel(response_id)

    assert cancelled.status == "cancelled"
    assert (await following)[-1] == "response.cancelled"
    await engines.gone(2)
    assert await witness.ends(response_id) == ["cancelled"]
    made = await executions(witness.api, response_id)
    assert [call["status"] for call in made] == ["cancelled", "cancelled"]
    job_ids = [call["id"] for call in made]
    assert await ends_of(witness.kafka, job_ids) == {job_id: ["cancelled"] for job_id in job_ids}
    for job_id in job_ids:
        async with witness.api.get(f"/v1/mcp/calls/{job_id}") as answer:
            assert (await answer.json())["status"] == "cancelled"
    assert len(upstream.chats) == 1
    assert statuses(cancelled) == ["failed", "failed"]


async def test_in_a_program_that_is_ended(product: Product, witness: Witness, upstream: Upstream) -> None:
    await needs_python(witness.api)
    upstream.next(calls(("python_exec", {"code": ENDLESS})))
    response_id = await witness.begins({"type": "code_interpreter", "container": {"type": "auto"}})
    await until(lambda: is_running(product))

    cancelled = await witness.sdk.responses.cancel(response_id)

    assert cancelled.status == "cancelled"
    await until(lambda: is_idle(product))
    assert await witness.ends(response_id) == ["cancelled"]
    (call,) = await executions(witness.api, response_id)
    assert call["status"] == "cancelled"
    assert await ends_of(witness.kafka, [call["id"]]) == {call["id"]: ["cancelled"]}
    assert statuses(cancelled) == ["incomplete"]


async def followed(witness: Witness, response_id: str) -> list[str]:
    """The events of its stream, to its end."""
    return [event.type async for event in await witness.sdk.responses.retrieve(response_id, stream=True)]


def statuses(response: Response) -> list[str]:
    """Of its items."""
    return [str(item.to_dict()["status"]) for item in response.output]


def programs(product: Product) -> int:
    """Sandboxes that run below the workers of tools."""
    below = [psutil.Process(worker.pid).children(recursive=True) for worker in product.tools]
    return sum("bwrap" in one.name() for many in below for one in many)


async def is_running(product: Product) -> bool:
    return programs(product) > 0


async def is_idle(product: Product) -> bool:
    return programs(product) == 0
