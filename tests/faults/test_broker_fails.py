"""The broker is killed, frozen and slow while a crowd of clients reads its answers, and others ask."""

import asyncio
import time
from contextlib import ExitStack

import pytest

from tests.acceptance.exposition import edge_metrics
from tests.acceptance.waiting import until
from tests.faults.crowd import NAMES, Crowd, Outcome
from tests.faults.mortal import frozen
from tests.faults.own_stack import OwnStack
from tests.faults.proxy import Faults
from tests.faults.single import ask, is_served

pytestmark = pytest.mark.asyncio(loop_scope="module")
WELL = {Outcome.WHOLE: len(NAMES)}
SPOKEN = 8
"""Payloads of every stream after which the fault comes."""
PAUSE = 15.0
"""Longer than a broker may take to answer, and than a member's session."""
LATENCY = 0.3
RECOVERY = 15.0
"""Seconds after the broker's return in which all is as it was."""


async def test_streams_outlive_a_killed_broker_and_new_requests_are_told(own: OwnStack, crowd: Crowd) -> None:
    crowd.tell(tokens=120, gap=0.1)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crowd.ask())
        await crowd.spoken(SPOKEN)
        await own.servers.kafka.kill()
        await until(lambda: tells_of_kafka(own))
        refusal = await ask(own)
        await own.servers.kafka.start()
        began = time.monotonic()
        await until(lambda: is_served(own), RECOVERY)
        served = time.monotonic() - began

    print(f"refused after {refusal.seconds:.1f} s; answered again {served:.1f} s after the broker's return")
    assert refusal.is_refusal()
    assert crowd.outcomes() == WELL
    await is_settled(own, crowd)


async def test_jobs_that_waited_in_the_broker_when_it_was_killed_all_end(own: OwnStack, crowd: Crowd) -> None:
    crowd.tell(tokens=4, gap=0.02)
    before = await accepted(own)

    async def are_accepted() -> bool:
        return await accepted(own) == before + len(NAMES)

    async with asyncio.TaskGroup() as tasks:
        with ExitStack() as stopped:
            for worker in own.product.workers:
                stopped.enter_context(frozen(worker.pid))
            tasks.create_task(crowd.ask())
            await until(are_accepted)
            await own.servers.kafka.restart()

    assert crowd.outcomes() == WELL
    await is_settled(own, crowd)


async def test_streams_outlive_a_broker_that_pauses(own: OwnStack, crowd: Crowd) -> None:
    crowd.tell(tokens=120, gap=0.1)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crowd.ask())
        await crowd.spoken(SPOKEN)
        with own.servers.kafka.frozen():
            await asyncio.sleep(PAUSE)
            assert "kafka" in await own.unwell()
        began = time.monotonic()
        await until(lambda: is_served(own), RECOVERY)
        print(f"requests are answered {time.monotonic() - began:.1f} s after the pause")

    assert crowd.outcomes() == WELL
    await is_settled(own, crowd)


async def test_a_slow_broker_only_delays_the_beginning(own: OwnStack, crowd: Crowd) -> None:
    crowd.tell(tokens=20, gap=0.02)
    own.kafka_proxy.faults = Faults(latency=LATENCY)

    try:
        await crowd.ask()
    finally:
        own.kafka_proxy.heal()

    assert crowd.outcomes() == WELL
    await is_settled(own, crowd)


async def test_connections_to_the_broker_that_are_reset_hurt_nobody(own: OwnStack, crowd: Crowd) -> None:
    crowd.tell(tokens=80, gap=0.05)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crowd.ask())
        await crowd.spoken(SPOKEN)
        for _ in range(5):
            own.kafka_proxy.reset()
            await asyncio.sleep(0.3)

    assert crowd.outcomes() == WELL
    await until(lambda: is_served(own), RECOVERY)
    await is_settled(own, crowd)


@pytest.fixture
def crowd(own: OwnStack) -> Crowd:
    """Clients of the stack."""
    return Crowd(own.product.url, own.token, own.upstream)


async def accepted(own: OwnStack) -> float:
    """Jobs that the edge has accepted so far."""
    return (await edge_metrics(own.product)).value("jan_jobs_accepted_total")


async def tells_of_kafka(own: OwnStack) -> bool:
    """Whether readiness names it."""
    return "kafka" in await own.unwell()


async def is_settled(own: OwnStack, crowd: Crowd) -> None:
    """Each job ends once, none was asked for twice, and the stack is well again."""
    await until(lambda: own.have_ended_once(crowd.job_ids()), 2 * RECOVERY)
    await until(own.is_well, RECOVERY)
    asked = [chat.json["model"] for chat in own.upstream.chats if chat.json["model"] in NAMES]
    assert len(asked) == len(set(asked))
    assert set(asked) >= {answer.name for answer in crowd.answers if answer.status == 200}
