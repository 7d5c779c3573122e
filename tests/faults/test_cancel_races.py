"""Responses that are cancelled while they end: whichever is first, it is the only end, seen everywhere."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from contracts.ids import job_id_of, response_id
from contracts.topics import RESPONSE
from infra.bus.tail import read_topic
from tests.acceptance.one_end import Witness, open_witness
from tests.acceptance.waiting import LIMIT, until
from tests.faults.mortal import frozen
from tests.product import Product
from tests.upstream.request import Request
from tests.upstream.server import Upstream
from tests.upstream.turns import says

pytestmark = [
    pytest.mark.stack,
    pytest.mark.kafka,  # the fallback broker forgets a member that stands still
    pytest.mark.usefixtures("response_worker", "webhook_worker"),
]

RACES = 30
ANSWER = says("All", " done", hold=2)
PAYLOADS = len(ANSWER.payloads or ())


@pytest.fixture
async def witness(product: Product) -> AsyncIterator[Witness]:
    async with open_witness(product) as witness:
        yield witness


async def test_cancelled_while_it_is_queued_it_is_never_answered(
    product: Product, witness: Witness, upstream: Upstream
) -> None:
    upstream.next(says("Ne", "ver", hold=2))
    (worker,) = product.responses
    body = {"model": "scripted", "input": "Go", "background": True, "stream": True}
    with frozen(worker.pid):
        async with witness.api.post("/v1/responses", json=body) as answer:
            named = response_id(answer.headers["X-Job-Id"])
        await until(lambda: are_told(witness, named, 1))
        cancelling = asyncio.create_task(cancelled(witness, named))
        await until(lambda: are_told(witness, named, 2))

    assert await cancelling == "cancelled"
    assert await witness.ends(named) == ["cancelled"]
    await until(lambda: is_let_go(upstream))


@pytest.mark.parametrize("first", ["the end", "the cancelling"])
async def test_cancelled_at_its_last_step_it_has_the_end_that_the_canceller_is_told(
    product: Product, witness: Witness, upstream: Upstream, first: str
) -> None:
    upstream.next(ANSWER)
    named = await witness.begins()
    turn = await upstream.asked()
    (worker,) = product.responses

    with frozen(worker.pid):
        if first == "the end":
            turn.release()
            await until(lambda: are_told(witness, named, 2))
        cancelling = asyncio.create_task(cancelled(witness, named))
        await until(lambda: are_told(witness, named, 3 if first == "the end" else 2))
        if first == "the cancelling":
            turn.release()
            await until(lambda: are_told(witness, named, 3))

    assert [await cancelling] == await witness.ends(named)


async def test_in_every_race_of_a_cancelling_and_an_end_there_is_one(
    witness: Witness, upstream: Upstream
) -> None:
    upstream.next(*[ANSWER] * RACES)
    named: list[str] = []
    told: list[str] = []

    for number in range(RACES):
        named.append(await witness.begins())
        turn = await upstream.asked(number + 1)
        told.append(await RACE[number % len(RACE)](witness, named[-1], turn))

    assert await witness.ends(*named) == told
    assert set(told) <= {"cancelled", "completed"}


async def at_once(witness: Witness, named: str, turn: Request) -> str:
    turn.release()
    return await cancelled(witness, named)


async def when_all_is_said(witness: Witness, named: str, turn: Request) -> str:
    turn.release()
    async with asyncio.timeout(LIMIT):
        while turn.sent < PAYLOADS:
            await asyncio.sleep(0)
    return await cancelled(witness, named)


async def when_the_end_is_told(witness: Witness, named: str, turn: Request) -> str:
    turn.release()
    await until(lambda: are_told(witness, named, 2))
    return await cancelled(witness, named)


RACE: list[Callable[[Witness, str, Request], Awaitable[str]]] = [
    at_once, when_all_is_said, when_the_end_is_told,
]  # fmt: skip


async def cancelled(witness: Witness, named: str) -> str:
    """What the canceller is told."""
    return str((await witness.sdk.responses.cancel(named)).status)


async def are_told(witness: Witness, named: str, count: int) -> bool:
    """Whether so many words about a response stand on its topic."""
    key = (job_id_of(named) or "").encode()
    return sum([1 async for record in read_topic(witness.kafka, RESPONSE) if record.key == key]) >= count


async def is_let_go(upstream: Upstream) -> bool:
    return upstream.open_connections == 0
