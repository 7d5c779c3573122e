"""PostgreSQL is killed, or frozen: what needs it says so, what doesn't goes on, and the ledger catches up."""

import asyncio
import time

import pytest

from contracts.ids import new_ulid
from tests.acceptance.asking import CHAT
from tests.acceptance.waiting import until
from tests.faults.crowd import NAMES, Crowd, Outcome
from tests.faults.own_stack import OwnStack
from tests.faults.single import ask

pytestmark = pytest.mark.asyncio(loop_scope="module")
WELL = {Outcome.WHOLE: len(NAMES)}
OUTAGE = 15.0
"""Seconds: many times what a statement may take."""
PAUSE = 6.0
PATIENCE = 8.0
"""Seconds in which a refusal must come."""
RECOVERY = 15.0
SPOKEN = 4


async def test_chats_go_on_without_the_database_and_the_ledger_catches_up(own: OwnStack) -> None:
    crowd, later = crowd_of(own), crowd_of(own)
    crowd.tell(tokens=40, gap=0.05)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crowd.ask())
        await crowd.spoken(SPOKEN)
        await own.servers.postgres.kill()
        gone = time.monotonic()
    crowd.upstream.requests.clear()
    await later.ask()
    refused = [await ask(own, *request) for request in needing_the_database(later)]
    unwell = await own.unwell()
    await asyncio.sleep(max(0.0, gone + OUTAGE - time.monotonic()))
    await own.servers.postgres.start()
    began = time.monotonic()
    await until(own.is_well, RECOVERY)
    print(f"ready {time.monotonic() - began:.1f} s after PostgreSQL was")

    assert crowd.outcomes() == later.outcomes() == WELL
    assert unwell == {"database"}
    for refusal in refused:
        assert refusal.is_refusal()
        assert refusal.seconds < PATIENCE
    await are_in_the_ledger(own, crowd.job_ids() | later.job_ids())
    print(f"the ledger is complete {time.monotonic() - began:.1f} s after PostgreSQL's return")


async def test_a_database_that_pauses_is_waited_for_no_longer_than_its_limit(own: OwnStack) -> None:
    crowd = crowd_of(own)
    crowd.tell(tokens=40, gap=0.05)

    with own.servers.postgres.frozen():
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(crowd.ask())
            asked = [tasks.create_task(ask(own, *one)) for one in needing_the_database(crowd, new_ulid())]
            await asyncio.sleep(PAUSE)
            unwell = await own.unwell()
    began = time.monotonic()
    await until(own.is_well, RECOVERY)

    assert crowd.outcomes() == WELL
    assert unwell == {"database"}
    for one in asked:
        assert one.result().is_refusal()
        assert one.result().seconds < PATIENCE
    await are_in_the_ledger(own, crowd.job_ids())
    print(f"the ledger is complete {time.monotonic() - began:.1f} s after the pause")


def crowd_of(own: OwnStack) -> Crowd:
    return Crowd(own.product.url, own.token, own.upstream)


def needing_the_database(crowd: Crowd, job_id: str = "") -> list[tuple[str, str, dict[str, str]]]:
    """Requests that cannot be answered without it."""
    known = job_id or min(crowd.job_ids())
    return [
        ("POST", CHAT, {"Idempotency-Key": new_ulid()}),
        ("GET", f"/v1/jobs/{known}", {}),
        ("POST", "/llm/auth/guest-login", {}),
    ]


async def are_in_the_ledger(own: OwnStack, job_ids: set[str]) -> None:
    """Wait until each job's row tells its whole story."""
    left = set(job_ids)

    async def are_complete() -> bool:
        for job_id in sorted(left):
            shown = await ask(own, "GET", f"/v1/jobs/{job_id}", {})
            told = [entry["type"] for entry in shown.body["data"]["timeline"]] if shown.status == 200 else []
            if not {"accepted", "claimed", "finished"} <= set(told):
                return False
            assert told.count("finished") == 1
            assert shown.body["data"]["state"] == "finished"
            assert shown.body["data"]["usage"]["output_tokens"] > 0
            left.remove(job_id)
        return True

    await until(are_complete, RECOVERY)
