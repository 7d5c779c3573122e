"""The turn of a conversation is appended once, whatever becomes of its worker.

killed behind the commit, before the end is told   the successor's turn takes the place of the first
killed in the midst of a stream                    what both said together is the turn
asleep, and woken when its job had ended           what it says then changes nothing
Redis forgets everything                           asked again by its key or not, no turn is there twice
"""

import asyncio
import json
import signal
from typing import Any

import aiohttp
import pytest
from redis.asyncio import Redis

from contracts.ids import job_id_of, new_ulid
from infra.database import open_database
from infra.embedded.child import has_ended_within, stop_child
from infra.failpoints import Moment
from infra.settings import DatabaseSettings
from infra.store.items import ItemRow
from infra.store.results import ResultRow
from infra.store.turns import remembered_items
from tests.acceptance.asking import CHAT, Json, chunks, said
from tests.acceptance.waiting import LIMIT, until
from tests.faults.aftermath import became_stale
from tests.product import Product
from tests.upstream import wire
from tests.upstream.script import Script
from tests.upstream.server import Upstream

SCRIPT = Script(tokens=9, gap=0.05, prefill=True, usage="always")
SILENT = Script(tokens=6, hold=-1)
AGAIN = Script(tokens=3, word="again")
GOES_ON = {"JAN_PROVIDER_PREFILL": "llama.cpp"}
TAKEOVER = 60.0
"""Seconds for a dead worker's session of 6 s and its successor's start."""
pytestmark = pytest.mark.timeout(180)


def question(conversation_id: object, words: str, **more: Any) -> Json:  # fields of a request
    message = {"role": "user", "content": words}
    return {"model": "scripted", "messages": [message], "conversation": conversation_id, **more}


@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_worker_that_dies_behind_the_commit_leaves_one_turn(
    hurt: Product,
    api: aiohttp.ClientSession,
    upstream: Upstream,
    database: DatabaseSettings,
    is_stream: bool,  # noqa: FBT001
) -> None:
    upstream.always(SCRIPT)
    one = await begun(api)

    await through_a_death(hurt, api, Moment.KEPT, question(one, "second", stream=is_stream))

    turns = await told(database, one)
    assert turns == ["first", wire.text(SCRIPT), "second", wire.text(SCRIPT)]
    assert {row.attempt for row in (await rows_of(database, one))[2:]} == {2}


async def test_a_new_conversation_is_made_once(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(SCRIPT)

    answer = await through_a_death(hurt, api, Moment.KEPT, question({}, "first", stream=True))

    one = chunks(answer)[0]["conversation"]["id"]
    assert await told(database, one) == ["first", wire.text(SCRIPT)]


async def test_what_two_workers_said_of_one_answer_is_one_turn(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(SCRIPT)
    one = await begun(api)

    async with hurt.provided(GOES_ON):
        answer = await through_a_death(hurt, api, Moment.SPOKEN, question(one, "second", stream=True), hit=5)

    assert said(answer) == wire.text(SCRIPT)
    assert await told(database, one) == ["first", wire.text(SCRIPT), "second", wire.text(SCRIPT)]
    [*history, last] = upstream.chats[-1].json["messages"]
    assert [message["role"] for message in history] == ["user", "assistant", "user"]
    assert last["role"] == "assistant"


async def test_a_worker_that_sleeps_until_its_job_has_ended_changes_nothing(
    hurt: Product, api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings
) -> None:
    upstream.always(SCRIPT)
    one = await begun(api)
    upstream.next(SILENT)
    upstream.always(AGAIN)

    asking = asyncio.create_task(asked(api, question(one, "second")))
    held = await upstream.asked(2)
    sleeper = hurt.workers[0]
    sleeper.process.send_signal(signal.SIGSTOP)
    try:
        await hurt.add_worker()
        answer = json.loads(await asking)
        held.release()
    finally:
        sleeper.process.send_signal(signal.SIGCONT)
    await became_stale(sleeper, job_id_of(answer["id"]) or "")

    assert await told(database, one) == ["first", wire.text(SCRIPT), "second", wire.text(AGAIN)]


async def test_what_redis_forgets_is_not_appended_again(
    api: aiohttp.ClientSession, upstream: Upstream, database: DatabaseSettings, redis: Redis
) -> None:
    upstream.always(SCRIPT)
    one = await begun(api)
    key = {"Idempotency-Key": new_ulid()}
    first = await asked(api, question(one, "second"), **key)
    await is_kept(database, json.loads(first)["id"])

    await redis.flushall()
    again = await asked(api, question(one, "second"), **key)

    assert again == first
    assert await told(database, one) == ["first", wire.text(SCRIPT), "second", wire.text(SCRIPT)]
    assert len(upstream.chats) == 2


async def is_kept(database: DatabaseSettings, public_id: str) -> None:
    """Wait until an answer is kept beyond the relay."""

    async def is_there() -> bool:
        async with opened.begin() as session:
            return await session.get(ResultRow, job_id_of(public_id)) is not None

    async with open_database(database) as opened:
        await until(is_there)


async def begun(api: aiohttp.ClientSession) -> str:
    """A conversation with one turn."""
    async with api.post(CHAT, json=question({}, "first")) as answer:
        assert answer.status == 200, await answer.text()
        conversation_id: str = (await answer.json())["conversation"]["id"]
        return conversation_id


async def asked(api: aiohttp.ClientSession, body: Json, **headers: str) -> str:
    timeout = aiohttp.ClientTimeout(total=TAKEOVER)
    async with api.post(CHAT, json=body, headers=headers, timeout=timeout) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.text()


async def through_a_death(
    product: Product, api: aiohttp.ClientSession, moment: Moment, body: Json, *, hit: int = 1
) -> str:
    """An answer whose only worker dies at a moment, and which then gets another."""
    while product.workers:
        await stop_child(product.workers.pop())
    plan = {"JAN_ENVIRONMENT": "test", "JAN_FAILPOINTS": f"{moment.value}=kill@{hit}"}
    mortal = await product.add_worker(plan)
    product.workers.clear()
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(asked(api, body))
        assert await has_ended_within(mortal, LIMIT)
        await product.add_worker()
    return asking.result()


async def rows_of(database: DatabaseSettings, conversation_id: str) -> list[ItemRow]:
    async with open_database(database) as opened, opened.begin() as session:
        rows, _ = await remembered_items(session, conversation_id, "MAIN", 10**9, lambda _: False)
    return rows


async def told(database: DatabaseSettings, conversation_id: str) -> list[str]:
    """The texts of a conversation."""
    return [row.data["content"][0]["text"] for row in await rows_of(database, conversation_id)]
